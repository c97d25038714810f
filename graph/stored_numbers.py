"""Read every row that the database holds of a model, and compare the checksums with those that the load recorded."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from graph.connection.database import Answer, Database
from graph.cypher.verification import (
    CHECKSUMS,
    CIRCUIT_TIES,
    CURRENT_LABELS,
    LABELLED_UNITS,
    LAYER_PROPERTIES,
    NODE_PROPERTIES,
    SHOWN_LABELS,
    UNIT_PROPERTIES,
)
from graph.verification import compare

if TYPE_CHECKING:
    from graph.checksums import Checksums

_NODES, _TARGETS = 2000, 64  # nodes in one answer, and units whose relationships are read in one answer


def verify_numbers(database: Database, model: str) -> bool:
    """Read all that was loaded, and all that is derived from people's entries, and compare both with what was recorded.

    Returns False if an earlier version loaded the model and recorded no checksums. Raises DatabaseDamaged if anything
    differs.
    """
    compare(database, model, lambda: _derived(database, model))
    lines = next((row["checksums"] for row in database.read(CHECKSUMS, model=model)), None)
    if lines is None:
        return False
    return compare(database, model, lambda: _kinds(database, model, _by_kind(lines)))


def _derived(database: Database, model: str) -> Answer:
    """Count the labels that units show and the units linked to circuits, and compare with histories and circuits."""
    current, shown = (
        {tuple(row.values()) for row in database.read(text, model=model)} for text in (CURRENT_LABELS, SHOWN_LABELS)
    )
    marked = [row["unit"] for row in database.read(LABELLED_UNITS, model=model)]
    (ties,) = database.read(CIRCUIT_TIES, model=model)
    return [
        {"what": "labels on units", "recorded": len(current), "found": len(current & shown)},
        {"what": "labels shown", "recorded": len(current), "found": len(shown)},
        {"what": "labelled units", "recorded": len({unit for unit, *_ in current}), "found": len(marked)},
        {"what": "units of saved circuits", **ties},
    ]


def _kinds(database: Database, model: str, recorded: dict[str, str]) -> Answer:
    """Return a row for each kind of node and relationship, with its recorded checksum and its checksum now."""
    found = _by_kind(_read_all(database, model).lines)
    return [
        {"what": f"the values of {kind}", "recorded": recorded.get(kind, "none"), "found": found.get(kind, "none")}
        for kind in sorted(recorded | found)
    ]


def _by_kind(lines: list[str]) -> dict[str, str]:
    return {kind: total for kind, _, total in (line.rpartition(" ") for line in lines)}


def _read_all(database: Database, model: str) -> "Checksums":
    from graph.checksums import Checksums  # imported only here: pyarrow takes half a second

    sums, units = Checksums(), list[str]()
    for label, text in NODE_PROPERTIES.items():
        for nodes in _nodes(database, model, text):
            sums.add_properties(label, nodes)
            units += [node["key"] for node in nodes] if label == "Unit" else []
    for kind, text in LAYER_PROPERTIES.items():
        sums.add_properties(kind, _flat(database.read(text, model=model)))
    for first in range(0, len(units), _TARGETS):
        for kind, text in UNIT_PROPERTIES.items():
            sums.add_properties(kind, _flat(database.read(text, keys=units[first : first + _TARGETS])))
    return sums


def _nodes(database: Database, model: str, text: str) -> Iterator[list[dict[str, Any]]]:
    """Yield the properties of nodes, some thousands in each list."""
    after = ""
    while rows := database.read(text, model=model, after=after, limit=_NODES):
        nodes = [row["properties"] for row in rows]
        after = nodes[-1]["key"]
        yield nodes


def _flat(rows: Answer) -> list[dict[str, Any]]:
    return [{"source": row["source"], "target": row["target"], **row["properties"]} for row in rows]
