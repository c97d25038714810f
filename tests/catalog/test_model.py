"""A model's units, circuits and labels as objects; in a notebook they hide what is sensitive, as dicts they do not."""

from pathlib import Path
from xml.etree.ElementTree import fromstring

import networkx as nx
import pytest

import clip_circuits as cc
from catalog import Model
from catalog.hiding.veil import HIDDEN
from extract.errors import UnknownUnit
from extract.units import Unit


def test_units_are_named_by_text_or_as_themselves(model: Model) -> None:
    unit = model.unit("4/2/6/3")

    assert unit.id == Unit.parse("4/2/6/3")
    assert model.unit(unit.id).card == unit.card == model.units(["4/2/6/3"])[0]
    assert {branch: str(view.id) for branch, view in unit.branches.items()} == {
        "shortcut": "4/1/6/3",
        "conv": "4/2/5/3",
    }
    assert unit.previous is not None
    assert unit.next is not None
    assert (str(unit.previous.id), str(unit.next.id)) == ("4/2/6/2", "4/2/6/4")
    assert model.unit("4/2/6/0").previous is None
    assert model.unit("4/2/6/31").next is None
    with pytest.raises(UnknownUnit):
        model.unit("9/9/6/1")


def test_the_limit_of_inputs_is_of_each_sign(model: Model) -> None:
    inputs = model.unit("4/2/5/7").inputs(limit=2)

    assert sorted(edge.mean > 0 for edge in inputs) == [False, False, True, True]
    assert "2 of each sign" in repr(inputs)
    assert {str(edge.target) for edge in inputs} == {"4/2/5/7"}
    assert len(inputs.to_pandas()) == 4
    assert all(isinstance(row["source"], str) for row in inputs.to_dicts())


def test_a_table_is_a_sequence(model: Model) -> None:
    layers = model.layers

    assert isinstance(layers, cc.Table)
    assert layers[-1] == list(layers)[-1]
    assert list(layers[:2]) == list(layers)[:2]
    assert layers.columns[:2] == ("layer", "units")
    assert model.search("nothing is called so").to_pandas().empty


def test_a_unit_shows_itself_behind_the_veil(model: Model) -> None:
    unit = model.unit("4/2/6/1")
    unit.label("harmless", author="ada", branch="shortcut")
    assert "harmless" in unit._repr_html_()
    unit.flag(author="ada")

    for shown in (
        unit._repr_html_(),
        model.labelled()._repr_html_(),
        unit.history._repr_html_(),
        unit.neighbourhood()._repr_svg_(),
    ):
        assert "harmless" not in shown
        assert HIDDEN in shown
    assert "harmless" in unit.history.to_dicts()[0].values()
    assert ["harmless"] in [row["labels"] for row in model.labelled().to_dicts()]

    unit.flag(sensitive=False, author="ada")
    unit.undo(author="ada")
    assert unit.labels == ()


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>"])
def test_what_people_say_is_no_markup(model: Model, text: str) -> None:
    unit = model.unit("4/2/6/2")
    unit.label(text, author=text)
    for shown in (unit._repr_html_(), unit.history._repr_html_(), model.labelled()._repr_html_()):
        assert text not in shown
    unit.undo(author="ada")


def test_the_labels_of_many_units_are_planned_and_written(model: Model, tmp_path: Path) -> None:
    written = model.labels.label_many(["4/2/6/4", Unit.parse("4/2/6/5")], "pair", author="ada")
    assert len(written.new) == 2
    assert len(model.labels.plan_labels(["4/2/6/4"], "pair", author="ada").existing) == 1
    assert model.labels.export(tmp_path / "labels.csv") >= 2
    assert model.labels.plan_import(tmp_path / "labels.csv").new == ()
    assert {str(unit) for unit in model.labels.queue("4/2/6", "unlabelled").waiting}.isdisjoint({"4/2/6/4", "4/2/6/5"})
    assert len(model.labels.reject_many(["4/2/6/4", "4/2/6/5"], "pair", author="ada").new) == 2


def test_candidates_draw_their_facets(model: Model) -> None:
    found = model.candidates()

    assert [str(candidate.unit) for candidate in found][:2] == ["4/2/6/0", "4/2/6/4"]
    assert 'class="halves"' in found._repr_html_()
    assert found.to_dicts()[0]["q"] == found[0].terms.q
    assert model.tally().enriched == len(found)
    assert model.candidates_by_weights("4/2/6").to_pandas()["unit"].tolist()


def test_searches_say_why(model: Model) -> None:
    found = model.search("hammer")
    assert [str(each.unit.id) for each in found] == ["4/2/6/0", "4/2/6/1"]
    assert "hammer" in found._repr_html_()
    assert [str(reading.unit) for reading in model.units_reading("hammer")] == ["4/2/6/0", "4/2/6/1"]
    assert model.search(layer="4/2/6", at_least={"share_exact": 0.99}, limit=5)[0].unit.statistics[
        "share_exact"
    ] == pytest.approx(0.9966)


def test_a_circuit_draws_exports_and_saves_itself(model: Model, tmp_path: Path) -> None:
    circuit = model.unit("4/2/6/0").enrichment_circuit(limit=2)

    assert fromstring(circuit._repr_svg_()).tag.endswith("svg")  # noqa: S314, our own
    assert circuit.to_networkx().number_of_nodes() == len(circuit.units)
    circuit.export(tmp_path / "circuit.graphml")
    assert nx.read_graphml(tmp_path / "circuit.graphml").number_of_edges() == len(circuit.edges)
    again = cc.read_circuit(tmp_path / "circuit.graphml")
    assert again.record == circuit.record
    with pytest.raises(cc.CircuitsError, match="from a file"):
        again.save("nowhere")
    model.circuit(again).save("front door", author="ada")
    assert [saved.name for saved in model.saved_circuits] == ["front door"]
    assert model.open_circuit("front door").record == circuit.record
    model.remove_circuit("front door")
    circuit.render(tmp_path / "circuit.png")
    assert (tmp_path / "circuit.png").read_bytes().startswith(b"\x89PNG")


def test_circuits_are_changed_by_hand(model: Model) -> None:
    circuit = model.unit("4/2/5/3").neighbourhood(limit=1)

    assert len(circuit.expand("4/2/3/7", limit=1).units) >= len(circuit.units)
    assert "4/2/3/7" not in {str(node.id) for node in circuit.without("4/2/3/7").units}
    assert len(circuit.join(model.unit("4/2/5/4").neighbourhood(limit=1)).units) > len(circuit.units)
    assert len(model.induced_subgraph(["4/2/3/7", "4/2/5/3"]).edges) == 1
    assert "hold" in model.unit("4/2/6/0").trace(steps=2).sentence


def test_the_network_is_the_one_that_was_extracted(model: Model) -> None:
    with pytest.raises(cc.CircuitsError, match="There is no model 'planted'"):
        model.network()


def test_a_tilde_in_a_path_of_the_catalog_is_the_home_folder(model: Model, home: Path) -> None:
    model.unit("4/2/6/0").enrichment_circuit(limit=2).export("~/circuit.json")
    cc.read_circuit("~/circuit.json").render("~/circuit.svg")
    model.labels.export("~/labels.csv")
    assert model.labels.plan_import("~/labels.csv").new == ()
    assert {file.name for file in home.iterdir()} == {"circuit.json", "circuit.svg", "labels.csv"}
    assert not (home.parent / "~").exists()
