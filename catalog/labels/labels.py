"""People's labels on units: an append-only history, and the current view of it.

Nothing is ever changed or deleted. A label is an annotation; amending, rejecting and withdrawing it append another that
supersedes it, and an undo appends one that takes a change out of force; see `catalog.labels.history`.
"""

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypedDict, Unpack

from catalog.errors import LabelError
from catalog.labels.history import UNDOING, current, standing
from catalog.labels.rules import Label, Objection
from catalog.text_rules import Authored, checked, login_name
from extract.units import Unit
from graph.model_store import ModelStore
from graph.records import Action, Annotation


class Details(TypedDict, total=False):
    """What an amendment may change beside the text."""

    branch: str
    facet: str | None
    modality: str | None
    confidence: float | None
    sensitive: bool
    evidence: str | None


class Labels:
    """The labels of one model's units, through its store.

    A label is named by its text or by its annotation's id. `author` is who acts, the login name if None. Whatever
    cannot be done raises LabelError, or UnknownUnit, and changes nothing; AnnotationSuperseded if somebody else was
    faster.
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
        """Label a unit, or one branch of it; the label that says the same already is given back instead of a second.

        `confidence` lies between 0 and 1; `evidence` is a short text or a link.
        """
        label = checked(
            Label,
            {"text": text, "author": author or login_name(), "branch": branch, "facet": facet, "modality": modality}
            | {"source": source, "confidence": confidence, "sensitive": sensitive, "evidence": evidence},
        )
        if there := same(label, self.current(unit)):
            return there
        fresh = self.fresh(unit, label)
        self.store.annotate(fresh)
        return fresh

    def amend(
        self, unit: Unit, label: str, text: str | None = None, author: str | None = None, **details: Unpack[Details]
    ) -> Annotation:
        """Put a current label in other words, or change what else it says; what is not given stays.

        Who amends is the new label's author. A label that says all that already is given back.
        """
        old = self.named(unit, label)
        said = {name: getattr(old, name) for name in Label.model_fields} | dict(details)
        new = checked(Label, said | {"text": text or old.text, "author": author or login_name(), "source": "human"})
        return same(new, [old]) or self._change(replace(old, **dict(new)), "amend", new.author, old)

    def reject(self, unit: Unit, label: str, reason: str | None = None, author: str | None = None) -> Annotation:
        """Say that somebody's current label is wrong: it holds no more, and the objection stays in the history."""
        old = self.named(unit, label)
        said = checked(Objection, {"author": author or login_name(), "reason": reason})
        return self._change(replace(old, evidence=said.reason), "reject", said.author, old)

    def withdraw(self, unit: Unit, label: str, author: str | None = None) -> Annotation:
        """Take one's own current label back."""
        old = self.named(unit, label)
        return self._change(old, "withdraw", checked(Authored, {"author": author or login_name()}).author, old)

    def undo(self, unit: Unit, entry: str | None = None, author: str | None = None) -> Annotation:
        """Take an entry of a unit's history, by its id, out of force: an undo too; the last that stands if None.

        What it had superseded holds again, by whom it was said. What was changed since cannot be undone before that.
        """
        history = self.history(unit)
        chosen = _undoable(history, unit, entry)
        who = checked(Authored, {"author": author or login_name()}).author
        if chosen.action not in UNDOING:
            return self._change(replace(chosen, evidence=None), "undo", who, chosen)
        about = next(a for a in history if a.id == chosen.supersedes)
        action: Action = "redo" if chosen.action == "undo" else "undo"
        return self._change(replace(about, evidence=None), action, who, about)

    def current(self, unit: Unit | None = None, containing: str = "") -> list[Annotation]:
        """The labels that hold now, oldest first: of one unit or of all, containing a text in any case."""
        return [a for a in current(self.history(unit)) if containing.casefold() in a.text.casefold()]

    def history(self, unit: Unit | None = None) -> list[Annotation]:
        """Every entry, oldest first; of one unit or of all."""
        return self.store.annotations(unit)

    def named(self, unit: Unit, label: str) -> Annotation:
        """The one current label of a unit with this text or id; LabelError where there is none, or more than one."""
        found = [a for a in self.current(unit) if label.strip() in (a.text, a.id)]
        if not found:
            raise LabelError(f"{unit} has no current label {label!r}. `circuits label list {unit}` shows those it has.")
        if len(found) > 1:
            ids = ", ".join(f"{a.id} by {a.author} on {a.branch}" for a in found)
            raise LabelError(f"{unit} has {len(found)} labels {label!r}. Name one of them by its id: {ids}.")
        return found[0]

    def fresh(self, unit: Unit, label: Label) -> Annotation:
        """A new annotation, not written yet."""
        return Annotation(
            id=str(uuid.uuid4()), model=self.store.id, unit=str(unit), at=datetime.now(UTC), **dict(label)
        )

    def _change(self, said: Annotation, action: Action, author: str, old: Annotation) -> Annotation:
        change = changed(said, action, author, old)
        self.store.annotate(change)
        return change


def changed(said: Annotation, action: Action, author: str, old: Annotation) -> Annotation:
    """What is said, as an entry of now that supersedes an old one; not written yet."""
    return replace(said, id=str(uuid.uuid4()), at=datetime.now(UTC), action=action, author=author, supersedes=old.id)


def same(label: Label, annotations: list[Annotation]) -> Annotation | None:
    """The first of these that says all that the label says."""
    return next((a for a in annotations if all(getattr(a, name) == value for name, value in label)), None)


def _undoable(history: list[Annotation], unit: Unit, entry: str | None) -> Annotation:
    """The entry to undo; LabelError where it is not there, is undone already, or was changed since."""
    stand = standing(history)
    if entry is None and not stand:
        raise LabelError(f"Nothing was said of {unit} that could be undone.")
    chosen = stand[-1] if entry is None else next((a for a in history if a.id == entry.strip()), None)
    if chosen is None:
        raise LabelError(f"{unit} has no entry {entry!r}. `circuits label history {unit}` shows those it has.")
    about = chosen if chosen.action not in UNDOING else next(a for a in history if a.id == chosen.supersedes)
    if (chosen.action == "undo") == (about in stand):
        raise LabelError(f"{chosen.id} is undone already. To bring it back, undo its undo by that one's id.")
    touched = {about.id, about.supersedes} - {None}
    if later := next((a for a in stand if a.supersedes in touched and a is not about), None):
        raise LabelError(f"{chosen.id} was changed since, by {later.author}. Undo that first: {later.id}.")
    return chosen
