"""The outcome of a claim on a network: its verdict and the numbers behind it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from catalog.article.measurements import Measurements

ClaimVerdict = Literal["pass", "deviation", "cannot run"]
VERDICTS: tuple[ClaimVerdict, ...] = ("pass", "deviation", "cannot run")


class CannotRun(Exception):
    """An error for a claim that cannot be decided; the message says what the measurements lack."""


@dataclass(frozen=True)
class Outcome:
    """A verdict, the finding in a few words, and the numbers behind the verdict."""

    verdict: ClaimVerdict
    finding: str
    values: Mapping[str, Any]


ClaimCheck = Callable[[Measurements, Mapping[str, Any]], Outcome]


def judge(holds: bool, finding: str, **values: Any) -> Outcome:
    """Return the outcome of a claim: `pass` if the claim holds, else `deviation`."""
    return Outcome("pass" if holds else "deviation", finding, values)
