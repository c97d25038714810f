"""The rules that every label keeps, whether typed, imported or proposed automatically."""

from typing import Annotated

from pydantic import Field

from catalog.text_rules import Authored, Reason, ShortText
from graph.records import Branch, Modality, Origin


class Objection(Authored):
    """The input of a rejection: who says that a label is wrong, and why."""

    reason: Reason | None = None


class Label(Authored):
    """The input of a label, before it is stored as an annotation."""

    text: ShortText
    branch: Branch = "sum"
    facet: ShortText | None = None
    modality: Modality | None = None
    source: Origin = "human"
    confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    sensitive: bool = False
    evidence: Reason | None = None
