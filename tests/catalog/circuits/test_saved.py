from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from catalog.circuits.build import refresh
from catalog.circuits.local import enrichment_circuit
from catalog.circuits.saved import earlier_circuits, open_circuit, remove, restore, save, saved_circuits
from catalog.errors import CircuitError
from catalog.labels.labels import Labels
from extract.units import Unit
from graph.model_store import ModelStore

MODEL = "planted:by-hand"


@pytest.fixture
def named(planted_store: ModelStore, request: pytest.FixtureRequest) -> Iterator[str]:
    """A name of the test's own, under which nothing is left."""
    name = f"circuit of {request.node.name}"[:80]
    yield name
    planted_store.remove_circuit(name, "ada")


def test_a_kept_circuit_is_listed_and_opens_as_it_was(planted_store: ModelStore, named: str) -> None:
    circuit = enrichment_circuit(planted_store, Unit.parse("4/2/6/20"), limit=2)
    said = save(planted_store, circuit, f"  {named} ", "ada")

    (found,) = [each for each in saved_circuits(planted_store) if each.name == named]
    assert (found, found.author, found.kind, found.units) == (said, "ada", "enrichment", len(circuit.units))
    assert open_circuit(planted_store, named) == circuit
    rows = planted_store.query(
        "MATCH (c:Circuit {name: $name})-[i:INCLUDES]->(u:Unit) RETURN u.id, i.role", {"name": named}
    ).rows
    assert {tuple(row) for row in rows} == {(str(node.id), node.role) for node in circuit.units}


def test_labels_are_as_they_are_when_it_is_opened(planted_store: ModelStore, named: str) -> None:
    unit = Unit.parse("4/2/6/25")
    save(planted_store, enrichment_circuit(planted_store, unit, limit=1), named, "ada")
    Labels(planted_store).add(unit, "gore", "ada", sensitive=True)

    found = open_circuit(planted_store, named)
    assert (found.unit(unit).labels, found.unit(unit).sensitive) == (("gore",), True)
    assert refresh(planted_store, found) == found
    Labels(planted_store).withdraw(unit, "gore", "ada")


def test_a_name_that_is_taken_is_refused_unless_it_is_replaced(planted_store: ModelStore, named: str) -> None:
    first, second = (enrichment_circuit(planted_store, Unit.parse(f"4/2/6/{c}"), limit=1) for c in (22, 23))
    save(planted_store, first, named, "ada")
    with pytest.raises(CircuitError, match="already has a saved circuit"):
        save(planted_store, second, named, "bob")
    assert open_circuit(planted_store, named) == first
    save(planted_store, second, named, "bob", replace=True)
    assert open_circuit(planted_store, named) == second
    text = "MATCH (:Circuit {name: $name})-[:INCLUDES]->(u:Unit) RETURN count(u)"
    assert planted_store.query(text, {"name": named}).rows == [[len(second.units)]]


def test_what_is_replaced_or_removed_can_be_restored_and_that_too(planted_store: ModelStore, named: str) -> None:
    first, second = (enrichment_circuit(planted_store, Unit.parse(f"4/2/6/{c}"), limit=1) for c in (22, 23))
    save(planted_store, first, named, "ada")
    save(planted_store, second, named, "bob", replace=True)
    assert restore(planted_store, named, author="cid").author == "ada"
    assert open_circuit(planted_store, named) == first
    remove(planted_store, named, "dan")
    earlier = [each for each in earlier_circuits(planted_store) if each.name == named]
    assert [(e.author, e.removed_by) for e in earlier] == [("ada", "dan"), ("bob", "cid"), ("ada", "bob")]
    restore(planted_store, named, earlier[1].version)
    assert open_circuit(planted_store, named) == second
    text = "MATCH (:Circuit {name: $name})-[i:INCLUDES]->(u:Unit) RETURN u.id, i.role"
    tied = {tuple(row) for row in planted_store.query(text, {"name": named}).rows}
    assert tied == {(str(node.id), node.role) for node in second.units}
    for name, version in ((named, "nobody"), (f"{named}?", None), ("", earlier[0].version)):
        with pytest.raises(CircuitError, match="has no replaced or removed circuit"):
            restore(planted_store, name, version)


def test_of_many_who_replace_a_circuit_at_once_none_is_lost(planted_store: ModelStore, named: str) -> None:
    circuit = enrichment_circuit(planted_store, Unit.parse("4/2/6/24"), limit=1)
    authors = {f"author {n}" for n in range(8)}
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(save, planted_store, circuit, named, author, replace=True) for author in authors]:
            done.result()
    (now,) = [each for each in saved_circuits(planted_store) if each.name == named]
    earlier = [each.author for each in earlier_circuits(planted_store) if each.name == named]
    assert sorted([now.author, *earlier]) == sorted(authors)


def test_what_is_not_kept_cannot_be_opened_or_dropped(planted_store: ModelStore, named: str) -> None:
    save(planted_store, enrichment_circuit(planted_store, Unit.parse("4/2/6/24"), limit=1), named, "ada")
    remove(planted_store, named)
    for act in (open_circuit, remove):
        with pytest.raises(CircuitError, match=r"has no saved circuit .*\. It has:"):
            act(planted_store, named)


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 81])
def test_a_name_is_one_line_of_bounded_length(planted_store: ModelStore, name: str) -> None:
    circuit = enrichment_circuit(planted_store, Unit.parse("4/2/6/24"), limit=1)
    before = saved_circuits(planted_store)
    with pytest.raises(CircuitError, match="The circuit cannot be saved"):
        save(planted_store, circuit, name, "ada")
    assert saved_circuits(planted_store) == before
