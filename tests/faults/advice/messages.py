"""The messages of our errors as the modules hold them, and what a table says of each."""

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import ModuleType

from catalog import Catalog
from extract.errors import CircuitsError
from extract.network.torch_archive import NoWeights
from tests.builders.neo4j_server import Neo4j

Act = Callable[[], object]
Ask = Callable[[Catalog], object]
AskNeo4j = Callable[[Neo4j], object]


@dataclass(frozen=True)
class Advice:
    """A part of a message that no other has, what brings it up, and the same with its advice followed."""

    part: str
    case: Act
    followed: Act


@dataclass(frozen=True)
class Question:
    """As Advice, asked of a catalog of two models: what is planted, and its units alone."""

    part: str
    case: Ask
    followed: Ask


@dataclass(frozen=True)
class OnNeo4j:
    """As Advice, asked of a running Neo4j, empty at the start."""

    part: str
    case: AskNeo4j
    followed: AskNeo4j


@dataclass(frozen=True)
class Table:
    """The advice of some modules' messages.

    `elsewhere` names the test file of those that need more than a line, `untested` says why a message has no test.
    """

    modules: tuple[str, ...]
    advice: tuple[Advice, ...] = ()
    elsewhere: dict[str, str] = field(default_factory=dict)
    untested: dict[str, str] = field(default_factory=dict)
    questions: tuple[Question, ...] = ()
    on_neo4j: tuple[OnNeo4j, ...] = ()

    @property
    def parts(self) -> tuple[str, ...]:
        """The part of every message."""
        asked = (*(each.part for each in self.questions), *(each.part for each in self.on_neo4j))
        return (*(advice.part for advice in self.advice), *asked, *self.elsewhere, *self.untested)


@dataclass(frozen=True)
class Message:
    """A message in a module, its braces as they stand there, and a pattern of what it comes to."""

    text: str
    pattern: re.Pattern[str]


def messages(module: str) -> Iterator[Message]:
    """The messages that a module gives errors of ours, and the templates that it holds beside an error's class.

    Those that it only passes on are left out.
    """
    content = import_module(module)
    for node in ast.walk(ast.parse(Path(str(content.__file__)).read_text(encoding="utf-8"))):
        match node:
            case ast.Call(func=ast.Name(id=name), args=[text, *_]) if _is_error(name, content):
                yield from _message(_written(text, content))
            case ast.Call(args=[*_, ast.Name(id=name), text]) if _is_error(name, content):  # advice beside its error
                yield from _message(_written(text, content))
            case ast.Tuple(elts=[ast.Name(id=name), ast.Constant(value=str(template))]) if _is_error(name, content):
                yield Message(template, re.compile(re.sub(r"\\{\w+\\}", ".*", re.escape(template)), re.DOTALL))


def _is_error(name: str, module: ModuleType) -> bool:
    kind = getattr(module, name, None)
    return inspect.isclass(kind) and issubclass(kind, CircuitsError | NoWeights)


def _written(text: ast.expr, module: ModuleType) -> ast.expr:
    """The text itself where a module's constant stands for it."""
    constant = getattr(module, text.id, None) if isinstance(text, ast.Name) else None
    return ast.Constant(constant) if isinstance(constant, str) else text


def _message(text: ast.expr) -> Iterator[Message]:
    parts = text.values if isinstance(text, ast.JoinedStr) else [text]
    constants = [str(part.value) if isinstance(part, ast.Constant) else None for part in parts]
    if any(constants):
        pattern = "".join(".*" if part is None else re.escape(part) for part in constants)
        yield Message(ast.unparse(text).lstrip("f").strip("'\""), re.compile(pattern, re.DOTALL))
