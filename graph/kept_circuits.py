"""Circuits that people keep in the database under a name, tied to their units."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC

from graph import answers, circuit_queries
from graph.database import Database
from graph.schema import KeptCircuit


def keep(
    database: Database, circuit: KeptCircuit, identity: str, content: str, roles: Mapping[str, str], replace: bool
) -> bool:
    """Keep a circuit's content, tied to its units by their roles; whether its name was free, or is replaced."""
    key, at = _key(circuit.model, circuit.name), circuit.at.astimezone(UTC)
    known = asdict(circuit) | {"key": key, "id": identity, "at": at, "content": content}
    properties = known | {"units": list(roles), "roles": list(roles.values())}
    return bool(database.write(circuit_queries.KEEP, key=key, properties=properties, replace=replace))


def kept(database: Database, model: str) -> list[KeptCircuit]:
    """The circuits that are kept of a model, by name."""
    return list(map(answers.kept_circuit, database.read(circuit_queries.KEPT, model=model)))


def content_of(database: Database, model: str, name: str) -> str | None:
    """What was kept under a name; None where nothing was."""
    rows = database.read(circuit_queries.OPEN, key=_key(model, name))
    return str(rows[0]["content"]) if rows else None


def drop(database: Database, model: str, name: str) -> bool:
    """Take a kept circuit away; whether there was one."""
    return bool(database.write(circuit_queries.DROP, key=_key(model, name))[0]["dropped"])


def _key(model: str, name: str) -> str:
    return f"{model}/{name}"
