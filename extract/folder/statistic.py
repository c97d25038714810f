"""The description of a statistic: its title, meaning, range, format, and place in the extraction folder."""

from dataclasses import dataclass, replace
from typing import Literal

Subject = Literal["unit", "edge", "candidate"]
ValueKind = Literal["number", "text", "counts"]
NumberFormat = Literal["number", "share", "rate", "count"]
Units = Literal["all", "sums", "norms"]


@dataclass(frozen=True)
class Statistic:
    """The description of one statistic, which is a number or a text.

    `table` and `column` say where the extraction folder stores the statistic; without a table it is computed from
    others. `definition` is the meaning as written into the folder's metadata, if that differs. `low` and `high` are the
    lowest and highest possible value (None: no limit). `of` says which units have the statistic: those of all measured
    layers, of sums, or of batch norms' outputs.
    """

    name: str
    title: str
    meaning: str = ""
    subject: Subject = "unit"
    kind: ValueKind = "number"
    format: NumberFormat = "number"
    low: float | None = None
    high: float | None = None
    bar: bool = False  # drawn as a bar, as a part of its highest value
    of: Units = "all"
    table: str | None = None
    column: str | None = None  # None: the name
    definition: str | None = None  # None: the meaning; "": none is written
    header: str | None = None  # in tables of the terminal; None: the name
    searchable: bool = False
    candidate: bool = False  # shown with candidates
    coverage: int = 95  # of its interval, in percent
    since: int = 1  # version of the graph's schema

    @property
    def stored(self) -> str:
        """The name of the statistic's column in the extraction folder."""
        return self.column or self.name


def bounded(row: Statistic, candidate: bool = False) -> tuple[Statistic, ...]:
    """Return a number and its two bounds; each bound fails in 5 % of cases, so together they form a 90 % interval.

    `candidate` says whether the bounds, too, are shown with candidates.
    """
    plain = replace(row, format="number", searchable=False, candidate=candidate)
    bounds = (
        replace(
            plain,
            name=f"{row.name}_{end}",
            title=f"{row.title}, {text}",
            meaning=f"one-sided 95 % {side} bound",
            definition=None,
            column=f"{row.stored}_{end}",
        )
        for end, text, side in (("low", "at least", "lower"), ("high", "at most", "upper"))
    )
    return (replace(row, coverage=90), *bounds)
