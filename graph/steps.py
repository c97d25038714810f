"""The steps of a bulk load: Cypher statements, counts of what was loaded, and tables of nodes and of relationships."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa  # for the types alone: commands that load nothing do without it


@dataclass(frozen=True)
class Statement:
    """A Cypher statement to run between loads, such as a constraint or a deletion; its parameters must fit JSON."""

    text: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Verification:
    """A Cypher text whose rows say how many of a kind were written and are found; where they differ, the load ends."""

    text: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Nodes:
    """Nodes of one label to merge by `key`, a column of the table; every column is a property, null is no property.

    A node whose key is in the database keeps its relationships, and its properties are set from the row (null removes
    one); the others are created. Columns hold booleans, integers, finite floats, strings or lists of these.
    """

    label: str
    key: str
    table: "pa.Table"


@dataclass(frozen=True)
class Relationships:
    """Relationships of one type to append; columns `source` and `target` hold keys, every other one is a property.

    `source` and `target` are (label, key property) of either end, whose nodes must exist. Nothing is merged: delete
    before you load again.
    """

    type: str
    source: tuple[str, str]
    target: tuple[str, str]
    table: "pa.Table"


Step = Statement | Verification | Nodes | Relationships
