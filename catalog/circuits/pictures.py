"""Put a picture on every unit of a circuit."""

from dataclasses import replace

from catalog.circuits.circuit import Circuit
from catalog.hiding.veil import Veil
from catalog.top_probes import thumbnails
from graph.model_store import ModelStore


def with_pictures(store: ModelStore, circuit: Circuit, revealed: bool = False) -> Circuit:
    """Put each unit's first top probe on it as its picture, blurred if sensitive and not `revealed`."""
    veil = Veil.of(store, revealed)
    probes = thumbnails(store, (node.id for node in circuit.units))
    pictures = {unit: veil.over(unit).picture(probe) for unit, probe in probes.items()}
    units = tuple(replace(node, picture=pictures.get(node.id, "")) for node in circuit.units)
    return replace(circuit, units=units)
