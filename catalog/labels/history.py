"""Resolve the history of annotations: which entries are in effect, and which labels are current.

The database derives the same in Cypher: `graph.cypher.current_label`.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import date

from graph.records import Annotation

LABELLING = ("add", "amend")  # what brings a label
UNDOING = ("undo", "redo")  # what takes another entry out of effect, or back into it


def standing(history: Iterable[Annotation]) -> list[Annotation]:
    """Select the labels and changes in effect, in the same order: those that were undone an even number of times."""
    entries = list(history)
    flips = Counter(entry.supersedes for entry in entries if entry.action in UNDOING)
    return [entry for entry in entries if entry.action not in UNDOING and flips[entry.id] % 2 == 0]


def current(history: Iterable[Annotation]) -> list[Annotation]:
    """The current labels: those in effect that no entry in effect supersedes."""
    entries = standing(history)
    superseded = {entry.supersedes for entry in entries}
    return [entry for entry in entries if entry.action in LABELLING and entry.id not in superseded]


def matching(
    history: Iterable[Annotation],
    author: str = "",
    source: str | None = None,
    unit: str = "",
    since: date | None = None,
    until: date | None = None,
) -> list[Annotation]:
    """The entries of an author, a source, a unit or layer, and of days in UTC, both included; the newest first."""
    entries = [
        entry
        for entry in history
        if author in ("", entry.author)
        and source in (None, entry.source)
        and f"{entry.unit}/".startswith(f"{unit.rstrip('/')}/" if unit else "")
        and (since is None or since <= entry.at.date())
        and (until is None or entry.at.date() <= until)
    ]
    return entries[::-1]


def fates(history: Iterable[Annotation]) -> dict[str, str]:
    """What became of each entry, by id.

    A current label `holds`, one in effect that is no longer current was `changed`, an entry out of effect was `undone`;
    for any other entry the text is empty.
    """
    entries = list(history)
    in_effect = {entry.id for entry in standing(entries)}
    holding = {entry.id for entry in current(entries)}

    def fate(entry: Annotation) -> str:
        if entry.action in UNDOING:
            return ""
        if entry.id in holding:
            return "holds"
        if entry.id not in in_effect:
            return "undone"
        return "changed" if entry.action in LABELLING else ""

    return {entry.id: fate(entry) for entry in entries}
