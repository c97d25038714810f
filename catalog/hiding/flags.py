"""People's flags on units, images and words: sensitive, or not, whatever a list says; the last word holds.

Flags are only ever appended, and outlive a reload of their model as labels do.
"""

import uuid
from datetime import UTC, datetime

from catalog.errors import LabelError
from catalog.text_rules import Authored, ShortText, checked, login_name
from graph.model_store import ModelStore
from graph.records import Flag, FlagKind


class _Flagged(Authored):
    """A flag as it comes in."""

    kind: FlagKind
    name: ShortText
    sensitive: bool


class Flags:
    """The flags of one model's units, images and words, through its store."""

    def __init__(self, store: ModelStore) -> None:
        self.store = store

    def set(self, kind: str, name: str, sensitive: bool = True, author: str | None = None) -> Flag:
        """Say that a unit, an image or a word is sensitive, or that it is not; `author` None takes the login name.

        Raises UnknownUnit, LabelError for an image that the model does not have or for a broken rule. A word may be
        any: it is hidden in labels and as what an image shows, too.
        """
        said = checked(_Flagged, {"kind": kind, "name": name, "sensitive": sensitive, "author": author or login_name()})
        flag = Flag(
            id=str(uuid.uuid4()), model=self.store.id, at=datetime.now(UTC), **dict(said) | {"name": self._name(said)}
        )
        self.store.flag(flag)
        return flag

    def history(self) -> list[Flag]:
        """Every flag, oldest first."""
        return self.store.flags()

    def _name(self, said: _Flagged) -> str:
        """The name by which it is found again."""
        if said.kind == "unit":
            return str(self.store.architecture.unit(said.name))
        if said.kind == "image" and not self.store.has_image(said.name):
            raise LabelError(
                f"{self.store.id} has no image {said.name!r} among its examples. "
                "`circuits unit UNIT --json` names them."
            )
        return said.name.casefold() if said.kind == "word" else said.name
