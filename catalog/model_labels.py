"""The labels of a model: one at a time, many at once, from and to files, and which units to look at next."""

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
    """The labels of a model's units; `author` is who acts, the login name if None.

    What labels many units is planned first, looked at, and then written as a whole or not at all.
    """

    # ---- many at once

    def label_many(
        self, units: Names, text: str, author: str | None = None, branch: str = "sum", skip: bool = False
    ) -> Plan:
        """Give many units one label; what was written. `skip` passes over unknown units, else they refuse the whole.

        Raises LabelError for what breaks a rule or for unknown units.
        """
        return self.write(self.plan_labels(units, text, author, branch), skip)

    def reject_many(
        self, units: Names, text: str, author: str | None = None, reason: str | None = None, skip: bool = False
    ) -> Plan:
        """Reject every current label of this text on these units, whoever said it; what was written."""
        return self.write(self.plan_rejections(units, text, author, reason), skip)

    def plan_labels(self, units: Names, text: str, author: str | None = None, branch: str = "sum") -> Plan:
        """What `label_many` would write, and what is there already."""
        return bulk.adding(self, map(str, units), text, author, branch)

    def plan_rejections(self, units: Names, text: str, author: str | None = None, reason: str | None = None) -> Plan:
        """What `reject_many` would write."""
        return bulk.rejecting(self, map(str, units), text, author, reason)

    def write(self, plan: Plan, skip: bool = False) -> Plan:
        """Write what a plan has new, all or nothing; the plan itself. AnnotationSuperseded if somebody was faster."""
        bulk.apply(self, plan, skip)
        return plan

    def units_of_query(self, query: str, timeout: float = 30.0) -> list[str]:
        """The units in the one column of a read-only query's answer.

        Raises LabelError for any other answer.
        """
        return bulk.units_of_query(self, query, timeout)

    def units_from(self, listed: str | None, query: str | None) -> list[str]:
        """The units of a text with commas or line breaks between, or of a query.

        Raises LabelError for neither or both.
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
        """What a label file has new, what is there already, and what contradicts a person's label and is left out.

        A file is named by its path, whose suffix tells the form, or is its bytes in this form. `also` adds what
        contradicts beside what is there. `author` is whoever said what names nobody. `columns` gives the file's name of
        a field, such as {"text": "description"}. Raises LabelFileError.
        """
        who = author or login_name()
        if isinstance(file, bytes):
            content = files.decode(file, form, self.store.id, who, columns)
        else:
            content = files.read(at_home(file), self.store.id, who, columns)
        return files.importing(self, content.entries, also, content.unread)

    def export(self, path: Path | str, whole: bool = False) -> int:
        """Write the current labels, or the `whole` history, into a file ending in .csv or .json; how many there are.

        What is sensitive is flagged in the file and not hidden. Raises LabelFileError.
        """
        entries = self.history() if whole else self.current()
        files.write(entries, at_home(path), whole)
        return len(entries)

    @staticmethod
    def encoded(entries: Iterable[Annotation], form: Form, whole: bool = False) -> bytes:
        """Entries as the bytes of such a file."""
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
        """The entries of this author, source, unit or layer, and of these days in UTC; the newest first."""
        return history.matching(entries, author, source, unit, since, until)

    @staticmethod
    def fates(entries: Iterable[Annotation]) -> dict[str, str]:
        """What became of each entry of a history, by id: `holds` of a label, `undone`, `changed`, else nothing."""
        return history.fates(entries)

    def order(self, layer: Layer | str) -> Sequence[Unit]:
        """Every unit of a layer: candidates for enrichment circuits first, then the others by channel."""
        return queue.order(self.store, self.store.architecture.layer(str(layer)))

    def queue(
        self, layer: Layer | str, which: queue.Which = "unlabelled", order: Sequence[Unit] | None = None
    ) -> Queue:
        """The units of a layer in their order, and those that wait: unlabelled, disagreeing, unsure or all.

        `order` saves asking for what `order()` gave before.
        """
        return queue.queue(tuple(order or self.order(layer)), self.current(), which)
