from catalog.cards import Gallery
from catalog.circuit_view import CircuitView
from catalog.circuits.drawing import draw
from catalog.circuits.local import enrichment_circuit
from catalog.circuits.pictures import with_pictures
from catalog.evidence_figure import draw_evidence
from catalog.hiding.smear import address, smeared
from catalog.hiding.veil import Veil
from catalog.top_probes import branch_of, facet_probes, thumbnails, top_probes
from catalog.unit_view import UnitView
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


def test_a_facet_is_shown_by_held_out_probes_of_its_concepts_best_first(planted_store: ModelStore) -> None:
    quoted = "\u201cword 2\u201d"
    facets = {"shortcut": ["picture 2", "picture 1", "word 2"], "conv": [quoted, "picture 2"]}
    shown = facet_probes(planted_store, facets)  # of either modality, number 2 alone was held out
    assert {branch: [probe.image for probe in row] for branch, row in shown.items()} == {
        "shortcut": ["p2"],
        "conv": ["w2", "p2"],
    }
    assert facet_probes(planted_store, {}) == {}


def test_a_facet_does_not_name_the_concept_of_a_picture_that_is_hidden(planted_store: ModelStore) -> None:
    unit = UnitView(planted_store, Unit.parse("4/2/6/0"))
    drawn = {
        flagged: draw_evidence(
            Gallery(Veil(flags={"image": {"p2": flagged}})), unit.card, unit.probe_rows, unit.facet_probes()
        )
        for flagged in (True, False)
    }
    assert "The shortcut brings picture 0, sensitive." in drawn[True]
    assert "picture 2" not in drawn[True]
    assert "The shortcut brings picture 0, picture 2." in drawn[False]
