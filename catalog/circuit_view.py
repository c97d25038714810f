"""A circuit to work with: draw, edit, export and save it."""

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
    """A circuit of one model, or one that was read from a file and belongs to no catalog.

    `record` is the circuit itself. Methods that edit return a new circuit. Drawings hide sensitive content unless
    `revealed`; files of `export` and the networkx graph flag sensitive units and hide nothing.
    """

    def __init__(self, record: Circuit, store: ModelStore | None = None) -> None:
        self.record, self._store = record, store

    @property
    def name(self) -> str:
        """The name of the circuit."""
        return self.record.name

    @property
    def sentence(self) -> str:
        """A sentence on the circuit's size, and for a trace the share of influence that the circuit holds."""
        return self.record.sentence

    @property
    def settings(self) -> dict[str, Plain]:
        """The parameters of the search or trace that found the circuit."""
        return dict(self.record.settings)

    @cached_property
    def units(self) -> Table[Node]:
        """The circuit's units with their roles, labels and statistics."""
        return Table(f"Units of {self.name}", self.record.units, self._veil, _drawn)

    @cached_property
    def edges(self) -> Table[CircuitEdge]:
        """The circuit's edges: expanded weights (kind CONTRIBUTES) and residual sums (kind ADDS)."""
        return Table(f"Edges of {self.name}", self.record.edges)

    def join(self, other: "CircuitView") -> "CircuitView":
        """Join another circuit's units and edges, keeping this one's name. Raises CircuitError for different models."""
        return self._with(editing.join(self.record, other.record))

    def expand(self, unit: Unit | str, limit: int = 5) -> "CircuitView":
        """Add a unit's `limit` strongest inputs and outputs of each sign, and the residual sums that it is in."""
        return self._with(editing.expand(self._catalog, self.record, self._unit(unit), limit))

    def without(self, unit: Unit | str) -> "CircuitView":
        """Leave out a unit, its edges, and the units that had edges only with that unit."""
        return self._with(editing.without(self.record, self._unit(unit)))

    def edited(self, expand: Sequence[Unit], remove: Sequence[Unit], limit: int = 5) -> "CircuitView":
        """Expand some units in turn, then leave others out; the new circuit's settings name both."""
        return self._with(editing.edit(self._catalog, self.record, expand, remove, limit))

    def svg(
        self,
        link: Callable[[Unit], str] | None = None,
        bold: Collection[Unit] = (),
        revealed: bool = False,
        pictures: bool = True,
    ) -> str:
        """Draw the circuit as one SVG element, which needs no other file.

        `link` returns a unit's URL; `bold` units have a bold frame; with `pictures` each unit shows its first top
        probe.
        """
        return drawing.draw(self._pictured(revealed) if pictures else self.record, link, revealed, bold)

    def render(
        self, path: Path | str, scale: float = drawing_files.SCALE, revealed: bool = False, pictures: bool = True
    ) -> None:
        """Write the drawing to a file whose name ends in .svg, .png or .pdf.

        `scale` is the number of PNG pixels per pixel of the drawing. Raises ExportError.
        """
        drawing_files.write(self.svg(revealed=revealed, pictures=pictures), at_home(path), scale)

    def rendered(self, form: drawing_files.DrawingForm, revealed: bool = False) -> Callable[[], bytes]:
        """Return a function that, when called, draws the circuit and returns the bytes of its file."""
        return lambda: drawing_files.render(self.svg(revealed=revealed), form)

    def export(self, path: Path | str, form: Format | None = None) -> None:
        """Write the circuit for other graph tools, to a .json, .graphml or .zip file. Raises ExportError."""
        export.write(self.record, at_home(path), form)

    def encoded(self, form: Format) -> bytes:
        """Return the bytes of a file that `export` would write; equal circuits give equal bytes."""
        return export.encode(self.record, form)

    def to_networkx(self) -> "nx.MultiDiGraph[str]":
        """Return a networkx graph with plain attributes, that is text, numbers and booleans."""
        return self.record.graph()

    def save(self, name: str, author: str | None = None, replace: bool = False) -> SavedCircuit:
        """Save the circuit in the database under a name; `author` None takes the login name.

        Raises CircuitError for a name that is taken, unless `replace` is set.
        """
        return saved_circuits.save(self._catalog, self.record, name, author, replace)

    def __repr__(self) -> str:
        """Return the sentence on the circuit's size."""
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
            raise CircuitError(
                f"{self.name} was read from a file and belongs to no catalog. Open it in one: model.circuit(this)."
            )
        return self._store

    def _veil(self) -> Veil:
        return Veil() if self._store is None else Veil.of(self._store)


def _drawn(units: Sequence[Node], veil: Veil) -> str:
    labels = [HIDDEN if node.sensitive else veil.over(node.id).labels(node.labels) for node in units]
    rows = [row(node) | {"labels": texts} for node, texts in zip(units, labels, strict=True)]
    return cells(rows, veil)
