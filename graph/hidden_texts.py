"""The texts that answers hide, over all models."""

from graph.connection.database import Database
from graph.cypher import flags
from graph.records import FlagKind


def sensitive(database: Database) -> frozenset[str]:
    """Every text called sensitive, said of a flagged unit or shown by such an image; of all models, also withdrawn."""
    kinds: dict[str, FlagKind] = {"units": "unit", "images": "image"}
    keys = {
        name: [f"{model}/{flagged}" for (model, flagged), bad in _flagged(database, kind).items() if bad]
        for name, kind in kinds.items()
    }
    found = database.read(flags.SENSITIVE_TEXTS) + database.read(flags.FLAGGED_TEXTS, **keys)
    return frozenset(row["text"] for row in found)


def flagged_words(database: Database) -> dict[str, bool]:
    """What somebody said of words last, whether they are sensitive; where models differ, they are."""
    last = _flagged(database, "word")
    return {word: any(bad for (_, other), bad in last.items() if other == word) for _, word in last}


def _flagged(database: Database, kind: FlagKind) -> dict[tuple[str, str], bool]:
    """What was said last of each model's units, images or words, by model and name."""
    rows = database.read(flags.FLAGGED, kind=kind)
    return {(row["model"], row["name"]): bool(row["sensitive"]) for row in rows}
