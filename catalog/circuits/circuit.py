"""The record of a circuit: units and the edges between them, to be drawn, saved and exported."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from extract.units import Unit
from graph.plain_json import as_json
from graph.records import Branch

if TYPE_CHECKING:
    import networkx as nx

Role = Literal["unit", "input", "output", "sum", "shortcut", "conv"]
Plain = str | int | float | bool

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")  # XML cannot hold these, or changes \r


@dataclass(frozen=True)
class Node:
    """A unit in a circuit, with its role, its current labels and its statistics.

    `sensitive` says whether the unit or one of its labels is sensitive. `influence` is the share of a trace's influence
    that reaches the unit, from 0 to 1; None in other circuits. `note` is what the circuit's source, such as the
    article, calls the unit; it is not a label. `picture` is a `data:` URL, already blurred if sensitive
    (`catalog.circuits.pictures`). Pictures are only drawn: comparisons of circuits ignore them, and no exported file
    contains them.
    """

    id: Unit
    role: Role
    labels: tuple[str, ...] = ()
    sensitive: bool = False
    statistics: Mapping[str, float] = field(default_factory=dict)
    influence: float | None = None
    note: str = ""
    picture: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True)
class CircuitEdge:
    """An edge of a circuit: an expanded weight (CONTRIBUTES), or one addend of a residual sum (ADDS).

    The kernel of an ADDS edge is a single 1; `branch` names the branch that the edge comes from. `influence` is the
    share of a trace's influence that the edge carries; None in other circuits.
    """

    source: Unit
    target: Unit
    kind: Literal["CONTRIBUTES", "ADDS"]
    magnitude: float
    mean: float
    sum: float
    span: int
    direct: bool
    rank_in: int | None = None
    rank_out: int | None = None
    branch: Branch | None = None
    influence: float | None = None


@dataclass(frozen=True)
class Circuit:
    """Units and edges under a name; `settings` are the parameters of the search or trace that found them."""

    name: str
    kind: str
    model: str
    units: tuple[Node, ...]
    edges: tuple[CircuitEdge, ...]
    settings: Mapping[str, Plain] = field(default_factory=dict)

    def unit(self, unit: Unit) -> Node:
        """Return the node of a unit. Raises KeyError if the circuit does not include the unit."""
        return {node.id: node for node in self.units}[unit]

    @property
    def sentence(self) -> str:
        """A sentence on the circuit's size, and for a trace the share of influence that the circuit holds."""
        size = f"{self.name}: {len(self.units)} units and {len(self.edges)} edges"
        if "share" not in self.settings:
            return f"{size}."
        share, steps, of = (self.settings[name] for name in ("share", "steps", "of"))
        return f"{size} hold {float(share):.1%} of the influence over {steps} steps, out of {of}."

    def graph(self) -> "nx.MultiDiGraph[str]":
        """Make a networkx graph whose attributes are text, numbers and booleans; unknown values are left out.

        A node has layer, channel, role, sensitive and its statistics. A labelled node also has `label`, a text for
        people, and `labels`, the same labels as a JSON list. An edge's `weight`, which other tools read, is its
        magnitude; the edge's key is its place in `edges`, unique in the whole graph.
        """
        import networkx as nx  # takes 0.3 s, and most uses of a circuit do not need it

        graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
        graph.graph.update(_known(self.settings), name=self.name, kind=self.kind, model=self.model)
        for node in self.units:
            graph.add_node(str(node.id), **_attributes(node))
        for key, edge in enumerate(self.edges):
            attributes = _known(as_json(edge) | {"weight": edge.magnitude})
            graph.add_edge(attributes.pop("source"), attributes.pop("target"), key=key, **attributes)
        return graph


def printable(text: str) -> str:
    """Replace each character that XML cannot hold by a replacement character."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def _attributes(node: Node) -> dict[str, Any]:
    attributes: dict[str, Any] = {"layer": str(node.id.layer), "channel": node.id.channel, "role": node.role}
    if node.labels:
        attributes["label"] = printable("; ".join(node.labels))
        attributes["labels"] = json.dumps(node.labels)
    if node.note:
        attributes["note"] = printable(node.note)
    if node.influence is not None:
        attributes["influence"] = node.influence
    return attributes | {"sensitive": node.sensitive} | _known(node.statistics)


def _known(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes as JSON values; leave out None and infinite numbers, which not every file format holds."""
    return {name: value for name, value in as_json(attributes).items() if value is not None}
