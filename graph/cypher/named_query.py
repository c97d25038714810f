"""A query with a name, built in or saved by a user, and the parameters that its text asks for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from string import whitespace
from typing import Any

COMMENT = r"//[^\r\n]*|/\*.*?\*/"
_LEADING = re.compile(rf"\A(?>\s|{COMMENT})*+", re.DOTALL)
_QUOTED = re.compile(rf"""{COMMENT}|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`[^`]*`""", re.DOTALL)
BUILT_IN_AUTHOR = "clip-circuits"


@dataclass(frozen=True)
class NamedQuery:
    """A Cypher text with its name, what it answers, and the meanings and defaults of its parameters.

    A parameter without a default must be passed, except `model` and `layer`: these are then the open model and its last
    sum.
    """

    name: str
    text: str
    description: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    meanings: Mapping[str, str] = field(default_factory=dict)
    author: str = BUILT_IN_AUTHOR
    at: datetime | None = None

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the text's parameters, in the order of the text."""
        return parameters_in(self.text)


@dataclass(frozen=True, kw_only=True)
class EarlierQuery(NamedQuery):
    """A saved query that was replaced or removed, by whom and when; `version` is its id."""

    version: str
    removed_by: str
    removed_at: datetime


def trimmed(text: str) -> str:
    """Remove space and comments before a text, and space and semicolons after it; every server gets the trimmed text.

    ArcadeDB misreads subqueries of a text that it has not analysed before, and over Bolt it analyses the trimmed text.
    """
    return _unclosed(_LEADING.sub("", text)).rstrip()


def _unclosed(text: str) -> str:
    """Remove the semicolons that close a text, and the comments around them."""
    masked = _QUOTED.sub(lambda found: (" " if found[0].startswith("/") else "?") * len(found[0]), text)
    end = len(masked.rstrip(f";{whitespace}"))
    return text[:end] if ";" in masked[end:] else text


def bare(text: str) -> str:
    """Return a text without its comments, and with a question mark in place of each quotation."""
    return _QUOTED.sub(lambda found: " " if found[0].startswith("/") else "?", text)


def parameters_in(text: str) -> tuple[str, ...]:
    """Return the names of a text's parameters in its order, each once, without names that are in backticks."""
    return tuple(dict.fromkeys(re.findall(r"\$(\w+)", bare(text))))
