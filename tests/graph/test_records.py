"""Records as JSON: what goes out is text, numbers, lists and dicts alone."""

import json
from dataclasses import fields
from datetime import UTC, datetime

from extract.folder.statistics import BY_NAME, TABLE
from extract.units import Layer, Unit
from graph.plain_json import as_json
from graph.records import Annotation, Contribution, EvidenceTerms, Sweep, TopProbe, TraceEdge, WeightTerms

EDGE = Contribution(Unit.parse("4/2/3/10"), Unit.parse("4/2/5/9"), 0.5, -0.1, -0.9, 9, True, 1, None, ("hat",))


def test_units_and_layers_are_their_text_in_every_depth() -> None:
    whole = {"adds": {"conv": EDGE.target}, EDGE.source: [TraceEdge(EDGE, 0.5, 2.0)], "layers": (Layer(4, 2, 6),)}
    edge = {
        "source": "4/2/3/10", "target": "4/2/5/9", "magnitude": 0.5, "mean": -0.1, "sum": -0.9, "span": 9,
        "direct": True, "rank_in": 1, "rank_out": None, "source_labels": ["hat"], "target_labels": [],
    }  # fmt: skip
    plain = as_json(whole)
    assert plain == {
        "adds": {"conv": "4/2/5/9"},
        "4/2/3/10": [{"edge": edge, "weight": 0.5, "total": 2.0}],
        "layers": ["4/2/6"],
    }
    assert list(plain["4/2/3/10"][0]["edge"]) == list(edge)  # the order of the fields
    assert json.loads(json.dumps(plain)) == plain


def test_pictures_are_left_out_where_asked_and_times_are_text() -> None:
    probe = TopProbe("p1", "picture", "wound", "hand", False, "sum", 1, 1.0, 2.0, "iVBORw0KGgo=")
    assert "thumbnail" in as_json(probe)
    assert as_json([probe], omit=("thumbnail",))[0].keys() == as_json(probe).keys() - {"thumbnail"}
    note = Annotation("a", "m:t", "4/2/6/9", "hat", "ada", datetime(2026, 1, 2, 12, tzinfo=UTC))
    assert as_json(note)["at"] == "2026-01-02 12:00:00+00:00"


def test_a_sweep_names_its_layers() -> None:
    sweep = Sweep(Layer(4, 0, 8), Layer(4, 2, 5), 9, 3, 0.5, 0.25, 9, False, False)
    assert (as_json(sweep)["source"], as_json(sweep)["target"]) == ("4/0/8", "4/2/5")


def test_candidates_by_evidence_carry_the_numbers_that_the_table_shows_with_them() -> None:
    shown = [row.name for row in TABLE if row.candidate]
    names = [field.name for field in fields(EvidenceTerms) if field.name in BY_NAME]
    names.remove("modality_difference")  # by which candidates are ordered, one of the two after it
    assert names == shown


def test_candidates_by_weights_carry_all_numbers_of_candidates_but_their_order() -> None:
    terms = {field.name for field in fields(WeightTerms)}
    assert {row.name for row in TABLE if row.subject == "candidate"} - terms == {"order", "modality_difference"}
