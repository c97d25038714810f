"""The texts that answers hide, over all models."""

from graph.connection.database import Database
from graph.cypher.flags import FLAGGED, FLAGGED_TEXTS, SENSITIVE_TEXTS
from graph.records import FlagKind


def sensitive_texts(database: Database) -> frozenset[str]:
    """The texts to hide, over all models.

    Sensitive labels, labels of flagged units (withdrawn ones too), and what sensitive or flagged images show.
    """
    kinds: dict[str, FlagKind] = {"units": "unit", "images": "image"}
    keys = {name: _sensitive_keys(database, kind) for name, kind in kinds.items()}
    rows = database.read(SENSITIVE_TEXTS) + database.read(FLAGGED_TEXTS, **keys)
    return frozenset(row["text"] for row in rows)


def flagged_words(database: Database) -> dict[str, bool]:
    """Whether each flagged word is sensitive, by its last flag; where models differ, it is."""
    words: dict[str, bool] = {}
    for (_, word), is_sensitive in _last_flags(database, "word").items():
        words[word] = words.get(word, False) or is_sensitive
    return words


def _sensitive_keys(database: Database, kind: FlagKind) -> list[str]:
    """The keys of all units or images whose last flag calls them sensitive."""
    flags = _last_flags(database, kind)
    return [f"{model}/{name}" for (model, name), is_sensitive in flags.items() if is_sensitive]


def _last_flags(database: Database, kind: FlagKind) -> dict[tuple[str, str], bool]:
    """Whether the last flag of each unit, image or word calls it sensitive, by model and name."""
    rows = database.read(FLAGGED, kind=kind)
    return {(row["model"], row["name"]): bool(row["sensitive"]) for row in rows}
