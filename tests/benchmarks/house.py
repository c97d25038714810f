"""Count what makes a checkout hard to read: names, imports, lengths and tests, of one or more checkouts side by side.

    python tests/benchmarks/house.py [CHECKOUT ...]

By default of this checkout. A vague name is a parameter called by one of `VAGUE`.
"""

import argparse
import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median

HERE = Path(__file__).parents[2]
ROOMS = ("extract", "graph", "catalog", "app", "clip_circuits")
VAGUE = {
    *("all_", "asked", "brought", "chosen", "found", "given", "it", "kept", "obj", "said", "some", "stuff", "sure"),
    *("thing", "things", "told", "what"),
}
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """A module's text and syntax tree."""

    path: Path
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    def nodes(self, kind: type[ast.AST]) -> Iterator[ast.AST]:
        return (node for node in ast.walk(self.tree) if isinstance(node, kind))

    @property
    def functions(self) -> list[FUNCTION]:
        return [node for node in ast.walk(self.tree) if isinstance(node, FUNCTION)]

    @property
    def inner_imports(self) -> list[str]:
        """The lines of imports that stand in functions."""
        imports = ast.Import | ast.ImportFrom
        numbers = {n.lineno for each in self.functions for n in ast.walk(each) if isinstance(n, imports)}
        return [self.text.splitlines()[number - 1] for number in sorted(numbers)]

    def imports(self, package: str) -> bool:
        names = [a.name for node in ast.walk(self.tree) if isinstance(node, ast.Import) for a in node.names]
        names += [str(node.module) for node in ast.walk(self.tree) if isinstance(node, ast.ImportFrom)]
        return any(name.partition(".")[0] == package for name in names)


def modules(checkout: Path, rooms: tuple[str, ...]) -> list[Module]:
    files = (file for room in rooms for file in sorted((checkout / room).rglob("*.py")))
    return [Module(file.relative_to(checkout), file.read_text(encoding="utf-8")) for file in files]


def counts(checkout: Path) -> dict[str, object]:
    product, tests = modules(checkout, ROOMS), modules(checkout, ("tests",))
    functions = [function for module in product for function in module.functions]
    lengths = [(function.end_lineno or 0) - function.lineno + 1 for function in functions]
    lines = sorted(len(module.text.splitlines()) for module in product if module.text)
    types = Counter({(n.name, m.path) for m in product for n in m.tree.body if isinstance(n, ast.ClassDef)})
    names = Counter(name for name, _ in types)
    inner = [line for module in product for line in module.inner_imports]
    parameters = [a.arg for f in functions for a in (*f.args.posonlyargs, *f.args.args, *f.args.kwonlyargs)]
    above = [module for module in product if module.path.parts[0] in ("catalog", "app")]
    return {
        "modules": len(lines),
        "lines of a module: median, most": f"{median(lines):.0f}, {lines[-1]}",
        "functions": len(functions),
        "lines of a function: median, most": f"{median(lengths):.0f}, {max(lengths)}",
        "type names in several modules": sum(count > 1 for count in names.values()),
        "parameters with a vague name": sum(name in VAGUE for name in parameters),
        "imports in functions": len(inner),
        "of these without a reason": sum("  # " not in line for line in inner),
        "modules above extract that import torch": sum(
            m.imports("torch") for m in product if m.path.parts[0] != "extract"
        ),
        "Unit.parse, Layer.parse in catalog and app": sum(
            m.text.count(f"{t}.parse(") for m in above for t in ("Unit", "Layer")
        ),
        "test functions": sum(f.name.startswith("test_") for m in tests for f in m.functions),
        "asserts in tests": sum(1 for m in tests for _ in m.nodes(ast.Assert)),
        "parametrised tests": sum(m.text.count("parametrize(") for m in tests),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkouts", nargs="*", type=Path, default=[HERE])
    columns = [counts(checkout) for checkout in parser.parse_args().checkouts]
    for name in columns[0]:
        print(f"{name:44}", *(f"{column[name]!s:>12}" for column in columns))


if __name__ == "__main__":
    main()
