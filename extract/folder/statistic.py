"""What is known of a number: its title, meaning, range and format, and where it stands."""

from dataclasses import dataclass, replace
from typing import Literal

Subject = Literal["unit", "edge", "candidate"]
ValueKind = Literal["number", "text", "counts"]
NumberFormat = Literal["number", "share", "rate", "count"]
Units = Literal["all", "sums", "norms"]


@dataclass(frozen=True)
class Statistic:
    """One number, or text, and all that is known of it.

    `table` and `column` say where it stands in the extraction folder; without a table it is computed from others.
    `definition` is the meaning as the folder's metadata has it, where that differs. `low` and `high` are its bounds,
    None where it has none. `of` says which units have it: all layers that were measured, sums, or batch norms' outputs.
    """

    name: str
    title: str
    meaning: str = ""
    subject: Subject = "unit"
    kind: ValueKind = "number"
    format: NumberFormat = "number"
    low: float | None = None
    high: float | None = None
    bar: bool = False  # drawn as a part of its highest value
    of: Units = "all"
    table: str | None = None
    column: str | None = None  # None: the name
    definition: str | None = None  # None: the meaning
    header: str | None = None  # in tables of the terminal; None: the name
    searchable: bool = False
    candidate: bool = False  # shown with candidates
    coverage: int = 95  # of its interval, in percent
    since: int = 1  # version of the graph's schema

    @property
    def stored(self) -> str:
        """The name of its column in the extraction folder."""
        return self.column or self.name


def bounded(row: Statistic, candidate: bool = False) -> tuple[Statistic, ...]:
    """A number and its bounds: each fails in 5 % of cases, so that both are a 90 % interval.

    `candidate` says whether the bounds are shown with candidates, too.
    """
    plain = replace(row, format="number", searchable=False, candidate=candidate)
    bounds = (
        replace(
            plain,
            name=f"{row.name}_{end}",
            title=f"{row.title}, {text}",
            meaning=f"one-sided 95 % {side} bound",
            column=f"{row.stored}_{end}",
        )
        for end, text, side in (("low", "at least", "lower"), ("high", "at most", "upper"))
    )
    return (replace(row, coverage=90), *bounds)
