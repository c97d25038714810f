"""Save circuits in the database under a name, and open them again, even after their model was loaded again."""

import uuid
from datetime import UTC, datetime

from pydantic import BaseModel, ValidationError

from catalog.circuits import export
from catalog.circuits.build import refresh
from catalog.circuits.circuit import Circuit
from catalog.errors import CircuitError
from catalog.text_rules import Name, broken, checked_author, login_name
from graph import saved
from graph.model_store import ModelStore
from graph.records import EarlierCircuit, SavedCircuit


class _Header(BaseModel):
    """The name of a saved circuit, and who saved it."""

    name: Name
    author: Name


def save(
    store: ModelStore, circuit: Circuit, name: str, author: str | None = None, replace: bool = False
) -> SavedCircuit:
    """Save a circuit under a name that is unique in its model; `author` None takes the login name.

    Raises CircuitError for a name that is taken (unless `replace` is set), or is not one line of 1 to 80 characters.
    """
    try:
        header = _Header(name=name, author=author or login_name())
    except ValidationError as error:
        raise CircuitError(
            f"The circuit cannot be saved ({broken(error)}). Nothing was changed. Correct this and try again."
        ) from error
    record = SavedCircuit(
        header.name, circuit.model, circuit.kind, header.author, datetime.now(UTC), len(circuit.units)
    )
    roles = {str(node.id): node.role for node in circuit.units}
    content = export.encode(circuit, "json").decode()
    if not store.save_circuit(record, str(uuid.uuid4()), content, roles, replace):
        raise CircuitError(
            f"{circuit.model} already has a saved circuit {record.name!r}. Choose another name, or replace it."
        )
    return record


def saved_circuits(store: ModelStore) -> list[SavedCircuit]:
    """List the saved circuits of a model, by name."""
    return store.saved_circuits()


def open_circuit(store: ModelStore, name: str) -> Circuit:
    """Open a saved circuit; its units have their current labels.

    Raises CircuitError if no circuit is saved under this name.
    """
    content = store.circuit_content(name)
    if content is None:
        raise _missing(store, name)
    return refresh(store, export.decode(content.encode(), "json"))


def remove(store: ModelStore, name: str, author: str | None = None) -> None:
    """Remove a saved circuit; `restore` restores it. Raises CircuitError if there is none of this name."""
    if not store.remove_circuit(name, checked_author(author)):
        raise _missing(store, name)


def earlier_circuits(store: ModelStore) -> list[EarlierCircuit]:
    """List the saved circuits of a model that were replaced or removed, latest first."""
    return saved.earlier_circuits(store.database, store.id)


def restore(store: ModelStore, name: str, version: str | None = None, author: str | None = None) -> SavedCircuit:
    """Restore the circuit that was last replaced or removed under a name, or the version with this id.

    The circuit that has the name now becomes an earlier version. Raises CircuitError if there is no such version.
    """
    who = checked_author(author)
    versions = [e for e in earlier_circuits(store) if e.name == name and version in (None, e.version)]
    if not versions or not saved.restore_circuit(store.database, versions[0], who):
        raise CircuitError(
            f"{store.id} has no replaced or removed circuit {version or repr(name)}. `circuits saved history` lists "
            "those it has."
        )
    return versions[0]


def _missing(store: ModelStore, name: str) -> CircuitError:
    names = ", ".join(repr(circuit.name) for circuit in store.saved_circuits()) or "none yet"
    return CircuitError(f"{store.id} has no saved circuit {name!r}. It has: {names}.")
