"""What a history of annotations comes to: which entries stand, and which labels hold now.

The database derives the same for Cypher, in `graph.cypher.current_label`.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import date

from graph.records import Annotation

LABELLING = ("add", "amend")  # what brings a label
UNDOING = ("undo", "redo")  # what flips another entry


def standing(history: Iterable[Annotation]) -> list[Annotation]:
    """The labels and changes that are not undone, in the order given: undone twice is done again."""
    entries = list(history)
    flips = Counter(a.supersedes for a in entries if a.action in UNDOING)
    return [a for a in entries if a.action not in UNDOING and flips[a.id] % 2 == 0]


def current(history: Iterable[Annotation]) -> list[Annotation]:
    """The labels that hold: those that stand, and that nothing standing supersedes."""
    entries = standing(history)
    superseded = {a.supersedes for a in entries}
    return [a for a in entries if a.action in LABELLING and a.id not in superseded]


def matching(
    history: Iterable[Annotation],
    author: str = "",
    source: str | None = None,
    unit: str = "",
    since: date | None = None,
    until: date | None = None,
) -> list[Annotation]:
    """The entries of this author, source, unit or layer, and of these days in UTC, both included; the newest first."""
    found = [
        a
        for a in history
        if author in ("", a.author)
        and source in (None, a.source)
        and f"{a.unit}/".startswith(f"{unit.rstrip('/')}/" if unit else "")
        and (since is None or since <= a.at.date())
        and (until is None or a.at.date() <= until)
    ]
    return found[::-1]


def fates(history: Iterable[Annotation]) -> dict[str, str]:
    """What became of each entry, by id: `holds` of a label, `undone`, `changed` of a label, else nothing."""
    entries = list(history)
    stand, hold = ({a.id for a in found} for found in (standing(entries), current(entries)))
    return {
        a.id: "" if a.action in UNDOING else "holds" if a.id in hold else "undone" if a.id not in stand
        else "changed" if a.action in LABELLING else ""
        for a in entries
    }  # fmt: skip
