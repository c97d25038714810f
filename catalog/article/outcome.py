"""What became of a claim on a network."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from catalog.article.measurements import Measurements

ClaimVerdict = Literal["pass", "deviation", "cannot run"]
VERDICTS: tuple[ClaimVerdict, ...] = ("pass", "deviation", "cannot run")


class CannotRun(Exception):
    """A claim that cannot be decided on the measurements; the message says what it lacks and why."""


@dataclass(frozen=True)
class Outcome:
    """A verdict, what was found in a few words, and the numbers behind it."""

    verdict: ClaimVerdict
    finding: str
    values: Mapping[str, Any]


ClaimCheck = Callable[[Measurements, Mapping[str, Any]], Outcome]


def judge(holds: bool, finding: str, **values: Any) -> Outcome:
    """Pass where a claim holds; else it deviates."""
    return Outcome("pass" if holds else "deviation", finding, values)
