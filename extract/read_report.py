"""Report on reading outside data: how many items were seen and taken, and why the others were left out."""

from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class LeftOut:
    """An item that was left out; `reason` is a clause, with its particulars after a colon."""

    name: str
    reason: str


@dataclass(frozen=True)
class Reading:
    """How many items of a kind were taken, which items were left out, and further notes for the user."""

    kind: str
    taken: int
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def seen(self) -> int:
        """The number of items that were there, taken or left out."""
        return self.taken + len(self.left_out)

    def __str__(self) -> str:
        """Write one line, such as "probes: 9 seen, 8 taken, the rest because it is hidden (1)", with the notes last."""
        return "; ".join([f"{self.kind}: {self.seen:,} seen, {self.taken:,} taken{self._because}", *self.notes])

    @property
    def _because(self) -> str:
        return f", the rest because {reasons(self.left_out)}" if self.left_out else ""


def reasons(left_out: tuple[LeftOut, ...]) -> str:
    """List the reasons without their particulars, the most frequent first, each with its number of items."""
    counts = Counter(each.reason.partition(":")[0] for each in left_out)
    return ", ".join(f"{reason} ({count:,})" for reason, count in counts.most_common())
