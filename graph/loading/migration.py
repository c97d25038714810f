"""Create the schema, or bring an older one up to ours; doing either again changes nothing."""

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
_MENTION = re.compile(rf"\.\s*{_NAMES}|[{{,]\s*{_NAMES}\s*:")  # of a unit, or in a pattern's map


def statements() -> Iterator[Statement]:
    """Yield the statements that create our schema, on any server."""
    yield from map(Statement, (*CONSTRAINTS, *INDEXES))
    yield Statement(SET_VERSION, {"id": SCHEMA, "version": VERSION})


def outdated_queries(database: Database) -> list[str]:
    """The names of saved queries that mention a property that units had in an earlier schema, in order.

    Cypher answers them with nothing, or with something else, without an error.
    """
    return [row["name"] for row in database.read(SAVED_TEXTS) if _MENTION.search(row["text"])]


def schema_version(database: Database) -> int:
    """Return the version of the database's schema, ours if it has none."""
    rows = database.read(SCHEMA_VERSION)
    return int(rows[0]["version"]) if rows else VERSION


def migrate(database: Database) -> int:
    """Bring the schema up to ours; return its version before. SchemaMismatch for a later one."""
    version = schema_version(database)
    if version > VERSION:
        raise SchemaMismatch(
            f"The database has schema {version}, and ours is {VERSION}. Update clip-circuits; all is kept."
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
