"""Resolve the history of annotations: find which entries are in effect, and which labels are current.

`graph.cypher.current_label` does the same in Cypher, inside the database.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import date

from graph.records import Annotation

LABELLING = ("add", "amend")  # actions that make a label
UNDOING = ("undo", "redo")  # actions that put another entry out of effect, or back into effect


def standing(history: Iterable[Annotation]) -> list[Annotation]:
    """Select, in order, the labels and changes in effect, that is with an even number of undos and redos."""
    entries = list(history)
    flips = Counter(entry.supersedes for entry in entries if entry.action in UNDOING)
    return [entry for entry in entries if entry.action not in UNDOING and flips[entry.id] % 2 == 0]


def current(history: Iterable[Annotation]) -> list[Annotation]:
    """Select the current labels, that is labels in effect that no other entry in effect supersedes."""
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
    """Select entries by author, source, unit or layer, and days in UTC (both included); return them newest first."""
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
    """Return the state of each entry, keyed by id.

    A current label `holds`; a label in effect that is no longer current was `changed`; an entry out of effect was
    `undone`; the state of any other entry is an empty text.
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
