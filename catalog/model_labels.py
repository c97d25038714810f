"""Label a model's units: one at a time, in bulk, from files; export labels, and queue the units to label next."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

from catalog.labels import bulk, files, history, queue
from catalog.labels.bulk import Plan
from catalog.labels.files import Form
from catalog.labels.labels import Labels
from catalog.labels.queue import Queue
from catalog.text_rules import login_name
from extract.files import at_home
from extract.units import Layer, Unit
from graph.records import Annotation

Names = Iterable[Unit | str]


class ModelLabels(Labels):
    """The labels of a model's units; `author` is who acts (None: the login name).

    Bulk labelling first makes a plan, which people can look at; `write` then writes all of the plan or nothing.
    """

    # ---- many at once

    def label_many(
        self, units: Names, text: str, author: str | None = None, branch: str = "sum", skip: bool = False
    ) -> Plan:
        """Give many units one label, and return what was written. `skip` ignores unknown units.

        Raises LabelError for a value that breaks a rule, or for unknown units without `skip`; nothing is written then.
        """
        return self.write(self.plan_labels(units, text, author, branch), skip)

    def reject_many(
        self, units: Names, text: str, author: str | None = None, reason: str | None = None, skip: bool = False
    ) -> Plan:
        """Reject every current label with this text on these units, whoever its author; return what was written."""
        return self.write(self.plan_rejections(units, text, author, reason), skip)

    def plan_labels(self, units: Names, text: str, author: str | None = None, branch: str = "sum") -> Plan:
        """Plan what `label_many` would write, and list the labels that exist already."""
        return bulk.adding(self, map(str, units), text, author, branch)

    def plan_rejections(self, units: Names, text: str, author: str | None = None, reason: str | None = None) -> Plan:
        """Plan what `reject_many` would write."""
        return bulk.rejecting(self, map(str, units), text, author, reason)

    def write(self, plan: Plan, skip: bool = False) -> Plan:
        """Write a plan's new entries, all or nothing, and return the plan.

        Raises LabelError for unknown units without `skip`, AnnotationSuperseded if somebody changed a label meanwhile.
        """
        bulk.apply(self, plan, skip)
        return plan

    def units_of_query(self, query: str, timeout: float = 30.0) -> list[str]:
        """Return the units that a read-only query answers with, in one column.

        Raises LabelError for any other answer.
        """
        return bulk.units_of_query(self, query, timeout)

    def units_from(self, listed: str | None, query: str | None) -> list[str]:
        """Return the units listed in a text (separated by commas or line breaks), or those of a query.

        Raises LabelError unless exactly one of the two is given.
        """
        return bulk.units_from(self, listed, query)

    # ---- files

    def plan_import(
        self,
        file: Path | str | bytes,
        author: str | None = None,
        also: bool = False,
        form: Form = "csv",
        columns: Mapping[str, str] | None = None,
    ) -> Plan:
        """Plan the import of a label file: new labels, labels that exist already, and labels in conflict.

        `file` is a path, whose suffix determines the form, or bytes in this `form`. A label in conflict contradicts a
        person's current label; it is left out, or added beside that label with `also`. `author` is the author of
        entries that name none. `columns` maps a field to the file's name for it, such as {"text": "description"}.
        Raises LabelFileError.
        """
        who = author or login_name()
        if isinstance(file, bytes):
            content = files.decode(file, form, self.store.id, who, columns)
        else:
            content = files.read(at_home(file), self.store.id, who, columns)
        return files.importing(self, content.entries, also, content.unread)

    def export(self, path: Path | str, whole: bool = False) -> int:
        """Write the current labels, or the `whole` history, into a .csv or .json file; return the number of entries.

        Sensitive labels are flagged in the file, not hidden. Raises LabelFileError.
        """
        entries = self.history() if whole else self.current()
        files.write(entries, at_home(path), whole)
        return len(entries)

    @staticmethod
    def encoded(entries: Iterable[Annotation], form: Form, whole: bool = False) -> bytes:
        """Encode entries as the bytes of a label file; `whole` adds the columns of a history."""
        return files.encode(entries, form, whole)

    # ---- the history, and what to look at next

    @staticmethod
    def matching(
        entries: Iterable[Annotation],
        author: str = "",
        source: str | None = None,
        unit: str = "",
        since: date | None = None,
        until: date | None = None,
    ) -> list[Annotation]:
        """Select history entries by author, source, unit or layer, and days in UTC; return them newest first."""
        return history.matching(entries, author, source, unit, since, until)

    @staticmethod
    def fates(entries: Iterable[Annotation]) -> dict[str, str]:
        """Return the state of each history entry, keyed by id: `holds`, `undone`, `changed` or an empty text."""
        return history.fates(entries)

    def order(self, layer: Layer | str) -> Sequence[Unit]:
        """Return every unit of a layer: candidates for enrichment circuits first, then the others by channel."""
        return queue.order(self.store, self.store.architecture.layer(str(layer)))

    def queue(
        self, layer: Layer | str, which: queue.Which = "unlabelled", order: Sequence[Unit] | None = None
    ) -> Queue:
        """Return the queue of a layer's units, with the open ones: unlabelled, disagreeing, unsure or all units.

        `order` is an earlier result of `order()`, to save reading the candidates again.
        """
        return queue.queue(tuple(order or self.order(layer)), self.current(), which)
