from catalog.circuit_view import CircuitView
from catalog.circuits.drawing import draw
from catalog.circuits.local import enrichment_circuit
from catalog.circuits.pictures import with_pictures
from catalog.hiding.smear import address, smeared
from catalog.top_probes import branch_of, thumbnails, top_probes
from extract.folder.extraction import Extraction
from extract.units import Unit
from graph.model_store import ModelStore

MODEL = "planted:by-hand"


def test_a_unit_is_shown_by_the_first_probe_of_its_own_branch(planted_store: ModelStore, planted: Extraction) -> None:
    found = thumbnails(planted_store, map(Unit.parse, ("4/2/6/3", "4/2/5/3", "4/2/3/3", "4/2/3/2", "4/2/6/31")))
    rows = planted.table("examples").to_pylist()
    first = {r["branch"]: r["probe"] for r in rows if (r["layer"], r["channel"], r["rank"]) == ("4/2/6", 3, 1)}
    assert {str(unit): example.image for unit, example in found.items()} == {
        "4/2/6/3": first["sum"],
        "4/2/5/3": first["conv"],
        "4/2/3/2": "p0",
    }


def test_a_branch_has_its_row_of_its_sum_s_examples_and_a_sum_all_of_them(planted_store: ModelStore) -> None:
    conv, total = Unit.parse("4/2/5/3"), Unit.parse("4/2/6/3")
    inner = Unit.parse("4/2/3/2")
    assert (branch_of(conv), branch_of(total), branch_of(inner)) == ("conv", "sum", "unit")
    assert {example.branch for example in top_probes(planted_store, conv)} == {"conv"}
    assert {example.branch for example in top_probes(planted_store, total)} == {"sum", "conv", "shortcut"}
    assert [(e.branch, e.image) for e in top_probes(planted_store, inner)] == [("unit", "p0"), ("unit", "p2")]
    assert top_probes(planted_store, Unit.parse("4/2/3/3")) == []


def test_pictures_come_behind_the_veil_and_out_of_it_when_it_is_lifted(planted_store: ModelStore) -> None:
    circuit = enrichment_circuit(planted_store, Unit.parse("4/2/6/3"), limit=1)
    total, branch, inner = map(Unit.parse, ("4/2/6/3", "4/2/5/3", "4/2/3/7"))
    shown = thumbnails(planted_store, [total, branch])
    hidden, revealed = (with_pictures(planted_store, circuit, way) for way in (False, True))
    conv = shown[branch]
    assert conv.sensitive
    assert hidden.unit(branch).picture == address(smeared(conv.thumbnail))
    assert revealed.unit(branch).picture == address(conv.thumbnail)
    assert hidden.unit(total).picture == address(shown[total].thumbnail)
    assert hidden.unit(inner).picture == ""
    assert hidden == circuit


def test_a_circuit_with_its_pictures_draws_itself(planted_store: ModelStore) -> None:
    circuit = with_pictures(planted_store, enrichment_circuit(planted_store, Unit.parse("4/2/6/3"), limit=1))
    assert circuit.unit(Unit.parse("4/2/6/3")).picture in CircuitView(circuit)._repr_svg_()
    assert CircuitView(circuit)._repr_svg_() == draw(circuit)
