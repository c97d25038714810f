"""Text as people type it, before it is kept: trimmed, of bounded length, and nothing in it that cannot be shown."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, StringConstraints, ValidationError

LONGEST_NAME = 80


def writable(text: str) -> str:
    """Refuse what XML and terminals cannot show: control characters other than line breaks and tabs. ValueError."""
    if any(unicodedata.category(letter) == "Cc" for letter in text if letter not in "\n\t"):
        raise ValueError("holds a control character")
    return text


def in_one_line(text: str) -> str:
    """Refuse line breaks too, and what is half a character. ValueError."""
    if any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in text):
        raise ValueError("holds a line break or a control character")
    return text


Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_NAME),
    AfterValidator(in_one_line),
]


def broken(error: ValidationError) -> str:
    """The first rules that were broken, each with the field's name."""
    return "; ".join(f"{'.'.join(map(str, e['loc'][:1]))}: {e['msg']}" for e in error.errors()[:3])
