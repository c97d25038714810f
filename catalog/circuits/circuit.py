"""A circuit: units and the edges between them, to be drawn, saved and exported."""

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
    """A unit in a circuit: its role, its current labels, whether one of them is sensitive, its statistics.

    `influence` is the share of a trace's influence that reaches the unit, from 0 to 1; None in other circuits. `note`
    is what the circuit's source calls the unit, which is nobody's label here.
    `picture` is a `data:` address, already smeared if it is sensitive (`catalog.circuits.pictures`). It is there to be
    drawn: circuits that differ in it are equal, and no exported file holds it.
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
    """An expanded weight (CONTRIBUTES), or a residual sum (ADDS): a kernel of a single 1 from the named `branch`.

    `influence` is the share of a trace's influence that the edge carries.
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
    """Units and edges under a name; `settings` are the parameters of the search or trace that gave them."""

    name: str
    kind: str
    model: str
    units: tuple[Node, ...]
    edges: tuple[CircuitEdge, ...]
    settings: Mapping[str, Plain] = field(default_factory=dict)

    def unit(self, unit: Unit) -> Node:
        """The node of a unit. Raises KeyError if the circuit does not include it."""
        return {node.id: node for node in self.units}[unit]

    @property
    def sentence(self) -> str:
        """The size of the circuit, and of a trace the share of influence that it holds."""
        size = f"{self.name}: {len(self.units)} units and {len(self.edges)} edges"
        if "share" not in self.settings:
            return f"{size}."
        share, steps, of = (self.settings[name] for name in ("share", "steps", "of"))
        return f"{size} hold {float(share):.1%} of the influence over {steps} steps, out of {of}."

    def graph(self) -> "nx.MultiDiGraph[str]":
        """Make a networkx graph whose attributes are text, numbers and booleans; unknown ones are left out.

        A node has layer, channel, role, sensitive and its statistics. A labelled one also has `label`, to be read, and
        `labels`, the same as a JSON list. An edge's `weight`, by which other tools weigh it, is its magnitude; its
        key is its place in `edges`, unique in the whole graph.
        """
        import networkx as nx  # takes 0.3 s, and most uses of a circuit do without

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
    """What is known of the attributes: no file holds None, and not every format a number that is not finite."""
    return {name: value for name, value in as_json(attributes).items() if value is not None}
