"""People's labels on units: an append-only history, and the labels that are current by it.

Nothing is ever changed or deleted. A label is an annotation. Amending, rejecting or withdrawing it appends another
annotation that supersedes it; an undo appends one that takes such a change out of effect (`catalog.labels.history`).
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
    """What an amendment may change besides the text."""

    branch: str
    facet: str | None
    modality: str | None
    confidence: float | None
    sensitive: bool
    evidence: str | None


class Labels:
    """The labels of one model's units.

    A label is named by its text or by its annotation's id. `author` is who acts; None takes the login name. What cannot
    be done raises LabelError or UnknownUnit and changes nothing; AnnotationSuperseded if somebody else was faster.
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
        """Label a unit or one of its branches; a current label that is the same in all is returned instead.

        `confidence` lies between 0 and 1; `evidence` is a short text or a link.
        """
        label = checked(
            Label,
            {"text": text, "author": author or login_name(), "branch": branch, "facet": facet, "modality": modality}
            | {"source": source, "confidence": confidence, "sensitive": sensitive, "evidence": evidence},
        )
        while True:  # until nobody annotates the unit between our look and our entry
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
        """Change the text or the details of a current label; what is not given stays as it is.

        The amended label's author is who amends. If nothing would change, the old label is returned.
        """
        old = self.named(unit, label)
        fields = {name: getattr(old, name) for name in Label.model_fields} | dict(details)
        new = checked(Label, fields | {"text": text or old.text, "author": author or login_name(), "source": "human"})
        return same(new, [old]) or self._change(replace(old, **dict(new)), "amend", new.author, old)

    def reject(self, unit: Unit, label: str, reason: str | None = None, author: str | None = None) -> Annotation:
        """Reject somebody's current label as wrong: it is no longer current; the objection stays in the history."""
        old = self.named(unit, label)
        objection = checked(Objection, {"author": author or login_name(), "reason": reason})
        return self._change(replace(old, evidence=objection.reason), "reject", objection.author, old)

    def withdraw(self, unit: Unit, label: str, author: str | None = None) -> Annotation:
        """Withdraw one's own current label."""
        old = self.named(unit, label)
        return self._change(old, "withdraw", checked_author(author), old)

    def undo(self, unit: Unit, entry: str | None = None, author: str | None = None) -> Annotation:
        """Undo one history entry, by its id: the latest in effect if None; undoing an undo redoes the entry.

        The label that it had replaced becomes current again, under its author. An entry that was changed since cannot
        be undone before that change is.
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
        """The current labels of a unit or of all, oldest first, that contain a text in any case."""
        text = composed(containing).casefold()
        return [a for a in current(self.history(unit)) if text in composed(a.text).casefold()]

    def history(self, unit: Unit | None = None) -> list[Annotation]:
        """Every entry on a unit or on all, oldest first."""
        return self.store.annotations(unit)

    def named(self, unit: Unit, label: str) -> Annotation:
        """The one current label of a unit with this text or id. Raises LabelError for none, or for more than one."""
        labels = [a for a in self.current(unit) if composed(label.strip()) in (composed(a.text), a.id)]
        if not labels:
            raise LabelError(f"{unit} has no current label {label!r}. `circuits label list {unit}` shows those it has.")
        if len(labels) > 1:
            ids = ", ".join(f"{a.id} by {a.author} on {a.branch}" for a in labels)
            raise LabelError(f"{unit} has {len(labels)} labels {label!r}. Name one of them by its id: {ids}.")
        return labels[0]

    def fresh(self, unit: Unit, label: Label) -> Annotation:
        """A new annotation, not written yet."""
        return Annotation(
            id=str(uuid.uuid4()), model=self.store.id, unit=str(unit), at=datetime.now(UTC), **dict(label)
        )

    def _change(self, new: Annotation, action: Action, author: str, old: Annotation) -> Annotation:
        change = changed(new, action, author, old)
        self.store.annotate(change)
        return change


def changed(new: Annotation, action: Action, author: str, old: Annotation) -> Annotation:
    """The content of `new` as an entry of now that supersedes `old`; not written yet."""
    at = max(datetime.now(UTC), old.at + timedelta(microseconds=1))  # after it, even by a clock that went back
    return replace(new, id=str(uuid.uuid4()), at=at, action=action, author=author, supersedes=old.id)


def same(label: Label, annotations: list[Annotation]) -> Annotation | None:
    """The first of these annotations that is the same as the label in all that a label says.

    An earlier version stored letters as they were typed, so that theirs are composed first.
    """
    said = [(a, replace(a, text=composed(a.text))) for a in annotations]
    return next((a for a, says in said if all(getattr(says, name) == value for name, value in label)), None)


def _undoable(history: list[Annotation], unit: Unit, entry: str | None) -> Annotation:
    """Find the entry to undo. Raises LabelError if it is not there, is out of effect already, or was changed since."""
    in_effect = standing(history)
    if entry is None and not in_effect:
        raise LabelError(f"Nothing was said of {unit} that could be undone.")
    undone = in_effect[-1] if entry is None else next((a for a in history if a.id == entry.strip()), None)
    if undone is None:
        raise LabelError(f"{unit} has no entry {entry!r}. `circuits label history {unit}` shows those it has.")
    subject = _subject(undone, history)
    if (undone.action == "undo") == (subject in in_effect):
        raise LabelError(f"{undone.id} is undone already. To bring it back, undo its undo by that one's id.")
    touched = {subject.id, subject.supersedes} - {None}
    later = next((a for a in in_effect if a.supersedes in touched and a is not subject), None)
    if later:
        raise LabelError(f"{undone.id} was changed since, by {later.author}. Undo that first: {later.id}.")
    return undone


def _subject(entry: Annotation, history: list[Annotation]) -> Annotation:
    """The entry that an undo or a redo is about; any other entry itself."""
    return entry if entry.action not in UNDOING else next(a for a in history if a.id == entry.supersedes)
