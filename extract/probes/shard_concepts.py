"""Read the concept of a sample in a shard.

It is the picture's label, else the first folder of the picture's name, else the shard's name. A picture's label is the
member with the picture's stem or with WebDataset's key, and with one of the suffixes in `LABELS`.
"""

import json
from collections.abc import Mapping

from extract.printable import is_encodable
from extract.probes.probe import concept_name
from extract.unique_names import json_object

LABELS = (".cls", ".json", ".txt")  # the first of these that a picture has gives its concept
_JSON_LABELS = ("cls", "class", "class_name", "label_name", "label", "category", "concept")
_LONGEST_LABEL = 1000  # characters


def concept(labels: Mapping[tuple[str, str], str], stem: str, shard: str) -> str:
    """Return the concept of the picture with this stem, from the labels by stem and suffix, in a shard of this name."""
    keys = [(owner, suffix) for suffix in LABELS for owner in (stem, webdataset_key(stem))]
    label = next((labels[key] for key in keys if key in labels), None)
    return label or concept_name(_folder(stem) or shard) or shard


def label_of(name: str, content: bytes) -> str:
    """Return the concept in a label's content; empty if there is none, or if it cannot be shown as text."""
    try:
        text = content.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        return ""
    label = concept_name(_json_label(text) if name.lower().endswith(".json") else text)
    return label if is_encodable(label) and "\0" not in label and len(label) <= _LONGEST_LABEL else ""


def _json_label(text: str) -> str:
    try:
        facts = json.loads(text, object_pairs_hook=json_object)
    except (ValueError, RecursionError):
        return ""
    found = [facts[key] for key in _JSON_LABELS if key in facts] if isinstance(facts, dict) else []
    return next(
        (str(label).strip() for label in found if isinstance(label, str | int) and not isinstance(label, bool)), ""
    )


def stem_of(name: str) -> str:
    """Return a name without its last suffix."""
    folder, slash, last = name.rpartition("/")
    return folder + slash + last.rpartition(".")[0]


def webdataset_key(stem: str) -> str:
    """Return WebDataset's key, that is, the name up to the first dot of its last part."""
    folder, slash, last = stem.rpartition("/")
    return folder + slash + last.partition(".")[0]


def _folder(stem: str) -> str:
    """Return the first folder of a name, ignoring "..", or an empty text if the name has no folder."""
    return next((part for part in stem.split("/")[:-1] if part != ".."), "")
