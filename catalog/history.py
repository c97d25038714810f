"""What a history of annotations comes to: which entries stand, and which labels hold now.

The database derives the same for Cypher, in `graph.label_queries`.
"""

from collections import Counter
from collections.abc import Iterable

from graph.schema import Annotation

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
