"""What became of a claim on a network."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from catalog.article.evidence import Evidence

Verdict = Literal["pass", "deviation", "cannot run"]
VERDICTS: tuple[Verdict, ...] = ("pass", "deviation", "cannot run")


class CannotRunError(Exception):
    """A claim that cannot be decided on the evidence; the message says what it lacks and why."""


@dataclass(frozen=True)
class Outcome:
    """A verdict, what was found in a few words, and the numbers behind it."""

    verdict: Verdict
    finding: str
    measured: Mapping[str, Any]


Check = Callable[[Evidence, Mapping[str, Any]], Outcome]


def decided(holds: bool, finding: str, **measured: Any) -> Outcome:
    """A claim that holds or deviates."""
    return Outcome("pass" if holds else "deviation", finding, measured)
