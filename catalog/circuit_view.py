"""A circuit to work with: it draws itself, is changed by hand, written to files and saved in the database."""

from collections.abc import Callable, Collection, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.cards import cells
from catalog.circuits import drawing, drawing_files, editing, export
from catalog.circuits import saved as saved_circuits
from catalog.circuits.circuit import Circuit, CircuitEdge, Node, Plain
from catalog.circuits.export import Format
from catalog.circuits.pictures import with_pictures
from catalog.errors import CircuitError
from catalog.hiding.veil import HIDDEN, Veil
from catalog.table import Table, row
from extract.files import at_home
from extract.units import Unit
from graph.model_store import ModelStore
from graph.records import SavedCircuit

if TYPE_CHECKING:
    import networkx as nx


class CircuitView:
    """A circuit of one model, or one that was read from a file and knows no catalog.

    `record` is the circuit itself. What changes a circuit gives another one. Drawings hide what is sensitive unless
    `revealed`; files of `export` and the networkx graph flag it and hide nothing.
    """

    def __init__(self, record: Circuit, store: ModelStore | None = None) -> None:
        self.record, self._store = record, store

    @property
    def name(self) -> str:
        """What the circuit is called."""
        return self.record.name

    @property
    def sentence(self) -> str:
        """How large it is, and of a trace what part of the influence it holds."""
        return self.record.sentence

    @property
    def settings(self) -> dict[str, Plain]:
        """How the circuit was found."""
        return dict(self.record.settings)

    @cached_property
    def units(self) -> Table[Node]:
        """Its units with their roles, labels and statistics."""
        return Table(f"Units of {self.name}", self.record.units, self._veil, _drawn)

    @cached_property
    def edges(self) -> Table[CircuitEdge]:
        """Its edges: expanded weights, and residual sums under the kind ADDS."""
        return Table(f"Edges of {self.name}", self.record.edges)

    def join(self, other: "CircuitView") -> "CircuitView":
        """The units and edges of both, under the name of this one. Raises CircuitError for circuits of two models."""
        return self._with(editing.join(self.record, other.record))

    def expand(self, unit: Unit | str, limit: int = 5) -> "CircuitView":
        """The circuit with a unit's `limit` strongest inputs and outputs of each sign, and the sums it stands in."""
        return self._with(editing.expand(self._catalog, self.record, self._unit(unit), limit))

    def without(self, unit: Unit | str) -> "CircuitView":
        """The circuit without a unit, its edges, and the units that had edges only with it."""
        return self._with(editing.without(self.record, self._unit(unit)))

    def edited(self, expand: Sequence[Unit], remove: Sequence[Unit], limit: int = 5) -> "CircuitView":
        """The circuit with some units expanded in turn, then others left out; its settings name them."""
        return self._with(editing.edit(self._catalog, self.record, expand, remove, limit))

    def svg(
        self,
        link: Callable[[Unit], str] | None = None,
        bold: Collection[Unit] = (),
        revealed: bool = False,
        pictures: bool = True,
    ) -> str:
        """The drawing as one SVG element, which needs no other file.

        `link` gives a unit's address, `bold` units have a bold frame; with `pictures` each unit shows the probe that it
        answers to most.
        """
        return drawing.draw(self._pictured(revealed) if pictures else self.record, link, revealed, bold)

    def render(
        self, path: Path | str, scale: float = drawing_files.SCALE, revealed: bool = False, pictures: bool = True
    ) -> None:
        """Write the drawing; the name ends in .svg, .png or .pdf. `scale` is pixels of a PNG for each of the drawing.

        Raises ExportError.
        """
        drawing_files.write(self.svg(revealed=revealed, pictures=pictures), at_home(path), scale)

    def rendered(self, form: drawing_files.DrawingForm, revealed: bool = False) -> Callable[[], bytes]:
        """What draws the circuit and makes its file's bytes when it is called."""
        return lambda: drawing_files.render(self.svg(revealed=revealed), form)

    def export(self, path: Path | str, form: Format | None = None) -> None:
        """Write the circuit for other graph tools; the name ends in .json, .graphml or .zip. Raises ExportError."""
        export.write(self.record, at_home(path), form)

    def encoded(self, form: Format) -> bytes:
        """The circuit as the bytes of such a file; equal circuits give equal bytes."""
        return export.encode(self.record, form)

    def to_networkx(self) -> "nx.MultiDiGraph[str]":
        """A networkx graph with plain attributes: text, numbers and booleans."""
        return self.record.graph()

    def save(self, name: str, author: str | None = None, replace: bool = False) -> SavedCircuit:
        """Save the circuit in the database under a name; `author` None takes the login name.

        Raises CircuitError for a name that is taken, unless that circuit is to be replaced.
        """
        return saved_circuits.save(self._catalog, self.record, name, author, replace)

    def __repr__(self) -> str:
        """How large it is."""
        return f"<{self.sentence}>"

    def _repr_svg_(self) -> str:
        return self.svg()

    def _with(self, record: Circuit) -> "CircuitView":
        return CircuitView(record, self._store)

    def _pictured(self, revealed: bool) -> Circuit:
        return self.record if self._store is None else with_pictures(self._store, self.record, revealed)

    def _unit(self, unit: Unit | str) -> Unit:
        if self._store is None:
            return Unit.parse(str(unit))
        return self._store.architecture.unit(str(unit), self._store.id)

    @property
    def _catalog(self) -> ModelStore:
        if self._store is None:
            raise CircuitError(f"{self.name} was read from a file. Open it in a catalog: model.circuit(this).")
        return self._store

    def _veil(self) -> Veil:
        return Veil() if self._store is None else Veil.of(self._store)


def _drawn(units: Sequence[Node], veil: Veil) -> str:
    labels = [HIDDEN if node.sensitive else veil.over(node.id).labels(node.labels) for node in units]
    rows = [row(node) | {"labels": texts} for node, texts in zip(units, labels, strict=True)]
    return cells(rows, veil)
