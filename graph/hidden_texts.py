"""Collect the texts that answers hide, over all models."""

from dataclasses import dataclass

from graph.connection.database import Database
from graph.cypher.flags import ALL_FLAGS, HIDDEN_TEXTS
from graph.records import FlagKind

LastFlags = dict[FlagKind, dict[tuple[str, str], bool]]  # whether it says sensitive, by kind, model and name


@dataclass(frozen=True)
class HiddenTexts:
    """The texts to hide over all models, and whether each flagged word is sensitive.

    `texts` are sensitive labels and their facets, labels of units flagged as sensitive (withdrawn labels too), and the
    concepts of images that are sensitive or flagged as sensitive. `words` tells for each flagged word whether its last
    flag says sensitive; if models differ, the word counts as sensitive. `flags` are the last flags in all models.
    """

    texts: frozenset[str]
    words: dict[str, bool]
    flags: LastFlags

    def flags_of(self, model: str) -> dict[FlagKind, dict[str, bool]]:
        """Return whether the last flag of each unit, image and word of one model says sensitive, by kind and name."""
        return {
            kind: {name: is_sensitive for (owner, name), is_sensitive in flags.items() if owner == model}
            for kind, flags in self.flags.items()
        }


def hidden_texts(database: Database) -> HiddenTexts:
    """Read from the database which texts to hide, in two queries."""
    flags = _last_flags(database)
    keys = {"units": _sensitive_keys(flags["unit"]), "images": _sensitive_keys(flags["image"])}
    texts = frozenset(row["text"] for row in database.read(HIDDEN_TEXTS, **keys))
    words: dict[str, bool] = {}
    for (_, word), is_sensitive in flags["word"].items():
        words[word] = words.get(word, False) or is_sensitive
    return HiddenTexts(texts, words, flags)


def _last_flags(database: Database) -> LastFlags:
    """Return whether the last flag of each unit, image and word says sensitive."""
    flags: LastFlags = {"unit": {}, "image": {}, "word": {}}
    for row in database.read(ALL_FLAGS):
        flags[row["kind"]][row["model"], row["name"]] = row["sensitive"]
    return flags


def _sensitive_keys(flags: dict[tuple[str, str], bool]) -> list[str]:
    return [f"{model}/{name}" for (model, name), is_sensitive in flags.items() if is_sensitive]
