"""People's labels on units: an append-only history, and the current view of it.

Nothing is ever changed or deleted. A label is an annotation; a withdrawal is another annotation that supersedes it; the
current labels are those that nothing supersedes.
"""

import getpass
import unicodedata
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from catalog.errors import LabelError
from extract.units import Unit
from graph.schema import Annotation, Branch, Origin
from graph.store import CircuitStore

Modality = Literal["picture", "word"]
LONGEST = 200  # characters of a label, an author or a facet; a label is a name, not an essay


def _writable(text: str) -> str:
    """Refuse what XML and terminals cannot show: control characters other than line breaks and tabs."""
    if any(unicodedata.category(letter) == "Cc" for letter in text if letter not in "\n\t"):
        raise ValueError("holds a control character")
    return text


_Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST), AfterValidator(_writable)
]


class _Said(BaseModel):
    """Who says something: trimmed, of bounded length, without control characters, as all text below."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    author: _Line


class _Label(_Said):
    """A label as it comes in."""

    text: _Line
    branch: Branch = "sum"
    facet: _Line | None = None
    modality: Modality | None = None
    source: Origin = "human"
    confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    sensitive: bool = False


_Input = TypeVar("_Input", bound=_Said)


class Labels:
    """The labels of one model's units, through its store."""

    def __init__(self, store: CircuitStore, model: str) -> None:
        self.store, self.model = store, model

    def add(
        self,
        unit: Unit,
        text: str,
        author: str | None = None,
        branch: str = "sum",
        facet: str | None = None,
        modality: str | None = None,
        source: str = "human",
        confidence: float | None = None,
        sensitive: bool = False,
    ) -> Annotation:
        """Label a unit, or one branch of it; the label that says the same already is given back instead of a second.

        `author` None takes the login name; `confidence` lies between 0 and 1. Raises LabelError for a label that breaks
        a rule and UnknownUnit for a unit that the model does not have; nothing is changed then.
        """
        label = _checked(
            _Label,
            {"text": text, "author": author or login_name(), "branch": branch, "facet": facet}
            | {"modality": modality, "source": source, "confidence": confidence, "sensitive": sensitive},
        )
        for annotation in self.current(unit):
            if all(getattr(annotation, name) == value for name, value in label):
                return annotation
        fresh = Annotation(id=str(uuid.uuid4()), model=self.model, unit=str(unit), at=datetime.now(UTC), **dict(label))
        self.store.annotate(fresh)
        return fresh

    def withdraw(self, unit: Unit, text: str, author: str | None = None) -> Annotation:
        """Take back a current label, named by its text or its annotation's id, by appending what supersedes it.

        `author` is who withdraws. Raises LabelError where no current label, or more than one, is so named.
        """
        named = [a for a in self.current(unit) if text.strip() in (a.text, a.id)]
        if not named:
            raise LabelError(f"{unit} has no current label {text!r}. `circuits label list {unit}` shows those it has.")
        if len(named) > 1:
            ids = ", ".join(f"{a.id} by {a.author} on {a.branch}" for a in named)
            raise LabelError(f"{unit} has {len(named)} labels {text!r}. Withdraw one of them by its id: {ids}.")
        who = _checked(_Said, {"author": author or login_name()}).author
        old = named[0]
        withdrawal = replace(
            old, id=str(uuid.uuid4()), at=datetime.now(UTC), action="withdraw", author=who, supersedes=old.id
        )
        self.store.annotate(withdrawal)
        return withdrawal

    def current(self, unit: Unit | None = None, containing: str = "") -> list[Annotation]:
        """The labels that nothing supersedes, oldest first: of one unit or of all, containing a text in any case."""
        history = self.history(unit)
        superseded = {a.supersedes for a in history}
        return [
            a for a in history
            if a.action == "add" and a.id not in superseded and containing.casefold() in a.text.casefold()
        ]  # fmt: skip

    def history(self, unit: Unit | None = None) -> list[Annotation]:
        """Every annotation and withdrawal, oldest first; of one unit or of all."""
        return self.store.annotations(self.model, unit)


def login_name() -> str:
    """The name that the surroundings give the user; LabelError where they give none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError) as error:
        raise LabelError("A label needs an author and this machine gives no login name: say who you are.") from error


def _checked(kind: type[_Input], fields: dict[str, object]) -> _Input:
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        what = "; ".join(f"{'.'.join(map(str, e['loc'][:1]))}: {e['msg']}" for e in error.errors()[:3])
        raise LabelError(
            f"This cannot be said of a unit ({what}). Nothing was changed; mend it and try again."
        ) from error
