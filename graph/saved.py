"""Circuits and queries saved in the database under a name; a circuit is tied to its units."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from graph import rows as answers
from graph.connection.database import Database
from graph.cypher.named_query import NamedQuery
from graph.cypher.saved import (
    CIRCUIT_CONTENT,
    REMOVE_CIRCUIT,
    REMOVE_QUERY,
    SAVE_CIRCUIT,
    SAVE_QUERY,
    SAVED_CIRCUITS,
    SAVED_QUERIES,
)
from graph.records import SavedCircuit
from graph.rows import utc


def save_circuit(
    database: Database, circuit: SavedCircuit, identity: str, content: str, roles: Mapping[str, str], replace: bool
) -> bool:
    """Save a circuit's content, tied to its units by their roles; whether its name was free, or is replaced."""
    key, at = _key(circuit.model, circuit.name), circuit.at.astimezone(UTC)
    known = asdict(circuit) | {"key": key, "id": identity, "at": at, "content": content}
    properties = known | {"units": list(roles), "roles": list(roles.values())}
    return bool(database.write_idempotent(SAVE_CIRCUIT, key=key, properties=properties, replace=replace))


def saved_circuits(database: Database, model: str) -> list[SavedCircuit]:
    """The saved circuits of a model, by name."""
    return list(map(answers.saved_circuit, database.read(SAVED_CIRCUITS, model=model)))


def circuit_content(database: Database, model: str, name: str) -> str | None:
    """The content of the circuit saved under a name; None where there is none."""
    rows = database.read(CIRCUIT_CONTENT, key=_key(model, name))
    return str(rows[0]["content"]) if rows else None


def remove_circuit(database: Database, model: str, name: str) -> bool:
    """Remove a saved circuit; whether there was one."""
    return bool(database.write(REMOVE_CIRCUIT, key=_key(model, name))[0]["removed"])


def _key(model: str, name: str) -> str:
    return f"{model}/{name}"


def saved_queries(database: Database) -> list[NamedQuery]:
    """The users' saved queries, by name."""
    return [_query(row) for row in database.read(SAVED_QUERIES)]


def save_query(database: Database, query: NamedQuery, replace: bool = False) -> bool:
    """Save a query; whether its name was free, or is replaced."""
    properties = {
        "name": query.name,
        "id": str(uuid.uuid4()),
        "text": query.text,
        "description": query.description,
        "parameters": json.dumps(dict(query.defaults), ensure_ascii=False),
        "author": query.author,
        "at": (query.at or datetime.now(UTC)).astimezone(UTC),
    }
    return bool(database.write_idempotent(SAVE_QUERY, name=query.name, properties=properties, replace=replace))


def remove_query(database: Database, name: str) -> bool:
    """Remove a saved query; whether there was one."""
    return bool(database.write(REMOVE_QUERY, name=name)[0]["removed"])


def _query(row: Mapping[str, Any]) -> NamedQuery:
    columns = {name: row[name] for name in ("name", "text", "description", "author")}
    return NamedQuery(**columns, defaults=json.loads(row["parameters"]), at=utc(row["at"]))
