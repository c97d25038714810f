"""Circuits that people keep in the database under a name, tied to their units."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from graph import rows as answers
from graph.connection.database import Database
from graph.cypher import saved as circuit_queries
from graph.cypher.named_query import NamedQuery
from graph.records import SavedCircuit
from graph.rows import utc


def keep(
    database: Database, circuit: SavedCircuit, identity: str, content: str, roles: Mapping[str, str], replace: bool
) -> bool:
    """Keep a circuit's content, tied to its units by their roles; whether its name was free, or is replaced."""
    key, at = _key(circuit.model, circuit.name), circuit.at.astimezone(UTC)
    known = asdict(circuit) | {"key": key, "id": identity, "at": at, "content": content}
    properties = known | {"units": list(roles), "roles": list(roles.values())}
    return bool(database.write(circuit_queries.KEEP, key=key, properties=properties, replace=replace))


def kept(database: Database, model: str) -> list[SavedCircuit]:
    """The circuits that are kept of a model, by name."""
    return list(map(answers.saved_circuit, database.read(circuit_queries.KEPT, model=model)))


def content_of(database: Database, model: str, name: str) -> str | None:
    """What was kept under a name; None where nothing was."""
    rows = database.read(circuit_queries.OPEN, key=_key(model, name))
    return str(rows[0]["content"]) if rows else None


def drop(database: Database, model: str, name: str) -> bool:
    """Take a kept circuit away; whether there was one."""
    return bool(database.write(circuit_queries.DROP, key=_key(model, name))[0]["dropped"])


def _key(model: str, name: str) -> str:
    return f"{model}/{name}"


def saved_queries(database: Database) -> list[NamedQuery]:
    """The queries that users keep, by name."""
    return [_query(row) for row in database.read(circuit_queries.KEPT_QUERIES)]


def save_query(database: Database, query: NamedQuery, replace: bool = False) -> bool:
    """Keep a query; whether its name was free, or is replaced."""
    properties = {
        "name": query.name,
        "id": str(uuid.uuid4()),
        "text": query.text,
        "description": query.description,
        "parameters": json.dumps(dict(query.defaults), ensure_ascii=False),
        "author": query.author,
        "at": (query.at or datetime.now(UTC)).astimezone(UTC),
    }
    return bool(database.write(circuit_queries.KEEP_QUERY, name=query.name, properties=properties, replace=replace))


def remove_query(database: Database, name: str) -> bool:
    """Take a query away; whether there was one."""
    return bool(database.write(circuit_queries.FORGET_QUERY, name=name)[0]["done"])


def _query(row: Mapping[str, Any]) -> NamedQuery:
    columns = {name: row[name] for name in ("name", "text", "description", "author")}
    return NamedQuery(**columns, defaults=json.loads(row["parameters"]), at=utc(row["at"]))
