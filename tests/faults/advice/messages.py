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

Act = Callable[[], object]
Ask = Callable[[Catalog], object]


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
class Table:
    """The advice of some modules' messages.

    `elsewhere` names the test file of those that need more than a line, `untested` says why a message has no test.
    """

    modules: tuple[str, ...]
    advice: tuple[Advice, ...] = ()
    elsewhere: dict[str, str] = field(default_factory=dict)
    untested: dict[str, str] = field(default_factory=dict)
    questions: tuple[Question, ...] = ()

    @property
    def parts(self) -> tuple[str, ...]:
        """The part of every message."""
        asked = (question.part for question in self.questions)
        return (*(advice.part for advice in self.advice), *asked, *self.elsewhere, *self.untested)


@dataclass(frozen=True)
class Message:
    """A message in a module, its braces as they stand there, and a pattern of what it comes to."""

    text: str
    pattern: re.Pattern[str]


def messages(module: str) -> Iterator[Message]:
    """The messages that a module gives errors of ours; those that it only passes on are left out."""
    content = import_module(module)
    for node in ast.walk(ast.parse(Path(str(content.__file__)).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            kind = getattr(content, node.func.id, None)
            if inspect.isclass(kind) and issubclass(kind, CircuitsError | NoWeights):
                yield from _message(_written(node.args[0], content))


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
