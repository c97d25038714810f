"""Circuits that people keep in the database under a name, and find again after their model was loaded anew."""

import uuid
from datetime import UTC, datetime

from pydantic import BaseModel, ValidationError

from catalog.circuits import export
from catalog.circuits.build import refreshed
from catalog.circuits.circuit import Circuit
from catalog.errors import CircuitError
from catalog.text_rules import Name, broken, login_name
from graph.model_store import ModelStore
from graph.records import SavedCircuit


class _Said(BaseModel):
    """Under which name a circuit is kept, and by whom."""

    name: Name
    author: Name


def keep(
    store: ModelStore, circuit: Circuit, name: str, author: str | None = None, replace: bool = False
) -> SavedCircuit:
    """Keep a circuit under a name of its own in its model; `author` None takes the login name.

    Raises CircuitError for a name that is taken, unless that circuit is to be replaced, or that is no line of text.
    """
    try:
        said = _Said(name=name, author=author or login_name())
    except ValidationError as error:
        raise CircuitError(
            f"No circuit can be kept so ({broken(error)}). Nothing was changed; mend it and try again."
        ) from error
    fresh = SavedCircuit(said.name, circuit.model, circuit.kind, said.author, datetime.now(UTC), len(circuit.units))
    units = {str(node.id): node.role for node in circuit.units}
    content = export.encode(circuit, "json").decode()
    if not store.save_circuit(fresh, str(uuid.uuid4()), content, units, replace):
        raise CircuitError(
            f"A circuit {said.name!r} of {circuit.model} is kept already. Name it otherwise, or replace it."
        )
    return fresh


def kept(store: ModelStore) -> list[SavedCircuit]:
    """What is kept of a model, by name."""
    return store.saved_circuits()


def reopened(store: ModelStore, name: str) -> Circuit:
    """A kept circuit with its units' labels as they are now; CircuitError where there is none of this name."""
    content = store.circuit_content(name)
    if content is None:
        raise _none(store, name)
    return refreshed(store, export.decode(content.encode(), "json"))


def drop(store: ModelStore, name: str) -> None:
    """Take a kept circuit away; its units stay. CircuitError where there is none of this name."""
    if not store.remove_circuit(name):
        raise _none(store, name)


def _none(store: ModelStore, name: str) -> CircuitError:
    names = ", ".join(repr(each.name) for each in store.saved_circuits()) or "none yet"
    return CircuitError(f"No circuit {name!r} of {store.id} is kept. There are: {names}.")
