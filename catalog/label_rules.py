"""What may be said of a unit: the rules that every label keeps, from wherever it comes in."""

from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from catalog.errors import LabelError
from catalog.wording import broken, writable
from graph.schema import Branch, Origin

Modality = Literal["picture", "word"]
LONGEST = 200  # characters of a label, an author or a facet; a label is a name, not an essay
EVIDENCE = 1000  # characters of a reason, or of a link


Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST), AfterValidator(writable)
]
Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=EVIDENCE), AfterValidator(writable)
]


class Said(BaseModel):
    """Who says something: trimmed, of bounded length, without control characters, as all text below."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    author: Line


class Objection(Said):
    """Who says that a label is wrong, and why."""

    reason: Reason | None = None


class Label(Said):
    """A label as it comes in."""

    text: Line
    branch: Branch = "sum"
    facet: Line | None = None
    modality: Modality | None = None
    source: Origin = "human"
    confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    sensitive: bool = False
    evidence: Reason | None = None


_Input = TypeVar("_Input", bound=BaseModel)


def checked(kind: type[_Input], fields: dict[str, object]) -> _Input:
    """The fields, if they keep the rules; else LabelError."""
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        raise LabelError(
            f"This cannot be said of a unit ({broken(error)}). Nothing was changed; mend it and try again."
        ) from error
