"""Verify a model: what the database holds of it is what was loaded.

An embedded server would serve files that were cut short. So it compares their lengths with those it left, once at its
start and before anything is served; after that a few counts, which take a moment, are enough to open a model. `verify`
follows every edge, which takes ten seconds for two millions.

A count is no snapshot: a label that is written meanwhile moves its unit. So data counts as lost only when two counts
agree and nothing was written from before the first to after the second.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graph.agreement import agrees
from graph.connection.database import Answer, Database
from graph.cypher.models import MODELS
from graph.cypher.verification import ENTRIES, TALLY, TOTALS, VERIFY
from graph.errors import DatabaseBusy, DatabaseDamaged, ModelMissing, RecordUnreadable

_ATTEMPTS = 10


def refuse_missing(database: Database, model: str) -> None:
    """Raise ModelMissing where a model that was opened has been removed since, or is being loaded anew."""
    if not any(row["id"] == model and row["complete"] for row in database.read(MODELS)):
        raise ModelMissing(f"The database holds no model {model!r} any more. Load it again.")


def refuse_shortened(database: Database, model: str) -> None:
    """Raise DatabaseDamaged where files of an embedded database are shorter than they were left."""
    if database.shortened:
        raise DatabaseDamaged(
            f"The database lost data of {model}: {'; '.join(database.shortened)}. Load the extraction again; "
            "labels stay."
        )


def check(database: Database, model: str) -> bool:
    """Compare what takes a moment: the lengths of an embedded database's files, and counts of nodes.

    False if there is no such model. Raises DatabaseDamaged.
    """
    refuse_shortened(database, model)
    return _compare(database, model, TALLY)


def count(database: Database, model: str) -> bool:
    """Check a model, and compare counts of edges by their type, following none; False if there is no such model."""
    exists = check(database, model)
    for text in TOTALS.values():
        _compare(database, model, text)
    return exists


def verify(database: Database, model: str) -> bool:
    """Count and sum all of a model, both ways along its edges; False if there is no such model. DatabaseDamaged."""
    return _compare(database, model, TALLY) and _compare(database, model, VERIFY)


def _compare(database: Database, model: str, text: str) -> bool:
    """Compare counts and sums with those recorded at the load; False if there is no such model; see `compare`."""
    return compare(database, model, lambda: database.read(text, model=model))


def compare(database: Database, model: str, ask: Callable[[], Answer]) -> bool:
    """Compare what is found with what was recorded, row by row of an answer; False if there is no row.

    DatabaseDamaged for data that is lost, DatabaseBusy where labels are written all the time.
    """
    rows, damage = _compared(ask)
    earlier: tuple[Answer, str] | None = None
    if not damage:
        return bool(rows)
    for _ in range(_ATTEMPTS):
        before = _entries(database, model)
        with database.reading_once():  # anew, even where nothing else is asked twice
            rows, damage = _compared(ask)
        if not damage:
            return bool(rows)
        if earlier == (before, damage) and _entries(database, model) == before:
            raise DatabaseDamaged(f"The database lost data of {model}: {damage}")
        earlier = before, damage
    raise DatabaseBusy(f"{model} is labelled all the time, so that it cannot be counted. Try again in a while.")


def _entries(database: Database, model: str) -> Answer:
    with database.reading_once():
        return database.read(ENTRIES, model=model)


def _compared(ask: Callable[[], Answer]) -> tuple[Answer, str]:
    """The rows of an answer, and what they say of damage, with the way out; nothing where all agree."""
    try:
        rows = ask()
    except RecordUnreadable as error:
        again = "a second check found the same. Load the extraction again."
        return [], f"a record cannot be read ({error.reason}); {again}"
    wrong = [row for row in rows if not agrees(row)]
    return rows, _damage(wrong) if wrong else ""


def _damage(wrong: Sequence[Mapping[str, Any]]) -> str:
    counts = "; ".join(f"{row['what']} come to {row['found']}, and {row['recorded']} were written" for row in wrong)
    labels = ", then import the labels that you exported" if wrong[0]["what"] == "annotations" else ""
    return f"{counts}; a second count found the same. Load the extraction again{labels}."
