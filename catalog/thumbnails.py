"""The picture that stands for a unit: the probe that it answers to most, behind the veil."""

from collections.abc import Iterable
from dataclasses import replace

from catalog.circuit import Circuit
from catalog.veil import Veil
from extract.units import Unit
from graph.schema import Branch, Example
from graph.store import CircuitStore

_ROWS: dict[str, Branch] = {"sum": "sum", "conv": "conv", "downsample": "shortcut"}


def branch(unit: Unit) -> Branch | None:
    """Which row of its sum's examples is a unit's own; None inside a branch, where none were taken."""
    return _ROWS.get(unit.layer.role)


def examples(store: CircuitStore, model: str, unit: Unit, limit: int = 8) -> list[Example]:
    """The probes that a unit answers to most: a sum's with those of its branches, a branch's as its sum has them."""
    part = branch(unit)
    found = store.examples(model, Unit(unit.layer.output, unit.channel), limit) if part else []
    return [example for example in found if part in ("sum", example.branch)]


def thumbnails(store: CircuitStore, model: str, units: Iterable[str]) -> dict[str, Example]:
    """The probe that each unit answers to most, for those where this was measured."""
    shown = {name: Unit.parse(name) for name in units if branch(Unit.parse(name))}
    totals = {name: Unit(unit.layer.output, unit.channel) for name, unit in shown.items()}
    found = store.examples_of(model, totals.values(), limit=1)
    own = {name: [e for e in found.get(totals[name], []) if e.branch == branch(unit)] for name, unit in shown.items()}
    return {name: examples[0] for name, examples in own.items() if examples}


def pictured(store: CircuitStore, circuit: Circuit, lifted: bool = False) -> Circuit:
    """The same circuit, its units with their pictures; sensitive ones are smeared unless the veil is `lifted`."""
    veil = Veil.of(store, circuit.model, lifted)
    found = thumbnails(store, circuit.model, (node.id for node in circuit.units))
    pictures = {unit: veil.over(unit).picture(example) for unit, example in found.items()}
    units = tuple(replace(node, picture=pictures.get(node.id, "")) for node in circuit.units)
    return replace(circuit, units=units)
