"""A Circuit: units and the edges between them, taken out of the graph to be drawn, saved and exported."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from extract.units import Unit
from graph.records import Branch, as_json

if TYPE_CHECKING:
    import networkx as nx

Role = Literal["unit", "input", "output", "sum", "shortcut", "conv"]
Plain = str | int | float | bool

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")  # XML cannot hold these, or changes \r


@dataclass(frozen=True)
class Node:
    """A unit in a circuit: its part there, its current labels, whether one of them is sensitive, what was measured.

    `influence` is the part of a trace's influence that reaches it, from 0 to 1; None in other circuits.
    `picture` is a `data:` address, behind the veil already where it is sensitive (`catalog.top_probes.pictured`). It is
    there to be drawn: it makes no other circuit, and no file of `catalog.circuits.export` holds it.
    """

    id: Unit
    role: Role
    labels: tuple[str, ...] = ()
    sensitive: bool = False
    statistics: Mapping[str, float] = field(default_factory=dict)
    influence: float | None = None
    picture: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True)
class CircuitEdge:
    """An expanded weight; or the residual sum: a kernel of a single 1, with `branch` saying which branch it adds.

    `influence` is the part of a trace's influence that it carries.
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
    """Units and edges under a name; `settings` says how they were found."""

    name: str
    kind: str
    model: str
    units: tuple[Node, ...]
    edges: tuple[CircuitEdge, ...]
    settings: Mapping[str, Plain] = field(default_factory=dict)

    def unit(self, unit: Unit) -> Node:
        """The node of a unit; KeyError where the circuit does not include it."""
        return {node.id: node for node in self.units}[unit]

    @property
    def sentence(self) -> str:
        """How large it is, and of a trace what part of the influence it holds."""
        size = f"{self.name}: {len(self.units)} units and {len(self.edges)} edges"
        if "share" not in self.settings:
            return f"{size}."
        share, steps, of = (self.settings[name] for name in ("share", "steps", "of"))
        return f"{size} hold {float(share):.1%} of the influence over {steps} steps, out of {of}."

    def graph(self) -> "nx.MultiDiGraph[str]":
        """A networkx graph with plain attributes: text, numbers and booleans; what is not known is left out.

        A node has layer, channel, role, sensitive, its statistics, and where it is labelled `label` to be read and
        `labels`, the same as a JSON list. An edge's key is its place in `edges`, unique in the whole graph.
        """
        import networkx as nx  # takes 0.3 s, and most uses of a circuit do without

        graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
        graph.graph.update(self.settings, name=self.name, kind=self.kind, model=self.model)
        for node in self.units:
            graph.add_node(str(node.id), **_attributes(node))
        for key, edge in enumerate(self.edges):
            known = {name: value for name, value in as_json(edge).items() if value is not None}
            graph.add_edge(known.pop("source"), known.pop("target"), key=key, **known)
        return graph

    def _repr_svg_(self) -> str:
        """The drawing that a notebook shows, behind the veil."""
        from catalog.circuits.figure import draw  # which knows circuits itself

        return draw(self)


def printable(text: str) -> str:
    """A text that XML can hold: a sign in place of each character that it cannot."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def _attributes(node: Node) -> dict[str, Any]:
    attributes: dict[str, Any] = {"layer": str(node.id.layer), "channel": node.id.channel, "role": node.role}
    if node.labels:
        attributes["label"] = printable("; ".join(node.labels))
        attributes["labels"] = json.dumps(node.labels)
    if node.influence is not None:
        attributes["influence"] = node.influence
    return attributes | {"sensitive": node.sensitive} | dict(node.statistics)
