"""Circuits with a picture on every unit."""

from dataclasses import replace

from catalog.circuits.circuit import Circuit
from catalog.hiding.veil import Veil
from catalog.top_probes import thumbnails
from graph.model_store import ModelStore


def pictured(store: ModelStore, circuit: Circuit, revealed: bool = False) -> Circuit:
    """The same circuit, its units with their pictures; sensitive ones are smeared unless the veil is `revealed`."""
    veil = Veil.of(store, revealed)
    found = thumbnails(store, (node.id for node in circuit.units))
    pictures = {unit: veil.over(unit).picture(example) for unit, example in found.items()}
    units = tuple(replace(node, picture=pictures.get(node.id, "")) for node in circuit.units)
    return replace(circuit, units=units)
