"""Imports stand at the top of a file; one in a function, which waits until it is needed, says why."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = ("extract", "graph", "catalog", "app", "clip_circuits")


def imports_in_functions(text: str) -> Iterator[str]:
    """The lines of a module's imports that run when a function is called."""
    lines = text.splitlines()
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    numbers = {
        node.lineno for each in functions for node in ast.walk(each) if isinstance(node, ast.Import | ast.ImportFrom)
    }
    return (lines[number - 1] for number in sorted(numbers))


def test_an_import_in_a_function_says_why() -> None:
    files = [file for room in ROOMS for file in (ROOT / room).rglob("*.py")]
    imports = [(file.name, line) for file in files for line in imports_in_functions(file.read_text(encoding="utf-8"))]
    assert imports
    assert [each for each in imports if "  # " not in each[1]] == []
