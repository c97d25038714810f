"""Verify that the database still holds all that was loaded of a model.

An embedded server would serve files that were cut short without noticing. So when the server starts, and before it
serves anything, it compares the files' lengths with those at its last stop. After that, a few quick counts are enough
to open a model. `verify` follows every edge, which takes ten seconds for two million edges.

A count is not a snapshot: labelling a unit during a count moves the unit. So data counts as lost only if two counts
agree and nothing was written from before the first count to after the second.
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
    """Raise ModelMissing if a model that was opened has been removed since, or is being loaded again."""
    if not any(row["id"] == model and row["complete"] for row in database.read(MODELS)):
        raise ModelMissing(f"The database no longer holds the model {model!r}. Load it again.")


def refuse_shortened(database: Database, model: str) -> None:
    """Raise DatabaseDamaged if files of an embedded database are shorter than at the server's last stop."""
    if database.shortened:
        raise DatabaseDamaged(
            f"The database lost data of {model}: {'; '.join(database.shortened)}. Load the extraction again; "
            "labels stay."
        )


def check(database: Database, model: str) -> bool:
    """Compare what takes only a moment: the lengths of an embedded database's files, and counts of nodes.

    Returns False if there is no such model. Raises DatabaseDamaged.
    """
    refuse_shortened(database, model)
    return _compare(database, model, TALLY)


def count(database: Database, model: str) -> bool:
    """Check a model, and compare counts of edges by type without following the edges.

    Returns False if there is no such model. Raises DatabaseDamaged.
    """
    exists = check(database, model)
    for text in TOTALS.values():
        _compare(database, model, text)
    return exists


def verify(database: Database, model: str) -> bool:
    """Count and sum all data of a model, following its edges in both directions.

    Returns False if there is no such model. Raises DatabaseDamaged.
    """
    return _compare(database, model, TALLY) and _compare(database, model, VERIFY)


def _compare(database: Database, model: str, text: str) -> bool:
    """Compare counts and sums with those recorded at the load, as in `compare`."""
    return compare(database, model, lambda: database.read(text, model=model))


def compare(database: Database, model: str, ask: Callable[[], Answer]) -> bool:
    """Compare what the database holds with what was recorded, row by row of an answer; False if there is no row.

    Raises DatabaseDamaged if data is lost, DatabaseBusy if labels are written all the time.
    """
    rows, damage = _compared(ask)
    earlier: tuple[Answer, str] | None = None
    if not damage:
        return bool(rows)
    for _ in range(_ATTEMPTS):
        before = _entries(database, model)
        with database.reading_once():  # asked again even inside another `reading_once`
            rows, damage = _compared(ask)
        if not damage:
            return bool(rows)
        if earlier == (before, damage) and _entries(database, model) == before:
            raise DatabaseDamaged(f"The database lost data of {model}: {damage}")
        earlier = before, damage
    raise DatabaseBusy(f"{model} cannot be counted, because its labels keep changing. Try again later.")


def _entries(database: Database, model: str) -> Answer:
    with database.reading_once():
        return database.read(ENTRIES, model=model)


def _compared(ask: Callable[[], Answer]) -> tuple[Answer, str]:
    """Return the rows of an answer, and what is wrong in them with the way out: an empty text if all agree."""
    try:
        rows = ask()
    except RecordUnreadable as error:
        again = "a second check found the same. Load the extraction again."
        return [], f"a record cannot be read ({error.reason}); {again}"
    wrong = [row for row in rows if not agrees(row)]
    return rows, _damage(wrong) if wrong else ""


def _damage(wrong: Sequence[Mapping[str, Any]]) -> str:
    counts = "; ".join(f"{row['what']}: {row['found']} instead of {row['recorded']}" for row in wrong)
    labels = ", then import the labels that you exported" if wrong[0]["what"] == "annotations" else ""
    return f"{counts}; a second count found the same. Load the extraction again{labels}."
