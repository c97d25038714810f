"""Check text that people type before it is stored: trimmed, of bounded length, and printable."""

import getpass
import unicodedata
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError

from catalog.errors import LabelError
from extract.printable import composed

LONGEST_NAME = 80


def writable(text: str) -> str:
    """Return the text with composed letters.

    Raises ValueError for control characters other than line breaks and tabs, which XML and terminals cannot show.
    """
    if any(unicodedata.category(letter) == "Cc" for letter in text if letter not in "\n\t"):
        raise ValueError("holds a control character")
    return composed(text)


def in_one_line(text: str) -> str:
    """Return the text. Raises ValueError for line breaks, control characters and unpaired surrogates."""
    if any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in text):
        raise ValueError("holds a line break or a control character")
    return text


Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_NAME),
    AfterValidator(in_one_line),
]


def broken(error: ValidationError) -> str:
    """Return the first three broken rules as text, each with its field's name."""
    return "; ".join(f"{'.'.join(map(str, e['loc'][:1]))}: {e['msg']}" for e in error.errors()[:3])


LONGEST = 200  # characters of a label, an author or a facet; a label is a name, not an essay


EVIDENCE = 1000  # characters of a reason, or of a link


ShortText = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST), AfterValidator(writable)
]


Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=EVIDENCE), AfterValidator(writable)
]


class Authored(BaseModel):
    """Input with an author, who says it; all its texts are trimmed, of bounded length, without control characters."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    author: ShortText


_Input = TypeVar("_Input", bound=BaseModel)


def checked(kind: type[_Input], fields: dict[str, object]) -> _Input:
    """Return the fields as a checked model. Raises LabelError for fields that break a rule."""
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        raise LabelError(
            f"This entry is not valid ({broken(error)}). Nothing was changed. Correct it and try again."
        ) from error


def checked_author(author: str | None) -> str:
    """Return the author (None: the login name). Raises LabelError for a name that breaks a rule."""
    return checked(Authored, {"author": author or login_name()}).author


def login_name() -> str:
    """Return the user's login name. Raises LabelError if the system gives none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError) as error:
        raise LabelError(
            "A label needs an author, and this machine has no login name for you. Name yourself as the author."
        ) from error
