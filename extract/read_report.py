"""What was read of something from outside: how much was seen and taken, and why the rest was not."""

from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class LeftOut:
    """Something that was not taken; the `reason` is a clause, its particulars after a colon."""

    name: str
    reason: str


@dataclass(frozen=True)
class Reading:
    """How many were taken of a kind of things, what was left out, and what else the reader should know."""

    kind: str
    taken: int
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def seen(self) -> int:
        """All that was there."""
        return self.taken + len(self.left_out)

    def __str__(self) -> str:
        """One line, such as "probes: 9 seen, 8 taken, the rest because it is hidden (1)"; then the notes."""
        return "; ".join([f"{self.kind}: {self.seen:,} seen, {self.taken:,} taken{self._because}", *self.notes])

    @property
    def _because(self) -> str:
        return f", the rest because {reasons(self.left_out)}" if self.left_out else ""


def reasons(left_out: tuple[LeftOut, ...]) -> str:
    """The reasons without their particulars, the most frequent first, each with its number."""
    counts = Counter(each.reason.partition(":")[0] for each in left_out)
    return ", ".join(f"{reason} ({count:,})" for reason, count in counts.most_common())
