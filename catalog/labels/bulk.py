"""Many labels at once: planned, looked at, and then written as a whole or not at all."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from catalog.errors import LabelError
from catalog.labels.history import current
from catalog.labels.labels import Labels, changed
from catalog.labels.rules import Label, Objection
from catalog.text_rules import checked, login_name
from extract.errors import UnknownUnit
from extract.units import Unit
from graph.records import Annotation

MOST = 10_000  # units of a query's answer


@dataclass(frozen=True)
class Conflict:
    """What was to be said, and the entry in the catalog that says something else."""

    entry: Annotation
    current: Annotation

    @property
    def changed_since(self) -> bool:
        """Whether it is the same entry, which was changed or taken back here, and not another label."""
        return self.entry.id == self.current.id


@dataclass(frozen=True)
class Plan:
    """What writing would do: entries to append, what is there already, conflicts, and units that are not known.

    Conflicts are never written; with unknown units nothing is, unless they are passed over.
    """

    new: tuple[Annotation, ...]
    existing: tuple[Annotation, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The counts, to be read."""
        known = f"{len(self.new)} new, {len(self.existing)} already there"
        return f"{known}, {len(self.conflicts)} in conflict, {len(self.unknown)} unknown"


def apply(labels: Labels, plan: Plan, skip: bool = False) -> None:
    """Write what a plan has new, all or nothing; `skip` passes over units that are not known.

    Raises LabelError that lists the unknown units, AnnotationSuperseded where somebody else was faster.
    """
    if plan.unknown and not skip:
        raise LabelError(
            f"{labels.store.id} has no {', '.join(plan.unknown)}. Nothing was written; mend these units, or pass over "
            "them with --skip."
        )
    labels.store.annotate(*plan.new)


def adding(labels: Labels, names: Iterable[str], text: str, author: str | None = None, branch: str = "sum") -> Plan:
    """One label for each of many units, but for those that have one of this text on this branch already."""
    label = checked(Label, {"text": text, "author": author or login_name(), "branch": branch})
    named, unknown = known_units(labels, names)
    units = dict.fromkeys(named.values())
    held = current(labels.history())
    found = {a.unit: a for a in held if (a.text, a.branch) == (label.text, label.branch)}
    return Plan(
        new=tuple(labels.fresh(unit, label) for unit in units if str(unit) not in found),
        existing=tuple(found[str(unit)] for unit in units if str(unit) in found),
        unknown=unknown,
    )


def rejecting(
    labels: Labels, names: Iterable[str], text: str, author: str | None = None, reason: str | None = None
) -> Plan:
    """A rejection of every current label of this text, whoever said it, on these units."""
    said = checked(Objection, {"author": author or login_name(), "reason": reason})
    units, unknown = known_units(labels, names)
    wanted = set(map(str, units.values()))
    held = [a for a in current(labels.history()) if a.unit in wanted and a.text == text.strip()]
    new = (changed(replace(old, evidence=said.reason), "reject", said.author, old) for old in held)
    return Plan(new=tuple(new), unknown=unknown)


def units_from(labels: Labels, listed: str | None, query: str | None) -> list[str]:
    """The units of a list with commas or line breaks between, or of a query's answer as `units_of_query`.

    LabelError where neither or both are given.
    """
    names = [name.strip() for name in (listed or "").replace("\n", ",").split(",") if name.strip()]
    if bool(names) == bool(query and query.strip()):
        raise LabelError("Say which units: list them, or give a query that answers with their ids, and not both.")
    return names or units_of_query(labels, query or "")


def units_of_query(labels: Labels, query: str, timeout: float = 30.0) -> list[str]:
    """The units in the one column of a read-only query's answer; LabelError for an answer that is none such.

    Raises QueryError for Cypher that writes or that the server does not accept.
    """
    answer = labels.store.query(query, timeout=timeout, limit=MOST)
    names = [value for row in answer.rows for value in row]
    if len(answer.columns) != 1 or not all(isinstance(name, str) for name in names):
        raise LabelError("The query must answer with one column of unit ids, such as MATCH (u:Unit) RETURN u.id.")
    if answer.truncated:
        raise LabelError(f"The query answers with more than {MOST:,} units. Give it a LIMIT.")
    return list(dict.fromkeys(names))


def known_units(labels: Labels, names: Iterable[str]) -> tuple[dict[str, Unit], tuple[str, ...]]:
    """The units of these names, by the name, and the names that are none of the model's."""
    units, unknown = dict[str, Unit](), dict[str, None]()
    architecture = labels.store.architecture
    for name in names:
        try:
            units[name] = architecture.unit(name)
        except UnknownUnit:
            unknown[name] = None
    return units, tuple(unknown)
