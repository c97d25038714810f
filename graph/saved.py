"""Save circuits and queries in the database under a name; a circuit is linked to its units."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from graph import answers
from graph.answers import utc
from graph.connection.database import Database
from graph.cypher.named_query import EarlierQuery, NamedQuery
from graph.cypher.saved import (
    CIRCUIT_CONTENT,
    EARLIER_CIRCUIT,
    EARLIER_CIRCUITS,
    EARLIER_QUERIES,
    REMOVE_CIRCUIT,
    REMOVE_QUERY,
    SAVE_CIRCUIT,
    SAVE_QUERY,
    SAVED_CIRCUITS,
    SAVED_QUERIES,
)
from graph.records import EarlierCircuit, SavedCircuit


def save_circuit(
    database: Database,
    circuit: SavedCircuit,
    identity: str,
    content: str,
    roles: Mapping[str, str],
    replace: bool,
    author: str | None = None,
) -> bool:
    """Save a circuit's content, linked to its units by their roles.

    Returns False, and saves nothing, if its name is taken and `replace` is False. `author` is the person who saves the
    circuit, if that is not the circuit's own author. A replaced circuit becomes an earlier version.
    """
    key, at = _key(circuit.model, circuit.name), circuit.at.astimezone(UTC)
    known = asdict(circuit) | {"key": key, "id": identity, "at": at, "content": content}
    properties = known | {"units": list(roles), "roles": list(roles.values())}
    parameters = {"properties": properties, "replace": replace, **_act(author or circuit.author)}
    return bool(database.write_idempotent(SAVE_CIRCUIT, key=key, **parameters))


def saved_circuits(database: Database, model: str) -> list[SavedCircuit]:
    """Return the saved circuits of a model, sorted by name."""
    return list(map(answers.saved_circuit, database.read(SAVED_CIRCUITS, model=model)))


def circuit_content(database: Database, model: str, name: str) -> str | None:
    """Return the content of the circuit saved under a name, or None if there is no such circuit."""
    rows = database.read(CIRCUIT_CONTENT, key=_key(model, name))
    return str(rows[0]["content"]) if rows else None


def remove_circuit(database: Database, model: str, name: str, author: str) -> bool:
    """Remove a saved circuit, which becomes an earlier version. Returns False if there is no such circuit."""
    return bool(database.write(REMOVE_CIRCUIT, key=_key(model, name), **_act(author))[0]["removed"])


def earlier_circuits(database: Database, model: str) -> list[EarlierCircuit]:
    """Return the earlier versions of a model's saved circuits, the last removed first."""
    return list(map(answers.earlier_circuit, database.read(EARLIER_CIRCUITS, model=model)))


def restore_circuit(database: Database, earlier: EarlierCircuit, author: str) -> bool:
    """Save an earlier version again, in place of the circuit that now has its name.

    Returns False if there is no such version.
    """
    rows = database.read(EARLIER_CIRCUIT, version=earlier.version)
    circuit = SavedCircuit(earlier.name, earlier.model, earlier.kind, earlier.author, earlier.at, earlier.units)
    return bool(rows) and save_circuit(
        database,
        circuit,
        str(uuid.uuid4()),
        rows[0]["content"],
        dict(zip(rows[0]["units"], rows[0]["roles"], strict=True)),
        replace=True,
        author=author,
    )


def _act(author: str) -> dict[str, Any]:
    """Return the parameters that say who replaces or removes something, and when."""
    return {"by": author, "now": datetime.now(UTC)}


def _key(model: str, name: str) -> str:
    return f"{model}/{name}"


def saved_queries(database: Database) -> list[NamedQuery]:
    """Return the users' saved queries, sorted by name."""
    return [_query(row) for row in database.read(SAVED_QUERIES)]


def save_query(database: Database, query: NamedQuery, replace: bool = False, author: str | None = None) -> bool:
    """Save a query. Returns False, and saves nothing, if its name is taken and `replace` is False.

    `author` is the person who saves the query, if that is not the query's own author.
    """
    properties = {
        "name": query.name,
        "id": str(uuid.uuid4()),
        "text": query.text,
        "description": query.description,
        "parameters": json.dumps(dict(query.defaults), ensure_ascii=False),
        "author": query.author,
        "at": (query.at or datetime.now(UTC)).astimezone(UTC),
    }
    parameters = {"properties": properties, "replace": replace, **_act(author or query.author)}
    return bool(database.write_idempotent(SAVE_QUERY, name=query.name, **parameters))


def remove_query(database: Database, name: str, author: str) -> bool:
    """Remove a saved query, which becomes an earlier version. Returns False if there is no query of this name."""
    return bool(database.write(REMOVE_QUERY, name=name, **_act(author))[0]["removed"])


def earlier_queries(database: Database) -> list[EarlierQuery]:
    """Return the earlier versions of saved queries, the last removed first."""
    return [_earlier_query(row) for row in database.read(EARLIER_QUERIES)]


def _earlier_query(row: Mapping[str, Any]) -> EarlierQuery:
    removal = {"version": row["version"], "removed_by": row["removed_by"], "removed_at": utc(row["removed_at"])}
    return EarlierQuery(**_columns(row), **removal)


def _query(row: Mapping[str, Any]) -> NamedQuery:
    return NamedQuery(**_columns(row))


def _columns(row: Mapping[str, Any]) -> dict[str, Any]:
    columns = {name: row[name] for name in ("name", "text", "description", "author")}
    return columns | {"defaults": json.loads(row["parameters"]), "at": utc(row["at"])}
