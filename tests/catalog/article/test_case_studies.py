from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from catalog.article.case_studies import KIND, Studies, Study, article, import_studies
from catalog.circuits import export
from catalog.circuits.drawing import draw
from catalog.circuits.local import enrichment_circuit
from catalog.circuits.saved import earlier_circuits, open_circuit, save, saved_circuits
from catalog.errors import CircuitError, LabelError
from catalog.labels.labels import Labels
from extract.units import Unit
from graph.model_store import ModelStore
from tests.builders.planted_catalog import MODEL

SUM, SHORTCUT, CONV = (Unit.parse(f"4/2/{index}/7") if index != 1 else Unit.parse("4/1/6/7") for index in (6, 1, 5))
STRONG, INHIBITS, ABSENT = (Unit.parse(f"4/2/3/{channel}") for channel in (6, 5, 500))
FAR = Unit.parse("3/0/3/1")  # no weights from its layer were computed


def entry(unit: Unit, text: str, **more: Any) -> dict[str, Any]:
    return {"unit": str(unit), "text": text, "author": "the authors", **more}


def studies(name: str, model: str = MODEL) -> Studies:
    edges = ((STRONG, "positive"), (INHIBITS, "negative"), (ABSENT, "positive"), (FAR, "positive"))
    study = Study(
        f"{name} 7",
        "As it says.",
        (SUM, SHORTCUT, CONV, STRONG, INHIBITS, ABSENT, FAR),
        tuple((source, CONV, says) for source, says in edges),
    )
    lacking = Study(f"{name} 500", "It lacks.", (Unit.parse("4/2/6/500"),))
    labels = (entry(SUM, "you"), entry(SUM, "wound", branch="conv"), entry(ABSENT, "cruise ship"))
    return Studies(model, "the authors", "their article", (study, lacking), labels)


@pytest.fixture
def name(planted_store: ModelStore, request: pytest.FixtureRequest) -> Iterator[str]:
    """The start of the test's own names, under which nothing is left."""
    name = request.node.name[:60]
    yield name
    for circuit in saved_circuits(planted_store):
        if circuit.name.startswith(name):
            planted_store.remove_circuit(circuit.name, "ada")


def test_a_case_study_is_saved_with_what_the_weights_say_of_its_edges(planted_store: ModelStore, name: str) -> None:
    study, lacking = import_studies(planted_store, studies(name), "ada").studies

    assert (study.outcome, study.units, study.left_out) == ("saved", 6, (ABSENT,))
    strong, inhibits, absent, far = study.edges
    # planted: bn2 unit s of the block brings (s + 1) * 1.07, odd ones negative, so 7 is the strongest and 6 the second
    assert [strong.magnitude, strong.mean, inhibits.mean] == pytest.approx([7 * 1.07, 7 * 1.07, -6 * 1.07])
    assert (strong.rank_in, inhibits.rank_in, inhibits.weights) == (2, 3, "stored")
    assert (absent.weights, absent.magnitude) == ("no unit 4/2/3/500", None)
    assert (far.weights, far.magnitude) == ("not computed", None)
    assert (lacking.outcome, lacking.units, lacking.left_out) == ("not saved", 0, (Unit.parse("4/2/6/500"),))


def test_the_saved_circuit_holds_the_units_sums_notes_and_what_is_lacking(planted_store: ModelStore, name: str) -> None:
    import_studies(planted_store, studies(name), "ada")

    circuit = open_circuit(planted_store, f"{name} 7")
    assert circuit.kind == KIND
    assert {(str(n.id), n.role) for n in circuit.units[:3]} == {
        ("4/2/6/7", "sum"), ("4/1/6/7", "shortcut"), ("4/2/5/7", "conv"),
    }  # fmt: skip
    edges = {(str(e.source), str(e.target), e.kind) for e in circuit.edges}
    assert edges == {
        ("4/1/6/7", "4/2/6/7", "ADDS"), ("4/2/5/7", "4/2/6/7", "ADDS"),
        ("4/2/3/6", "4/2/5/7", "CONTRIBUTES"), ("4/2/3/5", "4/2/5/7", "CONTRIBUTES"),
    }  # fmt: skip
    assert (circuit.unit(SUM).note, circuit.unit(SUM).labels) == ("you; wound", ())
    assert (circuit.settings["source"], circuit.settings["units_left_out"]) == ("their article", "4/2/3/500")
    assert "3/0/3/1 to 4/2/5/7 (not computed)" in str(circuit.settings["edges_not_stored"])


def test_a_name_marked_sensitive_stands_in_no_note(planted_store: ModelStore, name: str) -> None:
    marked = (entry(INHIBITS, "trucks and swears", sensitive=True), entry(INHIBITS, "hats"))
    import_studies(planted_store, replace(studies(name), labels=marked), "ada")
    circuit = open_circuit(planted_store, f"{name} 7")
    assert circuit.unit(INHIBITS).note == "sensitive; hats"
    assert "swears" not in draw(circuit)
    assert "swears" not in export.encode(circuit, "json").decode()


def test_an_edge_that_is_computed_and_too_weak_to_be_stored_says_so(planted_store: ModelStore, name: str) -> None:
    weak = Unit.parse("4/0/8/20")  # units 0 to 9 alone are stored into conv unit 7
    study = Study(f"{name} weak", "", (CONV, weak), ((weak, CONV, "positive"),))
    (imported,) = import_studies(planted_store, replace(studies(name), circuits=(study,)), "ada").studies
    assert imported.edges[0].weights.startswith("not among the strongest, magnitude at most")


def test_importing_again_doubles_nothing(planted_store: ModelStore, name: str) -> None:
    import_studies(planted_store, studies(name), "ada", labels=True)
    earlier = earlier_circuits(planted_store)
    history = planted_store.annotations()

    again = import_studies(planted_store, studies(name), "bob", labels=True)
    assert (again.studies[0].outcome, again.labels) == ("unchanged", 0)
    assert earlier_circuits(planted_store) == earlier
    assert planted_store.annotations() == history
    assert [c.author for c in saved_circuits(planted_store) if c.name == f"{name} 7"] == ["ada"]
    for text in ("you", "wound"):
        Labels(planted_store).withdraw(SUM, text, "the authors")


def test_a_case_study_whose_edges_are_others_now_is_replaced(planted_store: ModelStore, name: str) -> None:
    first = studies(name)
    import_studies(planted_store, replace(first, circuits=(replace(first.circuits[0], edges=()),)), "ada")
    assert import_studies(planted_store, first, "ada").studies[0].outcome == "replaced"


def test_names_become_labels_only_where_that_is_asked_for(planted_store: ModelStore, name: str) -> None:
    assert import_studies(planted_store, studies(name), "ada").labels == 0
    assert not Labels(planted_store).current(SUM)

    assert import_studies(planted_store, studies(name), "ada", labels=True).labels == 2
    current = Labels(planted_store).current(SUM)
    assert {(a.text, a.branch, a.author) for a in current} == {
        ("you", "sum", "the authors"), ("wound", "conv", "the authors"),
    }  # fmt: skip
    for text in ("you", "wound"):
        Labels(planted_store).withdraw(SUM, text, "the authors")


def test_labels_of_another_network_are_refused_and_nothing_is_saved(planted_store: ModelStore, name: str) -> None:
    with pytest.raises(LabelError, match=r"is another network.* Import the circuits without labels"):
        import_studies(planted_store, studies(name, "RN50:openai"), "ada", labels=True)
    assert not [c for c in saved_circuits(planted_store) if c.name.startswith(name)]
    assert not import_studies(planted_store, studies(name, "RN50:openai"), "ada").network_of_article


def test_a_circuit_of_ones_own_is_never_replaced(planted_store: ModelStore, name: str) -> None:
    own = enrichment_circuit(planted_store, SUM, limit=1)
    save(planted_store, own, f"{name} 7", "ada")
    with pytest.raises(CircuitError, match="but is not a case study"):
        import_studies(planted_store, studies(name), "bob")
    assert open_circuit(planted_store, f"{name} 7") == own


def test_the_articles_case_studies_are_these() -> None:
    content = article()
    firsts = {str(study.units[0]) for study in content.circuits}
    assert firsts == {"4/2/6/34", "4/2/6/2", "4/1/6/2", "4/2/6/295", "4/2/6/11", "4/2/6/1052"}
    named = {(str(s), str(t), says) for study in content.circuits for s, t, says in study.edges}
    assert ("4/1/3/51", "4/1/5/2", "most positive") in named
    assert ("4/2/3/3", "4/2/5/2", "most negative") in named
    assert len(named) == 8
    notes = content.notes()
    assert notes[Unit.parse("4/2/6/34")] == "you; bloody wound"
    assert notes[Unit.parse("4/2/5/2")] == "sensitive"
    assert notes[Unit.parse("4/2/5/295")] == "monarch butterflies"
    assert set(notes) <= {unit for study in content.circuits for unit in study.units}
    assert all("github.com/seri-win21-circuits" in entry["evidence"] for entry in content.labels)
