"""People's labels on units: an append-only history of annotations, which determines the current labels.

No annotation is ever changed or deleted. A label is an annotation. Whoever amends, rejects or withdraws a label appends
another annotation, which supersedes the label's; an undo appends one that puts such a change out of effect
(`catalog.labels.history`).
"""

import uuid
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypedDict, Unpack

from catalog.errors import LabelError
from catalog.labels.history import UNDOING, current, standing
from catalog.labels.rules import Label, Objection
from catalog.text_rules import checked, checked_author, login_name
from extract.printable import composed
from extract.units import Unit
from graph.errors import AnnotationSuperseded
from graph.model_store import ModelStore
from graph.records import Action, Annotation


class Details(TypedDict, total=False):
    """The fields of a label that an amendment may change besides the text."""

    branch: str
    facet: str | None
    modality: str | None
    confidence: float | None
    sensitive: bool
    evidence: str | None


class Labels:
    """The labels of one model's units.

    A label is named by its text or by its annotation's id. `author` is who acts (None: the login name). A change that
    is not possible raises LabelError or UnknownUnit, or AnnotationSuperseded if somebody else changed the label
    meanwhile; nothing is written then.
    """

    def __init__(self, store: ModelStore) -> None:
        self.store = store

    def add(
        self,
        unit: Unit,
        text: str,
        author: str | None = None,
        branch: str = "sum",
        facet: str | None = None,
        modality: str | None = None,
        source: str = "human",
        confidence: float | None = None,
        sensitive: bool = False,
        evidence: str | None = None,
    ) -> Annotation:
        """Label a unit or one of its branches; if a current label is the same in all fields, return that label instead.

        `confidence` lies between 0 and 1; `evidence` is a short text or a link.
        """
        label = checked(
            Label,
            {"text": text, "author": author or login_name(), "branch": branch, "facet": facet, "modality": modality}
            | {"source": source, "confidence": confidence, "sensitive": sensitive, "evidence": evidence},
        )
        while True:  # until nobody annotates the unit between reading its history and writing the entry
            history = self.history(unit)
            if existing := same(label, current(history)):
                return existing
            annotation = self.fresh(unit, label)
            with suppress(AnnotationSuperseded):
                self.store.annotate(annotation, entries=len(history))
                return annotation

    def amend(
        self, unit: Unit, label: str, text: str | None = None, author: str | None = None, **details: Unpack[Details]
    ) -> Annotation:
        """Change the text or the details of a current label; other details stay as they are.

        The author of the amended label is whoever amends. If nothing would change, the old label is returned.
        """
        old = self.named(unit, label)
        fields = {name: getattr(old, name) for name in Label.model_fields} | dict(details)
        new = checked(Label, fields | {"text": text or old.text, "author": author or login_name(), "source": "human"})
        return same(new, [old]) or self._change(replace(old, **dict(new)), "amend", new.author, old)

    def reject(self, unit: Unit, label: str, reason: str | None = None, author: str | None = None) -> Annotation:
        """Reject somebody's label as wrong: the label is no longer current; the history keeps the objection."""
        old = self.named(unit, label)
        objection = checked(Objection, {"author": author or login_name(), "reason": reason})
        return self._change(replace(old, evidence=objection.reason), "reject", objection.author, old)

    def withdraw(self, unit: Unit, label: str, author: str | None = None) -> Annotation:
        """Withdraw one's own current label."""
        old = self.named(unit, label)
        return self._change(old, "withdraw", checked_author(author), old)

    def undo(self, unit: Unit, entry: str | None = None, author: str | None = None) -> Annotation:
        """Undo a history entry by its id (None: the latest entry in effect); undoing an undo redoes the entry.

        The label that the undone entry had replaced becomes current again, under its own author. An entry that was
        changed since cannot be undone until that later change is undone.
        """
        history = self.history(unit)
        undone = _undoable(history, unit, entry)
        who = checked_author(author)
        if undone.action not in UNDOING:
            return self._change(replace(undone, evidence=None), "undo", who, undone)
        subject = _subject(undone, history)
        action: Action = "redo" if undone.action == "undo" else "undo"
        return self._change(replace(subject, evidence=None), action, who, subject)

    def current(self, unit: Unit | None = None, containing: str = "") -> list[Annotation]:
        """Return the current labels of a unit (None: of all) that contain a text, ignoring case; oldest first."""
        text = composed(containing).casefold()
        return [a for a in current(self.history(unit)) if text in composed(a.text).casefold()]

    def history(self, unit: Unit | None = None) -> list[Annotation]:
        """Return every history entry on a unit (None: on all units), oldest first."""
        return self.store.annotations(unit)

    def named(self, unit: Unit, label: str) -> Annotation:
        """Return a unit's one current label with this text or id. Raises LabelError for none, or for more than one."""
        labels = [a for a in self.current(unit) if composed(label.strip()) in (composed(a.text), a.id)]
        if not labels:
            raise LabelError(f"{unit} has no current label {label!r}. `circuits label list {unit}` lists those it has.")
        if len(labels) > 1:
            ids = ", ".join(f"{a.id} by {a.author} on {a.branch}" for a in labels)
            raise LabelError(f"{unit} has {len(labels)} labels {label!r}. Name one of them by its id: {ids}.")
        return labels[0]

    def fresh(self, unit: Unit, label: Label) -> Annotation:
        """Make an annotation of a label, with a new id and the current time, without writing it."""
        return Annotation(
            id=str(uuid.uuid4()), model=self.store.id, unit=str(unit), at=datetime.now(UTC), **dict(label)
        )

    def _change(self, new: Annotation, action: Action, author: str, old: Annotation) -> Annotation:
        change = changed(new, action, author, old)
        self.store.annotate(change)
        return change


def changed(new: Annotation, action: Action, author: str, old: Annotation) -> Annotation:
    """Make an entry that supersedes `old`, with the content of `new` and the current time; nothing is written."""
    at = max(datetime.now(UTC), old.at + timedelta(microseconds=1))  # later than `old`, even if the clock went back
    return replace(new, id=str(uuid.uuid4()), at=at, action=action, author=author, supersedes=old.id)


def same(label: Label, annotations: list[Annotation]) -> Annotation | None:
    """Return the first of these annotations that equals the label in all fields of a label; None if there is none.

    The annotations' texts are composed first, because an earlier version stored letters as they were typed.
    """
    said = [(a, replace(a, text=composed(a.text))) for a in annotations]
    return next((a for a, says in said if all(getattr(says, name) == value for name, value in label)), None)


def _undoable(history: list[Annotation], unit: Unit, entry: str | None) -> Annotation:
    """Find the entry to undo. Raises LabelError if it does not exist, is undone already, or was changed since."""
    in_effect = standing(history)
    if entry is None and not in_effect:
        raise LabelError(f"The history of {unit} holds no change to undo.")
    undone = in_effect[-1] if entry is None else next((a for a in history if a.id == entry.strip()), None)
    if undone is None:
        raise LabelError(f"{unit} has no entry {entry!r}. `circuits label history {unit}` lists those it has.")
    subject = _subject(undone, history)
    if (undone.action == "undo") == (subject in in_effect):
        raise LabelError(
            f"{undone.id} is already undone. To restore it, undo the entry that undid it, by that entry's id."
        )
    touched = {subject.id, subject.supersedes} - {None}
    later = next((a for a in in_effect if a.supersedes in touched and a is not subject), None)
    if later:
        raise LabelError(f"{later.author} has changed {undone.id} since. Undo that change first: {later.id}.")
    return undone


def _subject(entry: Annotation, history: list[Annotation]) -> Annotation:
    """Return the entry that an undo or redo refers to; for any other entry, the entry itself."""
    return entry if entry.action not in UNDOING else next(a for a in history if a.id == entry.supersedes)
