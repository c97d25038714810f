"""Label many units in bulk: make a plan, look at the plan, then write all of it or nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from catalog.errors import LabelError
from catalog.labels.history import current
from catalog.labels.labels import Labels, changed
from catalog.labels.rules import Label, Objection
from catalog.text_rules import checked, login_name
from extract.errors import UnknownUnit
from extract.printable import printable
from extract.units import Unit
from graph.records import Annotation

MOST = 10_000  # units of a query's answer


@dataclass(frozen=True)
class Conflict:
    """An entry to write, and the catalog's entry that contradicts it."""

    entry: Annotation
    current: Annotation

    @property
    def changed_since(self) -> bool:
        """Whether both are the same entry, which was changed or withdrawn in the catalog; False for two labels."""
        return self.entry.id == self.current.id


@dataclass(frozen=True)
class FileCounts:
    """Counts of a label file: its entries, the superseded ones, and the cells of each column that was not read."""

    entries: int
    superseded: int = 0
    unread: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """A plan of what to write: new entries, entries that exist already, conflicts, and unknown units.

    Conflicts are never written. With unknown units nothing is written, unless they are skipped. `file` counts the
    contents of the imported file, if there is one.
    """

    new: tuple[Annotation, ...]
    existing: tuple[Annotation, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    unknown: tuple[str, ...] = ()
    file: FileCounts | None = None

    @property
    def counts(self) -> str:
        """A text on how many entries are written, and how many are not and why."""
        written = f"{len(self.new)} new, {len(self.existing)} already there"
        return f"{written}, {len(self.conflicts)} in conflict, {len(self.unknown)} unknown"

    @property
    def sentence(self) -> str:
        """The counts, and what else the imported file holds."""
        if self.file is None:
            return self.counts
        superseded = f", {self.file.superseded} no longer current" if self.file.superseded else ""
        columns = ", ".join(
            f"{printable(name, 40) or 'one without a name'} ({n} cells)" for name, n in self.file.unread.items()
        )
        unread = f"; columns not read: {columns}" if columns else ""
        return f"{self.file.entries} seen: {self.counts}{superseded}{unread}"


def apply(labels: Labels, plan: Plan, skip: bool = False) -> None:
    """Write the new entries of a plan, all or none; `skip` ignores unknown units.

    Raises LabelError if there are unknown units without `skip`, AnnotationSuperseded if somebody else changed a label
    meanwhile.
    """
    if plan.unknown and not skip:
        raise LabelError(
            f"{labels.store.id} has no {', '.join(plan.unknown)}. Nothing was written. Correct these units, or skip "
            "them."
        )
    labels.store.annotate(*plan.new)


def adding(labels: Labels, names: Iterable[str], text: str, author: str | None = None, branch: str = "sum") -> Plan:
    """Plan one label for many units; a unit that already has a label with this text on this branch gets no new one."""
    label = checked(Label, {"text": text, "author": author or login_name(), "branch": branch})
    named, unknown = known_units(labels, names)
    units = dict.fromkeys(named.values())
    same = {a.unit: a for a in current(labels.history()) if (a.text, a.branch) == (label.text, label.branch)}
    return Plan(
        new=tuple(labels.fresh(unit, label) for unit in units if str(unit) not in same),
        existing=tuple(same[str(unit)] for unit in units if str(unit) in same),
        unknown=unknown,
    )


def rejecting(
    labels: Labels, names: Iterable[str], text: str, author: str | None = None, reason: str | None = None
) -> Plan:
    """Plan a rejection of every current label with this text on these units, whoever its author."""
    objection = checked(Objection, {"author": author or login_name(), "reason": reason})
    named, unknown = known_units(labels, names)
    units = set(map(str, named.values()))
    rejected = [a for a in current(labels.history()) if a.unit in units and a.text == text.strip()]
    new = (changed(replace(old, evidence=objection.reason), "reject", objection.author, old) for old in rejected)
    return Plan(new=tuple(new), unknown=unknown)


def units_from(labels: Labels, listed: str | None, query: str | None) -> list[str]:
    """Return the unit names in a text (separated by commas or line breaks), or those of a query (`units_of_query`).

    Raises LabelError unless exactly one of the two is given.
    """
    names = [name.strip() for name in (listed or "").replace("\n", ",").split(",") if name.strip()]
    if bool(names) == bool(query and query.strip()):
        raise LabelError("Name the units in one way: in a list, or by a query that answers with their ids.")
    return names or units_of_query(labels, query or "")


def units_of_query(labels: Labels, query: str, timeout: float = 30.0) -> list[str]:
    """Run a read-only query that answers with one column of unit ids, and return them, each once.

    Raises LabelError for any other answer, or more than `MOST` units; QueryError for Cypher that writes or that the
    server does not accept.
    """
    answer = labels.store.query(query, timeout=timeout, limit=MOST)
    names = [value for row in answer.rows for value in row]
    if len(answer.columns) != 1 or not all(isinstance(name, str) for name in names):
        raise LabelError("The query must answer with one column of unit ids, such as MATCH (u:Unit) RETURN u.id.")
    if answer.truncated:
        raise LabelError(f"The query answers with more than {MOST:,} units. Give it a LIMIT.")
    return list(dict.fromkeys(names))


def known_units(labels: Labels, names: Iterable[str]) -> tuple[dict[str, Unit], tuple[str, ...]]:
    """Parse names of units; return the units keyed by name, and the names of units that the model does not have."""
    units, unknown = dict[str, Unit](), dict[str, None]()
    for name in names:
        try:
            units[name] = labels.store.architecture.unit(name, labels.store.id)
        except UnknownUnit:
            unknown[name] = None
    return units, tuple(unknown)
