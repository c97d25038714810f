"""Flag units, images and words as sensitive or as not sensitive; the last flag on a name decides.

Flags are only ever appended. Like labels, they outlive a reload of their model.
"""

import uuid
from datetime import UTC, datetime, timedelta

from catalog.errors import LabelError
from catalog.text_rules import Authored, ShortText, checked, login_name
from graph.model_store import ModelStore
from graph.records import Flag, FlagKind


class _FlagInput(Authored):
    """The input of a flag, before it is stored."""

    kind: FlagKind
    name: ShortText
    sensitive: bool


class Flags:
    """The flags on one model's units, images and words."""

    def __init__(self, store: ModelStore) -> None:
        self.store = store

    def set(self, kind: str, name: str, sensitive: bool = True, author: str | None = None) -> Flag:
        """Flag a unit, an image or a word as sensitive, or as not; `author` None takes the login name.

        Any word may be flagged: labels that contain the word and images that show it are then hidden, too. Raises
        UnknownUnit; LabelError for an image that the model does not have or for a text that breaks a rule.
        """
        rules = checked(
            _FlagInput, {"kind": kind, "name": name, "sensitive": sensitive, "author": author or login_name()}
        )
        fields = dict(rules) | {"name": self._name(rules)}
        flag = Flag(id=str(uuid.uuid4()), model=self.store.id, at=self._later(rules.kind, fields["name"]), **fields)
        self.store.flag(flag)
        return flag

    def history(self) -> list[Flag]:
        """Return every flag, oldest first."""
        return self.store.flags()

    def _later(self, kind: FlagKind, name: str) -> datetime:
        """Return the current time, or a time just after the last flag on this name if the clock went back."""
        earlier = [flag.at for flag in self.history() if (flag.kind, flag.name) == (kind, name)]
        return max([datetime.now(UTC), *(at + timedelta(microseconds=1) for at in earlier)])

    def _name(self, flag: _FlagInput) -> str:
        """Return the name under which the flag is looked up. Raises UnknownUnit; LabelError for an unknown image."""
        if flag.kind == "unit":
            return str(self.store.architecture.unit(flag.name))
        if flag.kind == "image" and not self.store.has_image(flag.name):
            raise LabelError(
                f"{self.store.id} has no image {flag.name!r} among its examples. "
                "`circuits unit UNIT --json` names them."
            )
        return flag.name.casefold() if flag.kind == "word" else flag.name
