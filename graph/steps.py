"""The steps of a bulk load: Cypher statements, counts of what was loaded, and tables of nodes and of relationships."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa  # only for the types: commands that load nothing start without pyarrow


@dataclass(frozen=True)
class Statement:
    """A Cypher statement to run before, between or after tables, such as a constraint or a deletion.

    Its parameters must be JSON values.
    """

    text: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Verification:
    """A Cypher text whose rows compare how many of a kind were written with how many are there.

    If the two differ in a row, the load ends.
    """

    text: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Nodes:
    """Nodes of one label to merge by `key`, a column of the table. Every column is a property; null means no property.

    A node whose key is in the database already keeps its relationships and gets its properties from the row (a null
    removes one); all other nodes are created. Columns hold booleans, integers, finite floats, strings or lists of
    these.
    """

    label: str
    key: str
    table: "pa.Table"


@dataclass(frozen=True)
class Relationships:
    """Relationships of one type to append. The table's columns `source` and `target` hold keys, all others properties.

    The fields `source` and `target` are the (label, key property) of the two ends, whose nodes must exist. Nothing is
    merged, so delete the relationships before you load them again.
    """

    type: str
    source: tuple[str, str]
    target: tuple[str, str]
    table: "pa.Table"


Step = Statement | Verification | Nodes | Relationships
