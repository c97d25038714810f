"""Named queries on both servers, against pandas and networkx on the extraction's own tables; and users' own."""

import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import networkx as nx
import pandas as pd
import pytest

from catalog.errors import NamedQueryError
from catalog.hiding.flags import Flags
from catalog.labels.labels import Labels
from catalog.queries import LONGEST, Queries
from catalog.text_rules import LONGEST_NAME
from extract.folder.extraction import Extraction
from extract.units import Layer, Unit
from graph.cypher.built_in import BUILT_IN
from graph.errors import QueryError, WriteRefused
from graph.loading.load import load
from graph.records import Annotation
from graph.store import Store
from tests.builders.servers import server_with

MODEL = "random:a"
SUM = "2/1/6"
DISPUTED = Unit.parse("2/1/6/6")
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
LABELS = (  # unit, branch, text
    ("2/1/6/0", "shortcut", "cat"),
    ("2/1/6/0", "conv", "Dog"),
    ("2/0/8/7", "sum", "cap"),
    ("2/1/5/7", "sum", "hat"),
    ("2/1/6/2", "shortcut", "HAT"),  # the same on both sides
    ("2/1/5/2", "conv", "hat"),
    ("2/1/5/3", "sum", "wound"),  # on one side alone
    ("2/0/8/4", "shortcut", "sea"),  # speaks of the shortcut's own shortcut
    ("2/1/5/4", "sum", "sky"),
    ("1/0/8/3", "sum", "straw hat"),
    ("2/0/8/5", "sum", "hatter"),
)
HOSTILE = "MATCH (u:Unit) WHERE u.label = '<script>alert(1)</script> \u202egnp 👩‍🚀' RETURN u.id AS unit, $n AS n"
_names = (f"query {n}" for n in count())
Row = dict[str, Any]


@pytest.fixture(scope="module")
def extraction(random_extraction: Callable[..., Extraction], tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    return random_extraction(tmp_path_factory.mktemp("named") / "a.extraction", MODEL, 1)


@pytest.fixture(scope="module", params=["embedded", "neo4j"])
def queries(request: pytest.FixtureRequest, extraction: Extraction) -> Iterator[Queries]:
    """The queries of either server, which holds the extraction and the labels above."""
    with server_with(request, extraction) as database:
        store = Store(database)
        opened = store.model(MODEL)
        for n, (unit, branch, text) in enumerate(LABELS):
            opened.annotate(Annotation(f"label {n}", MODEL, unit, text, "ada", NOON, branch=branch))  # type: ignore[arg-type]
        withdrawn = Annotation("taken back", MODEL, "2/1/6/3", "scar", "ada", NOON, branch="shortcut", sensitive=True)
        opened.annotate(withdrawn)
        opened.annotate(
            Annotation("back", MODEL, "2/1/6/3", "scar", "ada", NOON, action="withdraw", supersedes="taken back")
        )
        yield Queries(store)


@pytest.fixture(scope="module")
def edges(extraction: Extraction) -> "nx.DiGraph[str]":
    """The kept edges between units' ids, and of each sum unit its branches, as edges that have a branch."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    for row in extraction.table("edges").to_pylist():
        graph.add_edge(f"{row['source']}/{row['source_channel']}", f"{row['target']}/{row['target_channel']}", **row)
    architecture = extraction.manifest.architecture
    for layer, channels in extraction.layers.items():
        for branch, below in architecture.branches(layer).items() if layer.role == "sum" else ():
            for channel in range(channels):
                graph.add_edge(f"{below}/{channel}", f"{layer}/{channel}", branch=branch)  # beside its weight, if kept
    return graph


def measured(extraction: Extraction, name: str) -> dict[str, Row]:
    """A table of one row a unit, by the unit's id; nulls as None."""
    frame = extraction.table(name).to_pandas()
    frame.index = pd.Index(frame["layer"] + "/" + frame["channel"].astype(str))
    plain: dict[str, Row] = frame.astype(object).where(frame.notna(), None).to_dict("index")  # type: ignore[assignment]
    return plain


def ask(queries: Queries, name: str, **given: Any) -> list[Row]:
    answer = queries.run(queries.get(name), given, limit=100_000)
    assert not answer.truncated
    return [dict(row) for row in answer]


def labels(unit: str) -> list[str]:
    return sorted(text for of, _, text in LABELS if of == unit)


def verdict_of(extraction: Extraction) -> Mapping[str, str | None]:
    return {unit: row["verdict"] for unit, row in measured(extraction, "census").items()}


def branch(graph: "nx.DiGraph[str]", unit: str, name: str) -> str:
    (found,) = (s for s, _, edge in graph.in_edges(unit, data=True) if edge.get("branch") == name)
    return found


def inputs(graph: "nx.DiGraph[str]", unit: str) -> list[tuple[str, Row]]:
    """What contributes to a unit, the strongest first."""
    found = [(s, edge) for s, _, edge in graph.in_edges(unit, data=True) if "magnitude" in edge]
    return sorted(found, key=lambda each: (-each[1]["magnitude"], each[0]))


def strong(edge: Row, strongest: int) -> bool:
    return edge["rank_in"] is not None and edge["rank_in"] <= strongest


@pytest.mark.parametrize("verdict", ["enriched", "not enriched", None])
def test_candidates_are_those_of_a_verdict_with_their_terms_the_likeliest_first(
    queries: Queries, extraction: Extraction, edges: "nx.DiGraph[str]", verdict: str | None
) -> None:
    known, census = verdict_of(extraction), measured(extraction, "census")
    units = [f"{SUM}/{channel}" for channel in range(extraction.layers[Layer.parse(SUM)])]
    expected = [unit for unit in units if verdict is None or known.get(unit) == verdict]
    found = ask(queries, "candidates", verdict=verdict)
    q = {unit: census[unit]["q"] if unit in census else float("inf") for unit in units}
    assert [row["unit"] for row in found] == sorted(expected, key=lambda unit: (q[unit], int(unit.split("/")[-1])))
    assert len(found) > 0
    evidence, proof = measured(extraction, "evidence"), measured(extraction, "ablation")
    for row in found:
        assert (row["shortcut"], row["conv"]) == tuple(branch(edges, row["unit"], b) for b in ("shortcut", "conv"))
        assert sorted(row["labels"]) == labels(row["unit"])
        assert sorted(row["conv_labels"]) == labels(row["conv"])
        assert sorted(row["shortcut_labels"]) == labels(row["shortcut"])
        for table, names in (
            (evidence, ("concept_difference", "share_exact")),
            (census, ("verdict", "q", "recurrence", "rise_shortcut", "rise_conv", "specificity_conv", "weakest_link")),
            (proof, ("effect_shortcut", "effect_conv")),
        ):
            values = table.get(row["unit"], dict.fromkeys(names))
            assert [row[name] for name in names] == [values[name] for name in names]
        assert row["ablation"] == proof.get(row["unit"], {}).get("state")


def test_labels_of_both_branches_conflict_where_they_have_none_in_common(queries: Queries) -> None:
    found = {
        row["unit"]: (row["shortcut_labels"], row["conv_labels"])
        for row in ask(queries, "conflicting-labels", verdict=None)
    }
    assert found == {"2/1/6/0": (["cat"], ["Dog"]), "2/1/6/7": (["cap"], ["hat"])}


def test_only_candidates_have_conflicting_labels(queries: Queries, extraction: Extraction) -> None:
    known = verdict_of(extraction)
    verdict, other = known["2/1/6/7"], known.get("2/1/6/0")
    assert verdict is not None
    assert verdict != other
    assert [row["unit"] for row in ask(queries, "conflicting-labels", verdict=verdict)] == ["2/1/6/7"]
    assert ask(queries, "conflicting-labels", verdict="no verdict") == []


@pytest.fixture
def disputed(queries: Queries) -> Iterator[Labels]:
    """Labels of which the disputed unit has none when a test begins; they are withdrawn when it ends."""
    labels = Labels(queries.store.model(MODEL))
    yield labels
    for annotation in labels.current(DISPUTED):
        labels.withdraw(DISPUTED, annotation.id, "ada")


def conflict(queries: Queries) -> tuple[list[str], list[str]] | None:
    """The labels of the disputed unit's shortcut and conv branch, if they conflict."""
    rows = [row for row in ask(queries, "conflicting-labels", verdict=None) if row["unit"] == str(DISPUTED)]
    return (rows[0]["shortcut_labels"], rows[0]["conv_labels"]) if rows else None


def test_an_amended_label_conflicts_by_its_new_text(queries: Queries, disputed: Labels) -> None:
    disputed.add(DISPUTED, "cat", "ada", branch="shortcut")
    conv = disputed.add(DISPUTED, "cat", "ada", branch="conv")
    assert conflict(queries) is None
    disputed.amend(DISPUTED, conv.id, "dog", "bob")
    assert conflict(queries) == (["cat"], ["dog"])


def test_a_label_conflicts_again_once_its_withdrawal_is_undone(queries: Queries, disputed: Labels) -> None:
    disputed.add(DISPUTED, "cat", "ada", branch="shortcut")
    disputed.add(DISPUTED, "dog", "ada", branch="conv")
    withdrawal = disputed.withdraw(DISPUTED, "dog", "ada")
    assert conflict(queries) is None
    disputed.undo(DISPUTED, withdrawal.id, "ada")
    assert conflict(queries) == (["cat"], ["dog"])


def test_an_undone_label_does_not_conflict(queries: Queries, disputed: Labels) -> None:
    disputed.add(DISPUTED, "cat", "ada", branch="shortcut")
    conv = disputed.add(DISPUTED, "dog", "ada", branch="conv")
    assert conflict(queries) == (["cat"], ["dog"])
    disputed.undo(DISPUTED, conv.id, "ada")
    assert conflict(queries) is None


def test_a_redone_amendment_conflicts_by_its_text(queries: Queries, disputed: Labels) -> None:
    disputed.add(DISPUTED, "cat", "ada", branch="shortcut")
    conv = disputed.add(DISPUTED, "dog", "ada", branch="conv")
    amendment = disputed.amend(DISPUTED, conv.id, "fish", "ada")
    undo = disputed.undo(DISPUTED, amendment.id, "ada")
    assert conflict(queries) == (["cat"], ["dog"])
    disputed.undo(DISPUTED, undo.id, "ada")
    assert conflict(queries) == (["cat"], ["fish"])


def test_units_are_driven_by_a_label_over_strong_positive_edges_into_conv(
    queries: Queries, edges: "nx.DiGraph[str]", extraction: Extraction
) -> None:
    labelled = {unit for unit, _, text in LABELS if "hat" in text.lower()}
    found = {row["unit"]: row for row in ask(queries, "driven-by-label", label="HAT", strongest=7)}
    expected = {}
    for channel in range(extraction.layers[Layer.parse(SUM)]):
        conv = branch(edges, f"{SUM}/{channel}", "conv")
        hats = [(s, e) for s, e in inputs(edges, conv) if s in labelled and strong(e, 7) and e["mean"] > 0]
        if hats:
            expected[f"{SUM}/{channel}"] = conv, [s for s, _ in hats], sum(e["magnitude"] for _, e in hats)
    assert expected
    assert found.keys() == expected.keys()
    for unit, (conv, units, strength) in expected.items():
        assert (found[unit]["conv"], found[unit]["units"], found[unit]["inputs"]) == (conv, units, len(units))
        assert found[unit]["strength"] == pytest.approx(strength)
        assert [sorted(text.split("; ")) for text in found[unit]["unit_labels"]] == [labels(each) for each in units]
    assert ask(queries, "driven-by-label", label="no such label") == []


@pytest.mark.parametrize(("layer", "verdict"), [(SUM, "open"), (None, "enriched"), ("2/0/8", None)])
def test_chains_lead_from_candidate_to_candidate_of_an_earlier_block(
    queries: Queries, edges: "nx.DiGraph[str]", extraction: Extraction, layer: str | None, verdict: str | None
) -> None:
    known = verdict_of(extraction)
    totals = [f"{each}/{c}" for each, n in extraction.layers.items() if each.role == "sum" for c in range(n)]
    candidates = {unit for unit in totals if verdict is None or known.get(unit) == verdict}
    expected = set()
    for unit in (unit for unit in candidates if layer is None or unit.startswith(f"{layer}/")):
        expected |= {(unit, "shortcut", below) for below in [branch(edges, unit, "shortcut")] if below in candidates}
        fed = inputs(edges, branch(edges, unit, "conv"))
        expected |= {(unit, "conv", s) for s, e in fed if s in candidates and strong(e, 5)}
    found = ask(queries, "chains", layer=layer, verdict=verdict)
    links = [(row["unit"], row["branch"], row["fed_by"]) for row in found]
    assert len(expected) > 3
    assert set(links) == expected
    assert len(links) == len(expected)
    for row in found:
        below, above = Unit.parse(row["fed_by"]).layer, Unit.parse(row["unit"]).layer
        assert (below.stage, below.block) < (above.stage, above.block)
        if row["branch"] == "conv":
            edge = edges.edges[row["fed_by"], branch(edges, row["unit"], "conv")]
            assert (row["magnitude"], row["mean"]) == (edge["magnitude"], edge["mean"])


def test_discarded_are_units_that_do_not_rise_on_what_conv_responds_to(
    queries: Queries, extraction: Extraction, edges: "nx.DiGraph[str]"
) -> None:
    known, proof = verdict_of(extraction), measured(extraction, "ablation")
    expected = {
        unit: row["nearby_rise_conv"]
        for unit, row in proof.items()
        if unit.startswith(f"{SUM}/") and row["nearby_rise_conv_high"] <= 0.5 and known.get(unit) != "enriched"
    }
    found = ask(queries, "discarded", most=0.5)
    assert {row["unit"]: row["nearby_rise_conv"] for row in found} == expected
    assert len(expected) > 2
    assert [row["nearby_rise_conv"] for row in found] == sorted(expected.values())
    for row in found:
        assert row["conv"] == branch(edges, row["unit"], "conv")
        assert (row["nearby_rise_conv_high"], row["verdict"]) == (
            proof[row["unit"]]["nearby_rise_conv_high"],
            known[row["unit"]],
        )


@pytest.mark.parametrize("unit", ["2/1/6/3", "2/0/8/7"])
def test_facets_are_fed_by_the_strongest_contributions_to_either_branch(
    queries: Queries, edges: "nx.DiGraph[str]", extraction: Extraction, unit: str
) -> None:
    found = ask(queries, "facet-inputs", unit=unit, strongest=6)
    profile = measured(extraction, "modality")
    near = ask(queries, "facet-inputs", unit=unit, source="1/0/8", strongest=1)
    assert [row["source"] for row in near] == [
        next(source for source, edge in inputs(edges, branch(edges, unit, name)) if edge["source"] == "1/0/8")
        for name in ("shortcut", "conv")
    ]
    assert [(row["branch"], row["into"], row["source"], row["magnitude"], row["mean"]) for row in found] == [
        (name, into, source, edge["magnitude"], edge["mean"])
        for name in ("shortcut", "conv")
        for into in [branch(edges, unit, name)]
        for nearest in [max(Unit.parse(source).layer for source, _ in inputs(edges, into))]
        for source, edge in [pair for pair in inputs(edges, into) if Unit.parse(pair[0]).layer == nearest][:6]
    ]
    for row in found:
        expected = profile.get(row["source"], {"words": None, "pictures": None})
        assert (row["word_selectivity"], row["picture_selectivity"]) == (expected["words"], expected["pictures"])


def lean(extraction: Extraction, unit: str) -> float | None:
    row = measured(extraction, "modality").get(unit)
    return None if row is None else float(row["words"] - row["pictures"])


def test_one_branch_reads_and_the_other_sees(
    queries: Queries, edges: "nx.DiGraph[str]", extraction: Extraction
) -> None:
    expected = {}
    for channel in range(extraction.layers[Layer.parse(SUM)]):
        unit = f"{SUM}/{channel}"
        shortcut, conv = (lean(extraction, branch(edges, unit, name)) for name in ("shortcut", "conv"))
        if shortcut is not None and conv is not None and shortcut * conv < 0 and abs(shortcut - conv) / 2 >= 0.3:
            expected[unit] = "conv" if conv > 0 else "shortcut"
    found = ask(queries, "read-and-see", apart=0.3)
    assert {row["unit"]: row["reads"] for row in found} == expected
    assert set(expected.values()) == {"conv", "shortcut"}
    differences = [row["modality_difference"] for row in found]
    assert differences == sorted(differences, reverse=True)


def test_a_word_drives_units_whose_branches_differ_in_modality(
    queries: Queries, edges: "nx.DiGraph[str]", extraction: Extraction
) -> None:
    words, evidence = extraction.table("words").to_pylist(), measured(extraction, "evidence")
    expected = {}
    for row in (r for r in words if r["word"] == "word 5" and r["unit_rank"] is not None and r["z"] > 0):
        unit = f"{row['layer']}/{row['channel']}"
        if Unit.parse(unit).layer.role != "sum":
            continue
        leans = [lean(extraction, branch(edges, unit, name)) for name in ("shortcut", "conv")]
        known = evidence[unit]["modality_difference"] if unit in evidence else None
        apart = known if None in leans else abs(leans[0] - leans[1]) / 2  # type: ignore[operator]
        if apart is not None and apart >= 0.1:
            expected[unit] = (row["z"], row["unit_rank"])
    found = ask(queries, "word-across-modalities", word="word 5")
    assert {row["unit"]: (row["z"], row["rank"]) for row in found} == expected
    assert [row["z"] for row in found] == sorted((z for z, _ in expected.values()), reverse=True)
    assert len(found) > 1


def test_what_has_most_ties_to_labelled_units_comes_first(
    queries: Queries, edges: "nx.DiGraph[str]", extraction: Extraction
) -> None:
    labelled = {unit for unit, _, _ in LABELS}
    layer = "2/0/8"
    expected: dict[str, list[tuple[float, str]]] = {}
    for source, target, edge in edges.edges(data=True):
        if "magnitude" not in edge or not strong(edge, 6):
            continue
        for unit, other in ((source, target), (target, source)):
            if unit.startswith(f"{layer}/") and unit not in labelled and other in labelled:
                expected.setdefault(unit, []).append((edge["magnitude"], other))
    found = ask(queries, "next-to-labelled", layer=layer, strongest=6)
    assert {row["unit"]: row["neighbours"] for row in found} == {
        unit: [other for _, other in sorted(ties, reverse=True)] for unit, ties in expected.items()
    }
    assert [(row["edges"], row["strength"]) for row in found] == [
        (n, pytest.approx(strength))
        for n, strength in sorted(((len(t), sum(m for m, _ in t)) for t in expected.values()), reverse=True)
    ]
    assert len(found) > 2


def test_every_named_query_says_what_it_is_for_and_what_its_parameters_mean() -> None:
    assert len({query.name for query in BUILT_IN}) == len(BUILT_IN)
    for query in BUILT_IN:
        assert query.description.endswith(".")
        assert query.meanings.keys() | {"model"} == set(query.parameters)
        assert query.defaults.keys() <= query.meanings.keys()


def test_a_named_query_runs_as_it_stands_with_its_parameters_given_to_the_server(queries: Queries) -> None:
    told = {"label": "hat", "unit": "2/1/6/0", "word": "word 5"}
    for query in BUILT_IN:
        given = {name: value for name, value in told.items() if name in query.parameters}
        values = queries.parameters(query, given)
        assert set(values) == set(query.parameters)
        queries.store.query(query.text, values)  # raises where the server does not accept it


def test_model_and_layer_are_the_chosen_model_and_its_last_sum(queries: Queries) -> None:
    given = queries.parameters(queries.get("candidates"), {})
    assert given == {"model": MODEL, "layer": SUM, "verdict": "enriched"}
    others = {"layer": None, "verdict": "open"}
    assert queries.parameters(queries.get("candidates"), others) == given | others


def test_a_parameter_that_is_missing_or_not_there_is_named(queries: Queries) -> None:
    with pytest.raises(NamedQueryError, match=r"label \(any part"):
        queries.run(queries.get("driven-by-label"), {})
    with pytest.raises(NamedQueryError, match="no parameter quality"):
        queries.run(queries.get("candidates"), {"quality": 1})


def test_a_saved_query_is_listed_after_ours_and_runs_with_its_defaults(queries: Queries) -> None:
    before, name = datetime.now(UTC), next(_names)
    saved = queries.save(f" {name} ", HOSTILE, "What <b>it</b> is for.", {"n": [1, "two", None]}, "ada")
    assert [query.name for query in queries.list()][: len(BUILT_IN)] == [query.name for query in BUILT_IN]
    (found,) = (query for query in queries.list() if query.name == name)
    assert found == saved
    assert (found.text, found.description, found.author) == (HOSTILE, "What <b>it</b> is for.", "ada")
    assert found.at is not None
    assert before - timedelta(seconds=1) < found.at < datetime.now(UTC) + timedelta(seconds=1)
    text = "UNWIND range(1, $n) AS x RETURN x, $model AS model"
    queries.save(name, text, "", {"n": 3}, "ada", replace=True)
    assert [[*row.values()] for row in queries.run(queries.get(name), {})] == [[1, MODEL], [2, MODEL], [3, MODEL]]
    assert [[*row.values()] for row in queries.run(queries.get(name), {"n": 1}, limit=1)] == [[1, MODEL]]
    assert queries.run(queries.get(name), {}, limit=2).truncated
    queries.remove(name)
    with pytest.raises(NamedQueryError, match=name):
        queries.get(name)


def test_a_name_that_is_taken_is_kept_unless_it_is_to_be_replaced(queries: Queries) -> None:
    name = next(_names)
    queries.save(name, "RETURN 1 AS x", author="ada")
    with pytest.raises(NamedQueryError, match="already"):
        queries.save(name, "RETURN 2 AS x", author="bob")
    assert queries.get(name).text == "RETURN 1 AS x"
    queries.save(name, "RETURN 2 AS x", author="bob", replace=True)
    assert [(each.text, each.author) for each in queries.list() if each.name == name] == [("RETURN 2 AS x", "bob")]
    queries.remove(name)


def test_of_two_who_take_a_name_at_once_one_is_refused(queries: Queries) -> None:
    name, refused, both = next(_names), list[str](), threading.Barrier(2)

    def save(author: str) -> None:
        both.wait()
        try:
            queries.save(name, "RETURN 1 AS x", author=author)
        except NamedQueryError:
            refused.append(author)

    threads = [threading.Thread(target=save, args=[author]) for author in ("ada", "bob")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    assert [query.author for query in queries.list() if query.name == name] == [*({"ada", "bob"} - set(refused))]
    queries.remove(name)


def test_ours_are_neither_replaced_nor_removed(queries: Queries) -> None:
    for query in BUILT_IN:
        with pytest.raises(NamedQueryError, match="is a built-in query"):
            queries.save(query.name, "RETURN 1 AS x", author="ada", replace=True)
        with pytest.raises(NamedQueryError, match="is a built-in query"):
            queries.remove(query.name)


def test_a_query_that_is_not_there_is_not_removed(queries: Queries) -> None:
    with pytest.raises(NamedQueryError, match="no query 'nobody'"):
        queries.remove("nobody")


@pytest.mark.parametrize(
    "text",
    [
        "CREATE (:Intruder)",
        "MATCH (u:Unit {id: $unit}) SET u.channel = 0",
        "MATCH (u:Unit {id: 'nowhere'}) SET u.channel = 0",  # there is nothing it would write to
        "MATCH (u:Unit {id: 'nowhere'}) CALL (u) { CREATE (:Intruder) } RETURN 1 AS x",
        "MATCH (q:Query) DETACH DELETE q",
        "LOAD CSV FROM 'file:///etc/passwd' AS line RETURN line",
    ],
)
def test_a_text_that_writes_or_does_more_than_read_is_not_saved(queries: Queries, text: str) -> None:
    name = next(_names)
    with pytest.raises(WriteRefused):
        queries.save(name, text, author="ada", replace=True)
    assert name not in {query.name for query in queries.list()}


def test_a_text_in_error_is_not_saved(queries: Queries) -> None:
    with pytest.raises(QueryError, match="does not accept"):
        queries.save(next(_names), "MATCHES", author="ada")


MISFITS: dict[str, Row] = {
    "no name": {"name": "  "},
    "a name of two lines": {"name": "a\nb"},
    "a name with a terminal command": {"name": "a\x1b[2J"},
    "a long name": {"name": "x" * (LONGEST_NAME + 1)},
    "no text": {"text": " \n"},
    "a long text": {"text": "RETURN 1 // " + "x" * LONGEST},
    "a default of no parameter": {"defaults": {"n": 1}},
    "a default with no name": {"defaults": {"a b": 1}},
    "a default that is no JSON": {"defaults": {"n": NOON}, "text": "RETURN $n AS n"},
    "a long default": {"defaults": {"n": "x" * LONGEST}, "text": "RETURN $n AS n"},
    "an author with a line break": {"author": "ada\nbob"},
}


@pytest.mark.parametrize("case", MISFITS)
def test_what_breaks_a_rule_is_not_saved(queries: Queries, case: str) -> None:
    before = queries.list()
    given: Row = {"name": next(_names), "text": "RETURN 1 AS x", "author": "ada"}
    with pytest.raises(NamedQueryError):
        queries.save(**given | MISFITS[case])
    assert queries.list() == before


def test_a_load_leaves_saved_queries_alone(queries: Queries, extraction: Extraction) -> None:
    name = next(_names)
    queries.save(name, "RETURN 1 AS x", author="ada")
    if "bolt" in queries.store.database.url:
        load(extraction, queries.store.database, progress=False)
    else:
        load(extraction, Path(queries.store.database.url), progress=False)
    assert queries.get(name).text == "RETURN 1 AS x"
    queries.remove(name)


def test_the_texts_to_veil_are_those_of_sensitive_labels_and_images_also_withdrawn(
    queries: Queries, extraction: Extraction
) -> None:
    shown = {row["concept"] for row in extraction.table("probes").to_pylist() if row["sensitive"]}
    assert queries.veil().texts == {"scar"} | shown


def test_the_labels_of_a_flagged_unit_and_what_a_flagged_image_shows_are_veiled_too(queries: Queries) -> None:
    flags, before = Flags(queries.store.model(MODEL)), queries.veil().texts
    unit = LABELS[0][0]
    image = next(e for e in queries.store.model(MODEL).top_probes(Unit.parse(unit)) if e.concept not in before)
    flags.set("unit", unit, author="ada")
    flags.set("image", image.image, author="ada")
    said = {text for of, _, text in LABELS if of == unit}
    assert queries.veil().texts == before | said | {image.concept}
    flags.set("unit", unit, False, "ada")
    flags.set("image", image.image, False, "ada")
    assert queries.veil().texts == before


def test_a_runaway_query_is_saved_as_slow_and_not_as_wrong(queries: Queries) -> None:
    name = next(_names)
    queries.save(
        name,
        "MATCH (a:Unit), (b:Unit), (c:Unit), (d:Unit) WHERE a.channel + b.channel + c.channel + d.channel < 0 "
        "RETURN count(*) AS n",
        author="ada",
        patience=0.5,
    )
    assert queries.get(name)
    queries.remove(name)
