"""Create the schema, or bring an older schema up to the current version; repeating either changes nothing."""

import re
from collections.abc import Iterator

from graph.connection.database import Database
from graph.cypher.schema import (
    CONSTRAINTS,
    FURTHER_INDEXES,
    INDEXES,
    MIGRATIONS,
    SAVED_TEXTS,
    SCHEMA_VERSION,
    SET_VERSION,
)
from graph.errors import SchemaMismatch
from graph.schema import SCHEMA, VERSION
from graph.steps import Statement

EARLIER = (  # properties that units no longer have, or that mean something else now
    *("modality_difference", "reach_shortcut", "reach_conv", "p_facets", "p_concept", "p_modality", "p_reach_shortcut"),
    *("p_reach_conv", "undecided", "verdict", "p", "q", "rise_shortcut", "rise_conv"),
    *("ablation", "effect_shortcut", "effect_conv", "control", "shuffled"),
)
_NAMES = rf"`?(?:{'|'.join(EARLIER)})(?:_low|_high)?\b`?"
_MENTION = re.compile(rf"\.\s*{_NAMES}|[{{,]\s*{_NAMES}\s*:")  # such a name after a dot, or as a key in a pattern's map


def statements() -> Iterator[Statement]:
    """Yield the statements that create the current schema on any server."""
    yield from map(Statement, (*CONSTRAINTS, *INDEXES))
    yield Statement(SET_VERSION, {"id": SCHEMA, "version": VERSION})


def outdated_queries(database: Database) -> list[str]:
    """Return the names of saved queries that mention a property of an earlier schema, sorted.

    The property may be gone, or mean something else now: Cypher then answers such a query without an error, but
    wrongly.
    """
    return [row["name"] for row in database.read(SAVED_TEXTS) if _MENTION.search(row["text"])]


def schema_version(database: Database) -> int:
    """Return the version of the database's schema, or the current version if the database has no schema."""
    rows = database.read(SCHEMA_VERSION)
    return int(rows[0]["version"]) if rows else VERSION


def migrate(database: Database) -> int:
    """Bring the schema up to the current version; return its version before. Raises SchemaMismatch for a later one."""
    version = schema_version(database)
    if version > VERSION:
        raise SchemaMismatch(
            f"The database has schema {version}, which is newer than schema {VERSION} of this version. Update "
            "clip-circuits; the database stays as it is."
        )
    for older in range(version, VERSION):
        for text in MIGRATIONS[older]:
            database.write(text)
        database.write(SET_VERSION, id=SCHEMA, version=older + 1)
    for statement in statements():
        database.write(statement.text, **statement.parameters)
    for text in FURTHER_INDEXES if database.capabilities.further_indexes else ():
        database.write(text)
    return version
