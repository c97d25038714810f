"""The store's verbs on a loaded server, against pandas and networkx on the tables of the extraction itself."""

import base64
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import product
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from extract.errors import UnknownUnit
from extract.folder.extraction import Extraction
from extract.folder.statistics import of_table
from extract.units import Layer, Unit
from graph.connection.database import Database
from graph.embedded.server import stop
from graph.errors import GraphError, ModelMissing, NotExtracted, UnknownStatistic, WriteRefused
from graph.loading.load import load
from graph.model_store import ModelStore
from graph.opening import connect
from graph.plain_json import as_json
from graph.records import Annotation, Contribution, Filters, SearchHit, Verdict
from graph.search import LIMIT
from graph.store import Store
from tests.builders.servers import loaded, server_with

MODEL = "random:a"
SUM = Layer(2, 1, 6)
DIFFERENCES = ("selectivity", "modality")
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def extractions(
    random_extraction: Callable[..., Extraction], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Extraction]:
    """Two models of one shape and different weights."""
    folder = tmp_path_factory.mktemp("random")
    models = {"random:a": 1, "random:b": 2}
    return {model: random_extraction(folder / f"{seed}.extraction", model, seed) for model, seed in models.items()}


@pytest.fixture(scope="module", params=["bulk", "embedded", "neo4j"])
def database(
    request: pytest.FixtureRequest, extractions: dict[str, Extraction], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    """A server that holds both models: the embedded one by either way of loading, and a real Neo4j."""
    if request.param != "bulk":
        with server_with(request, *extractions.values()) as database:
            yield database
        return
    folder = loaded(extractions[MODEL], tmp_path_factory)
    load(extractions["random:b"], folder, progress=False)
    with connect(folder) as database:
        yield database
    stop(folder)


@pytest.fixture(scope="module")
def store(database: Database) -> Store:
    return Store(database)


@pytest.fixture(scope="module")
def first(store: Store) -> ModelStore:
    return store.model(MODEL)


@pytest.fixture(scope="module")
def second(store: Store) -> ModelStore:
    """The model that gets the labels."""
    return store.model("random:b")


@pytest.fixture(scope="module")
def edges(extractions: dict[str, Extraction]) -> pd.DataFrame:
    """The edges of MODEL, their ends as units' ids."""
    frame = extractions[MODEL].table("edges").to_pandas()
    for end in ("source", "target"):
        frame[f"{end}_layer"] = frame[end]
        frame[end] = frame[end] + "/" + frame[f"{end}_channel"].astype(str)
    return frame


@pytest.fixture(scope="module")
def evidence(extractions: dict[str, Extraction]) -> pd.DataFrame:
    """The evidence of MODEL by unit, its difference in modality from the profiles of both branches where there are."""
    extraction = extractions[MODEL]
    frame, profile = (
        extraction.table(name).to_pandas().set_index(["layer", "channel"]) for name in ("evidence", "modality")
    )
    lean = (profile["words"].astype(float) - profile["pictures"].astype(float)) / 2
    architecture = extraction.manifest.architecture
    sums = [(str(layer), c) for layer, n in extraction.layers.items() if layer.role == "sum" for c in range(n)]
    frame = frame.reindex(pd.MultiIndex.from_tuples(sums, names=frame.index.names))
    for layer, channel in sums:
        total = Layer.parse(layer)
        ends = (str(architecture.shortcut(total)), channel), (f"{layer[:4]}5", channel)
        if all(end in lean.index for end in ends):
            frame.loc[(layer, channel), "selectivity_difference"] = np.float32(abs(lean[ends[0]] - lean[ends[1]]))
    frame = frame.rename(columns={"modality_difference": "word_share_difference"})
    frame["modality_difference"] = frame["selectivity_difference"].fillna(frame["word_share_difference"])
    return frame


def names(table: str) -> list[str]:
    """Of a table's numbers, in the graph and the extraction folder alike."""
    return [row.name for row in of_table(table) if row.kind == "number"]


def stored(table: str, row: Any) -> dict[str, Any]:
    """A table's numbers of a unit by their names in the graph."""
    return {each.name: row.get(each.stored) for each in of_table(table) if each.kind == "number"}


def rows(contributions: list[Contribution]) -> list[tuple[object, ...]]:
    return [tuple(as_json(c).values())[:9] for c in contributions]


def expected(frame: pd.DataFrame) -> list[tuple[object, ...]]:
    """The same of a table of edges: the strongest first, null ranks as None."""
    columns = ["source", "target", "magnitude", "mean", "sum", "span", "direct", "rank_in", "rank_out"]
    ordered = frame.sort_values("magnitude", ascending=False)[columns].astype(object)
    return list(ordered.where(ordered.notna(), None).itertuples(index=False, name=None))


def number(value: float | None) -> float | None:
    """What is not a number is not measured."""
    return None if value is None or np.isnan(value) else value


def strongest(frame: pd.DataFrame, limit: int) -> pd.DataFrame:
    """So many of each sign."""
    signs = [frame[frame["mean"] > 0], frame[frame["mean"] < 0]]
    return pd.concat([part.nlargest(limit, "magnitude") for part in signs])


# ---- models


def test_every_number_is_as_it_was_loaded(database: Database, extractions: dict[str, Extraction]) -> None:
    assert all(Store(database).verify_numbers(model) for model in extractions)


def test_models_tell_what_was_loaded(store: Store, extractions: dict[str, Extraction]) -> None:
    assert [card.id for card in store.models()] == ["random:a", "random:b"]
    for model, extraction in extractions.items():
        card = store.model(model).card
        assert card.architecture == extraction.manifest.architecture
        assert card.weights_sha256 == extraction.manifest.weights_sha256
        assert card.units == extraction.table("units").num_rows
        assert card.edges == extraction.table("edges").num_rows
        shown = set(extraction.table("examples")["probe"].to_pylist())
        shown |= {row["id"] for row in extraction.table("probes").to_pylist() if row["split"] == "held-out"}
        assert card.images == len(shown) + extraction.table("visualisations").num_rows


def test_a_model_must_be_there_and_be_named_among_several(store: Store) -> None:
    with pytest.raises(ModelMissing, match="random:a, random:b"):
        store.model(None)
    with pytest.raises(ModelMissing, match="random:a, random:b"):
        store.model("RN50:openai")


# ---- units


def test_units_carry_their_scale_evidence_and_selectivity(
    first: ModelStore, extractions: dict[str, Extraction], evidence: pd.DataFrame
) -> None:
    profile, shares, tests, proof, active = (
        extractions[MODEL].table(name).to_pandas().set_index(["layer", "channel"])
        for name in ("modality", "shares", "census", "ablation", "activity")
    )
    for layer, channel, scale in list(zip(*extractions[MODEL].table("units").to_pydict().values(), strict=True))[::9]:
        card = first.unit(Unit(Layer.parse(layer), channel))
        assert (card.key, str(card.id)) == (f"{MODEL}/{layer}/{channel}", f"{layer}/{channel}")
        assert (card.model, str(card.layer), card.channel, card.labels) == (MODEL, layer, channel, ())
        measured = evidence.loc[(layer, channel)] if (layer, channel) in evidence.index else {}
        selective = profile.loc[(layer, channel)] if (layer, channel) in profile.index else {}
        shared = shares.loc[(layer, channel)] if (layer, channel) in shares.index else {}
        tested = tests.loc[(layer, channel)] if (layer, channel) in tests.index else {}
        proven = proof.loc[(layer, channel)] if (layer, channel) in proof.index else {}
        known = {name: number(measured.get(name)) for name in names("evidence")} | {
            name: shared.get(name) for name in names("shares")
        }
        known |= stored("census", tested) | stored("ablation", proven)
        for finding, text in (("verdict", tested.get("verdict")), ("ablation", proven.get("state"))):
            assert card.findings[finding] == (text if isinstance(text, str) else None)
        known["selectivity_difference"] = number(measured.get("selectivity_difference"))
        known |= dict.fromkeys(names("flows"))  # nothing is known without matrices
        known["activity"] = active.loc[(layer, channel), "activity"]
        assert card.statistics == {"scale": scale} | known | {
            "word_selectivity": selective.get("words"),
            "picture_selectivity": selective.get("pictures"),
            "spelling_selectivity": selective.get("spelling"),
        }


@pytest.mark.parametrize("text", ["2/1/6/32", "4/2/6/34", "1/0/7/16"])
def test_an_unknown_unit_is_an_error(first: ModelStore, text: str) -> None:
    unit = Unit.parse(text)
    for ask in (first.unit, first.inputs, first.outputs):
        with pytest.raises(UnknownUnit):
            ask(unit)


def test_a_sum_adds_its_shortcut_and_its_conv_branch(first: ModelStore) -> None:
    answers = {text: first.adds(Unit.parse(text)) for text in ("2/1/6/31", "1/0/8/3", "2/1/5/31", "2/1/1/0")}
    assert {text: {branch: str(unit) for branch, unit in adds.items()} for text, adds in answers.items()} == {
        "2/1/6/31": {"shortcut": "2/0/8/31", "conv": "2/1/5/31"},
        "1/0/8/3": {"shortcut": "1/0/7/3", "conv": "1/0/5/3"},
        "2/1/5/31": {},
        "2/1/1/0": {},
    }


def test_examples_come_by_branch_and_rank_with_their_picture(
    first: ModelStore, extractions: dict[str, Extraction]
) -> None:
    table = extractions[MODEL].table("examples").to_pandas()
    probes = {row["id"]: row for row in extractions[MODEL].table("probes").to_pylist()}
    table = table[(table["layer"] == str(SUM)) & (table["channel"] == 7)]
    got = first.top_probes(Unit(SUM, 7), limit=3)
    assert [(e.branch, e.rank) for e in got] == list(product(("sum", "shortcut", "conv"), (1, 2, 3)))
    for example in got:
        row = table[(table["branch"] == example.branch) & (table["rank"] == example.rank)].iloc[0]
        probe = probes[row["probe"]]
        assert (example.image, example.value, example.z) == (row["probe"], row["value"], row["z"])
        assert base64.b64decode(example.thumbnail) == probe["image"]
        assert all(getattr(example, name) == probe[name] for name in ("modality", "concept", "source", "sensitive"))
    assert first.top_probes(Unit(SUM, 6)) == []


# ---- contributions


@pytest.mark.parametrize("text", ["2/1/6/3", "2/1/5/3", "2/1/3/3", "2/0/7/3", "1/1/1/1"])
def test_inputs_are_the_strongest_of_each_sign(first: ModelStore, edges: pd.DataFrame, text: str) -> None:
    unit = Unit.parse(text)
    into = edges[edges["target"] == text]
    into_layer = edges[edges["target_layer"] == str(unit.layer)]
    nearest = str(max(map(Layer.parse, into_layer["source_layer"])))
    assert rows(first.inputs(unit, limit=4)) == expected(strongest(into[into["source_layer"] == nearest], 4))
    from_one = into[into["source_layer"] == "1/0/8"]
    assert rows(first.inputs(unit, limit=2, source=Layer(1, 0, 8))) == expected(strongest(from_one, 2))
    assert rows(first.inputs(unit, direct=True)) == expected(strongest(into[into["direct"]], 10))


def test_edges_are_ordered_by_the_mean_without_its_sign(first: ModelStore, edges: pd.DataFrame) -> None:
    sized = edges.assign(size=edges["mean"].abs())
    for end, other, ask, text in (
        ("target", "source_layer", first.inputs, "2/1/5/3"),
        ("source", "target_layer", first.outputs, "1/0/8/3"),
    ):
        reordered = 0
        for layer, own in sized[sized[end] == text].groupby(other):
            signs = [own[own["mean"] > 0], own[own["mean"] < 0]]
            wanted = pd.concat([part.nlargest(3, "size") for part in signs]).sort_values("size", ascending=False)
            answer = ask(Unit.parse(text), 3, Layer.parse(str(layer)), by="mean")
            assert [(str(c.source), str(c.target)) for c in answer] == list(
                zip(wanted["source"], wanted["target"], strict=True)
            )
            reordered += answer != ask(Unit.parse(text), 3, Layer.parse(str(layer)))
        assert reordered


@pytest.mark.parametrize("text", ["1/0/1/3", "1/0/3/3", "1/0/8/3", "1/1/6/3"])
def test_outputs_are_the_strongest_of_each_sign(first: ModelStore, edges: pd.DataFrame, text: str) -> None:
    unit = Unit.parse(text)
    out = edges[edges["source"] == text]
    from_layer = edges[edges["source_layer"] == str(unit.layer)]
    nearest = str(min(map(Layer.parse, from_layer["target_layer"])))
    assert rows(first.outputs(unit, limit=4)) == expected(strongest(out[out["target_layer"] == nearest], 4))
    into_one = out[out["target_layer"] == "2/1/5"]
    assert rows(first.outputs(unit, limit=2, target=Layer(2, 1, 5))) == expected(strongest(into_one, 2))
    assert rows(first.outputs(unit, direct=True)) == expected(strongest(out[out["direct"]], 10))


def test_a_branch_as_a_source_has_its_blocks_output(first: ModelStore) -> None:
    for branch, output in (("1/1/5", "1/1/6"), ("2/0/5", "2/0/8"), ("2/0/7", "2/0/8")):
        answer = first.outputs(Unit.parse(f"{branch}/3"))
        assert answer
        assert answer == first.outputs(Unit.parse(f"{output}/3"))
    into = Unit.parse("2/1/3/3")
    answer = first.inputs(into, source=Layer(2, 0, 7))
    assert answer
    assert answer == first.inputs(into, source=Layer(2, 0, 8))


def test_edges_among_units_are_the_induced_subgraph(first: ModelStore, edges: pd.DataFrame) -> None:
    whole = nx.from_pandas_edgelist(edges, edge_attr=["magnitude"], create_using=nx.DiGraph)
    units = [*(f"2/1/6/{c}" for c in range(5)), *(f"1/0/8/{c}" for c in range(8)), "1/1/3/2", "2/0/1/1"]
    inside = whole.subgraph(units)
    answer = first.contributions_among([Unit.parse(text) for text in (*units, units[0])])
    assert {(str(c.source), str(c.target)): c.magnitude for c in answer} == nx.get_edge_attributes(inside, "magnitude")
    assert len(answer) == inside.number_of_edges() > 10
    assert [c.magnitude for c in answer] == sorted((c.magnitude for c in answer), reverse=True)


def test_traces_in_cypher_are_networkx_paths(store: Store, edges: pd.DataFrame) -> None:
    direct = edges[edges["direct"]]
    graph = nx.from_pandas_edgelist(direct, create_using=nx.DiGraph)
    paths = {
        (a, b, "2/1/5/3") for b in graph.predecessors("2/1/5/3") for a in graph.predecessors(b)
    }  # fmt: skip
    text = """
        MATCH (a:Unit)-[e:CONTRIBUTES]->(b:Unit)-[f:CONTRIBUTES]->(c:Unit {key: $key})
        WHERE e.direct AND f.direct RETURN a.id, b.id, c.id"""
    answer = store.query(text, {"key": f"{MODEL}/2/1/5/3"})
    assert {tuple(row) for row in answer.rows} == paths
    assert len(answer.rows) == len(paths) > 0


def test_sweeps_tell_what_was_computed(first: ModelStore, extractions: dict[str, Extraction]) -> None:
    table = extractions[MODEL].table("sweeps").to_pandas()
    table = table[table["target"] == str(SUM)]
    assert [as_json(sweep) for sweep in first.sweeps(SUM)] == table.iloc[::-1].to_dict("records")
    assert first.sweeps(Layer(1, 0, 1)) == []


def test_sweeps_from_a_layer_and_all_of_them(first: ModelStore, extractions: dict[str, Extraction]) -> None:
    table = extractions[MODEL].table("sweeps").to_pandas()
    pairs = set(zip(table["source"], table["target"], strict=True))
    assert {(str(s.source), str(s.target)) for s in first.sweeps()} == pairs
    assert len(first.sweeps()) == len(pairs)
    out = [sweep.target for sweep in first.sweeps(source=Layer(1, 1, 5))]  # as of its block's output
    assert set(map(str, out)) == {target for source, target in pairs if source == "1/1/6"}
    assert out == sorted(out, reverse=True)


# ---- distributions and whole layers


def test_a_unit_has_the_histogram_of_the_extraction(first: ModelStore, extractions: dict[str, Extraction]) -> None:
    table = extractions[MODEL].table("histograms").to_pylist()
    kept = {f"{row['layer']}/{row['channel']}": row for row in table}
    asked = ["1/0/1/0", *(f"2/1/{index}/{c}" for index in (3, 5, 6) for c in range(8))]
    for card in first.units(map(Unit.parse, asked)):
        if (row := kept.get(str(card.id))) is None:
            assert card.histogram is None
            continue
        assert card.histogram is not None
        assert list(card.histogram.counts) == row["counts"]
        assert card.histogram.n == row["n"] == 40
        found = (card.histogram.low, card.histogram.high, card.histogram.mean, card.histogram.sd)
        assert found == (row["low"], row["high"], row["mean"], row["sd"])
    assert {kept[text]["sd"] is None for text in asked if text in kept} == {True, False}


def test_the_activity_of_a_layer_is_the_extractions(first: ModelStore, extractions: dict[str, Extraction]) -> None:
    rows = [row for row in extractions[MODEL].table("histograms").to_pylist() if row["layer"] == str(SUM)]
    assert first.activities(SUM) == {row["channel"]: (row["mean"], row["sd"]) for row in rows}
    assert first.activities(Layer(1, 0, 1)) == {}


def test_layers_are_counted_as_the_tables_count_them(first: ModelStore, extractions: dict[str, Extraction]) -> None:
    extraction = extractions[MODEL]

    def count(table: str, column: str) -> dict[str, int]:
        frame = extraction.table(table).to_pandas()
        return {str(layer): int(n) for layer, n in frame.groupby("layer")[column].count().items()}

    wanted = {
        "units": count("units", "channel"), "activity": count("activity", "activity"),
        "histograms": count("histograms", "low"), "evidence": count("evidence", "share_exact"),
        "modality": count("modality", "words"), "tested": count("census", "verdict"),
    }  # fmt: skip
    verdicts = extraction.table("ablation").to_pandas().groupby(["layer", "state"])["channel"].count().to_dict()
    judged = extraction.table("census").to_pandas().groupby(["layer", "verdict"])["channel"].count().to_dict()
    cards = first.layers()
    assert [card.layer for card in cards] == list(extraction.layers)
    for card in cards:
        for name, counts in wanted.items():
            assert getattr(card, name) == counts.get(str(card.layer), 0), (card.layer, name)
        for verdict in ("supported", "contradicted", "inconclusive"):
            assert getattr(card, verdict) == verdicts.get((str(card.layer), verdict), 0)
        for verdict in ("enriched", "not enriched"):
            assert getattr(card, verdict.replace(" ", "_")) == judged.get((str(card.layer), verdict), 0)
    assert first.layers(SUM) == [card for card in cards if card.layer == SUM]


def test_shares_of_a_layer_are_counted_as_numpy_counts_them(
    first: ModelStore, extractions: dict[str, Extraction]
) -> None:
    frame = extractions[MODEL].table("evidence").to_pandas()
    found = first.share_counts("share_corrected", 8)
    assert list(map(str, found)) == ["1/0/8", "1/1/6", "2/0/8", "2/1/6"]
    for layer, counts in found.items():
        values = frame[frame["layer"] == str(layer)]["share_corrected"].dropna().to_numpy(float)
        inside = np.histogram(values, 8, (0, 1))[0].tolist()
        assert list(counts) == [(values < 0).sum(), *inside, (values > 1).sum()]
    assert first.share_counts("share_corrected", 8, SUM) == {SUM: found[SUM]}


# ---- the search


def tables_joined(extraction: Extraction) -> pd.DataFrame:
    """The units of an extraction with what the filters of a search look at."""
    frame = extraction.table("units").to_pandas().set_index(["layer", "channel"])
    for name, columns in {"evidence": ["share_exact"], "modality": ["words", "pictures"]}.items():
        frame = frame.join(extraction.table(name).to_pandas().set_index(["layer", "channel"])[columns])
    frame.index = pd.Index([f"{layer}/{channel}" for layer, channel in frame.index])
    return frame


def ids(found: list[SearchHit]) -> set[str]:
    return {str(each.unit.id) for each in found}


def test_filters_keep_the_units_that_the_tables_name(first: ModelStore, extractions: dict[str, Extraction]) -> None:
    frame = tables_joined(extractions[MODEL])
    shares = frame[(frame["share_exact"] >= 0.3) & (frame["share_exact"] <= 0.6)]
    bounds = Filters(at_least={"share_exact": 0.3}, at_most={"share_exact": 0.6})
    assert ids(first.search(filters=bounds, limit=1000)) == set(shares.index)
    reading = frame[frame["words"] > frame["pictures"]]
    assert ids(first.search(filters=Filters(modality="word"), limit=1000)) == set(reading.index)
    seeing = frame[(frame["words"] < frame["pictures"]) & frame.index.str.startswith("2/1/6/")]
    wanted = Filters(layer=SUM, modality="picture", labelled=False)
    assert ids(first.search(filters=wanted, limit=1000)) == set(seeing.index)
    assert not first.search(filters=Filters(labelled=True, at_least={"share_exact": 2.0}))


def test_a_difference_in_modality_is_that_in_selectivity_or_else_in_shares_of_words(
    first: ModelStore, evidence: pd.DataFrame
) -> None:
    apart = evidence["modality_difference"]
    for bounds, inside in (
        (Filters(at_least={"modality_difference": 0.3}), apart >= 0.3),
        (Filters(at_most={"modality_difference": 0.6}), apart <= 0.6),
    ):
        expected = {f"{layer}/{channel}" for layer, channel in evidence.index[inside]}
        assert ids(first.search(filters=bounds, limit=1000)) == expected
        assert 0 < len(expected) < len(evidence)


def test_a_number_that_no_unit_has_is_refused() -> None:
    with pytest.raises(UnknownStatistic, match="share_exact"):
        Filters(at_least={"share_exactly": 0.5})


def test_units_that_answer_to_a_concept_are_found_the_strongest_first(
    first: ModelStore, extractions: dict[str, Extraction]
) -> None:
    examples = extractions[MODEL].table("examples").to_pandas()
    probes = extractions[MODEL].table("probes").to_pandas().set_index("id")
    examples["concept"] = probes.loc[examples["probe"], "concept"].to_numpy()
    shown = examples[examples["concept"] == "concept 3"]
    wanted = set(shown["layer"] + "/" + shown["channel"].astype(str))
    found = first.search("Concept 3", limit=1000)
    assert ids(found) == wanted
    assert len(wanted) > 10
    best = [max(match.z or 0 for match in each.matches) for each in found]
    assert best == sorted(best, reverse=True)
    assert {match.text for each in found for match in each.matches} == {"concept 3"}
    assert len(first.search("concept")) <= LIMIT


def test_of_many_images_that_contain_a_text_the_nearest_are_looked_at(
    first: ModelStore,
) -> None:
    found = first.search(
        "concept", limit=1000, nearest=4
    )  # all concepts are as long, so by key: probes 0, 1, 10 and 11
    assert {match.text for each in found for match in each.matches} == {"concept 0", "concept 2"}


def test_units_that_a_word_drives_are_found_exact_words_first(
    first: ModelStore, extractions: dict[str, Extraction]
) -> None:
    words = extractions[MODEL].table("words").to_pandas()
    driven = words[(words["word"] == "word 1") & words["z"].notna()]
    found = first.search("word 1", limit=1000)
    exact = [str(each.unit.id) for each in found if any(match.text == "word 1" for match in each.matches)]
    assert set(exact) == set(driven["layer"] + "/" + driven["channel"].astype(str))
    assert [str(each.unit.id) for each in found][: len(exact)] == exact
    assert {match.text for each in found for match in each.matches} == {"word 1", "word 10", "word 11"}


HOSTILE = [
    "' OR 1=1 //",
    "}) MATCH (n) DETACH DELETE n //",
    "\\",
    "<script>",
    "\N{RIGHT-TO-LEFT OVERRIDE}abc",
    "x" * 10_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_text_finds_nothing_and_changes_nothing(store: Store, first: ModelStore, text: str) -> None:
    before = store.models()
    assert first.search(text) == []
    assert store.models() == before


def test_the_console_only_reads(store: Store) -> None:
    assert store.query("MATCH (m:Model) RETURN m.id AS id ORDER BY id").rows == [["random:a"], ["random:b"]]
    with pytest.raises(WriteRefused):
        store.query("MATCH (m:Model) DETACH DELETE m")
    assert len(store.models()) == 2


# ---- enrichment


def test_enrichment_by_weights_compares_the_branches_inputs(first: ModelStore, edges: pd.DataFrame) -> None:
    strong = edges[(edges["source_layer"] == "1/1/6") & (edges["rank_in"] <= 4)]
    inputs = {
        (branch, value): strong[strong["target_layer"] == layer]
        .pivot(index="target_channel", columns="source_channel", values=value)
        .reindex(index=range(32), columns=range(16))
        .astype(float)
        for branch, layer in (("shortcut", "2/0/8"), ("conv", "2/1/5"))
        for value in ("mean", "magnitude")
    }
    a, b = inputs["shortcut", "mean"], inputs["conv", "mean"]
    cosine: pd.Series[float] = (a.fillna(0) * b.fillna(0)).sum(axis=1) / np.sqrt(
        (a**2).sum(axis=1) * (b**2).sum(axis=1)
    )
    answer = first.enrichment_by_weights(SUM, Layer(1, 1, 6), strongest=4, limit=100)
    assert [terms.unit.channel for terms in answer] == list(cosine.dropna().sort_values(kind="stable").index)
    assert len(answer) > 20
    for terms in answer:
        c = terms.unit.channel
        assert (str(terms.shortcut), str(terms.conv), str(terms.source_layer)) == (f"2/0/8/{c}", f"2/1/5/{c}", "1/1/6")
        assert terms.cosine == pytest.approx(cosine[c])
        assert terms.dissimilarity == pytest.approx(1 - cosine[c])
        assert terms.shared == (a.loc[c].notna() & b.loc[c].notna()).sum()
        assert (terms.shortcut_inputs, terms.conv_inputs) == (a.loc[c].count(), b.loc[c].count())
        assert terms.shortcut_strength == pytest.approx(inputs["shortcut", "magnitude"].loc[c].sum())
        assert terms.conv_strength == pytest.approx(inputs["conv", "magnitude"].loc[c].sum())
    assert first.enrichment_by_weights(SUM, Layer(1, 1, 6), strongest=4, limit=3) == answer[:3]


@pytest.mark.parametrize(
    ("concept", "modality", "verdict", "q"),
    [(0.6, 0.7, None, None), (None, 0.5, "open", None), (0.5, None, None, 0.6), (None, None, "enriched", 0.9)],
)
def test_enrichment_by_evidence_joins_differences_and_verdict(
    first: ModelStore,
    extractions: dict[str, Extraction],
    evidence: pd.DataFrame,
    concept: float | None,
    modality: float | None,
    verdict: Verdict | None,
    q: float | None,
) -> None:
    judged = extractions[MODEL].table("census").to_pandas().set_index(["layer", "channel"])
    judged = judged.drop(columns="word_share_difference")
    table = evidence.join(judged).loc[[str(SUM)]].dropna(subset="verdict").reset_index()
    table["least"] = table[["specificity_shortcut_low", "specificity_conv_low"]].min(axis=1)
    least = [
        (table[name] >= low)
        for name, low in (("concept_difference", concept), ("modality_difference", modality))
        if low
    ]
    table = table[np.any(least, axis=0) if least else table["verdict"].notna()]
    table = table[(table["verdict"] == (verdict or table["verdict"])) & (table["q"] <= (1 if q is None else q))]
    table = table.sort_values("least", ascending=False)
    answer = first.enrichment_by_evidence(
        SUM, 100, verdict, q, concept_difference=concept, modality_difference=modality, examples=2
    )
    assert [str(terms.unit) for terms in answer] == [f"{SUM}/{c}" for c in table["channel"]]
    assert 0 < len(answer) < 25
    for terms, row in zip(answer, table.to_dict("records"), strict=True):
        assert (str(terms.shortcut), str(terms.conv)) == (f"2/0/8/{row['channel']}", f"2/1/5/{row['channel']}")
        assert all(getattr(terms, name) == number(row[name]) for name in names("evidence"))
        assert all(getattr(terms, f"{name}_difference") == number(row[f"{name}_difference"]) for name in DIFFERENCES)
        examples = first.top_probes(Unit(SUM, row["channel"]), limit=2)
        for branch, shown in (("shortcut", terms.shortcut_examples), ("conv", terms.conv_examples)):
            assert [(s.modality, s.concept) for s in shown] == [
                (e.modality, e.concept) for e in examples if e.branch == branch
            ]


def test_enrichment_asks_for_a_sum_and_for_what_was_extracted(first: ModelStore) -> None:
    with pytest.raises(NotExtracted, match="Try 2/1/6"):
        first.enrichment_by_weights(Layer(2, 1, 5), Layer(1, 1, 6))
    with pytest.raises(NotExtracted, match="1/0/1, 1/0/3, 1/0/8"):
        first.enrichment_by_weights(SUM, Layer(2, 1, 3))
    with pytest.raises(UnknownUnit):
        first.enrichment_by_evidence(Layer(3, 0, 8))


# ---- words


def test_a_unit_knows_the_words_that_drive_it_most(first: ModelStore, extractions: dict[str, Extraction]) -> None:
    table = extractions[MODEL].table("words").to_pandas()
    for layer, channel in [("2/1/6", 0), ("2/1/5", 7), ("1/0/7", 3)]:
        own = table[(table["layer"] == layer) & (table["channel"] == channel)].sort_values("word_rank")
        for limit in (2, 10):
            found = first.words(Unit.parse(f"{layer}/{channel}"), limit)
            assert [(r.word, r.value, r.rank) for r in found] == list(
                own[["word", "value", "word_rank"]].head(limit).itertuples(index=False, name=None)
            )
            assert [r.z for r in found] == [number(z) for z in own["z"].head(limit)]
    assert first.words(Unit.parse("2/1/3/0")) == []


@pytest.mark.parametrize("layer", [None, SUM])
def test_a_word_knows_the_units_that_read_it(
    first: ModelStore, extractions: dict[str, Extraction], layer: Layer | None
) -> None:
    table = extractions[MODEL].table("words").to_pandas()
    own = table[(table["word"] == "word 5") & (table["unit_rank"] <= 8)]
    own = own[own["layer"] == str(layer)] if layer else own
    own = own.sort_values("z", ascending=False)
    found = first.readers("word 5", layer, limit=8)
    assert len(found) > 1
    assert [(str(r.unit), r.z, r.rank) for r in found] == [
        (f"{row.layer}/{row.channel}", row.z, row.unit_rank) for row in own.itertuples()
    ]


def test_a_unit_has_its_visualisation_where_there_is_one(first: ModelStore, extractions: dict[str, Extraction]) -> None:
    for row in extractions[MODEL].table("visualisations").to_pylist()[::7]:
        found = first.depiction(Unit.parse(f"{row['layer']}/{row['channel']}"))
        assert found
        assert (base64.b64decode(found.thumbnail), found.share_published) == (row["image"], row["share_published"])
    assert first.depiction(Unit.parse("2/1/6/0")) is None


def test_a_word_that_was_not_shown_is_an_error(store: Store, first: ModelStore) -> None:
    for word in ("letters 1", "hat"):
        with pytest.raises(NotExtracted, match=r"was shown 12 words\..*circuits difference"):
            first.readers(word)
    assert store.model(MODEL).card.words == 12


# ---- labels


def note(unit: str, text: str, number: int, **rest: object) -> Annotation:
    """An annotation of the second model, so that the first stays without labels."""
    known = {"id": f"note {unit} {number}", "model": "random:b", "unit": unit, "text": text, "author": "ada"}
    return Annotation(**{**known, "at": NOON + timedelta(minutes=number), **rest})  # type: ignore[arg-type]


def state(database: Database, unit: str) -> dict[str, object]:
    """A unit as a user's own Cypher sees it."""
    text = """
        MATCH (u:Unit {key: $key})
        RETURN u:Labelled AS labelled, u.label AS label, [(u)-[:LABELLED]->(l:Label) | l.text] AS texts,
               COUNT { (u)<-[:CONTRIBUTES]-() } AS inputs, COUNT { (u)-[:CONTRIBUTES]->() } AS outputs"""
    return database.write(text, key=f"random:b/{unit}")[0]


def test_a_label_comes_and_goes_with_its_unit_untouched(second: ModelStore, database: Database) -> None:
    unit = Unit.parse("2/0/8/3")
    before = state(database, str(unit))
    edges = second.inputs(unit, limit=50), second.outputs(unit, limit=50)
    added = note("2/0/8/3", "bloody wound", 1)
    second.annotate(added)
    after = state(database, str(unit))
    assert after == before | {"labelled": True, "label": "bloody wound", "texts": ["bloody wound"]}
    assert second.unit(unit).labels == ("bloody wound",)
    assert all(c.target_labels == ("bloody wound",) for c in second.inputs(unit))
    assert all(c.source_labels == ("bloody wound",) for c in second.outputs(unit))
    withdrawal = note("2/0/8/3", "bloody wound", 2, action="withdraw", supersedes=added.id)
    second.annotate(withdrawal)
    assert state(database, str(unit)) == before | {"labelled": False, "label": None, "texts": []}
    assert (second.inputs(unit, limit=50), second.outputs(unit, limit=50)) == edges
    assert second.annotations(unit) == [added, withdrawal]
    assert database.write("MATCH (l:Label {text: 'bloody wound'}) RETURN l") == []


def test_labels_of_several_people_stand_side_by_side(store: Store, second: ModelStore, database: Database) -> None:
    you, other = note("2/1/6/1", "you", 1), note("2/1/6/1", "second person", 2, author="bob")
    for annotation in (you, other, note("2/1/6/1", "you", 3, author="cy"), you):
        second.annotate(annotation)
    assert state(database, "2/1/6/1")["label"] == "you; second person"
    assert second.unit(Unit.parse("2/1/6/1")).labels == ("second person", "you")
    second.annotate(note("2/1/6/1", "you", 4, action="withdraw", supersedes=you.id))
    assert state(database, "2/1/6/1")["label"] == "second person; you"
    assert len(second.annotations(Unit.parse("2/1/6/1"))) == 4
    store.verify("random:b")


def test_an_annotation_reads_back_as_it_was_written(first: ModelStore, second: ModelStore) -> None:
    rest = {"branch": "conv", "facet": "blood", "modality": "picture", "source": "import", "confidence": 0.25}
    east = timezone(timedelta(hours=5))
    written = note("2/1/6/2", "wound", 1, **rest, sensitive=True, at=datetime(2026, 3, 4, 5, 6, 7, 89012, tzinfo=east))
    second.annotate(written)
    read = second.annotations(Unit.parse("2/1/6/2"))
    assert read == [written]
    assert read[0].at.utcoffset() == timedelta(0)
    assert "wound" in second.sensitive()
    assert first.sensitive() == frozenset()


@pytest.mark.parametrize(
    ("channel", "text"),
    [
        (0, 'it\'s "quoted" \\ `here`'),
        (1, "x'}) DETACH DELETE (n) //"),
        (2, "<script>alert(1)</script>"),
        (3, "$key {0} %s"),
        (4, "血\n\t⚕"),
    ],
)
def test_the_text_of_a_label_stays_data(second: ModelStore, database: Database, channel: int, text: str) -> None:
    unit = f"1/1/6/{channel}"
    second.annotate(note(unit, text, channel))
    assert second.unit(Unit.parse(unit)).labels == (text,)
    assert [str(card.id) for card in second.labelled(text)] == [unit]
    assert state(database, unit)["label"] == text


def test_labelled_units_are_found_by_a_part_of_a_label(store: Store, first: ModelStore, second: ModelStore) -> None:
    for number, (unit, text) in enumerate([("2/0/5/10", "Dog fur"), ("2/0/5/9", "hot dog"), ("2/0/5/8", "cat fur")]):
        second.annotate(note(unit, text, number))
    assert [str(card.id) for card in second.labelled("DOG")] == ["2/0/5/9", "2/0/5/10"]
    assert {"2/0/5/8", "2/0/5/9", "2/0/5/10"} <= {str(card.id) for card in second.labelled()}
    assert store.model("random:b").card.labelled == len(second.labelled())
    assert first.labelled() == []


def test_units_called_so_are_found_before_those_that_answer_to_it(second: ModelStore) -> None:
    for number, (unit, text) in enumerate([("2/0/5/11", "word 10 there"), ("2/0/5/12", "WORD 10")]):
        second.annotate(note(unit, text, number))
    found = second.search("word 10")
    assert [str(each.unit.id) for each in found][:2] == ["2/0/5/12", "2/0/5/11"]
    assert [each.matches[0].kind for each in found][:3] == ["label", "label", "vocabulary"]
    labelled = second.search(filters=Filters(labelled=True))
    assert ids(labelled) == {str(card.id) for card in second.labelled()}
    assert not ids(labelled) & ids(second.search(filters=Filters(labelled=False), limit=1000))
    assert "2/0/5/12" in ids(second.search()[: len(labelled)])


def test_what_cannot_be_annotated_changes_nothing(second: ModelStore) -> None:
    before = second.annotations()
    other = note("2/1/3/1", "mine", 1)
    second.annotate(other)
    with pytest.raises(UnknownUnit):
        second.annotate(note("2/1/6/99", "nowhere", 1))
    with pytest.raises(GraphError, match="One of these annotations does not exist"):
        second.annotate(note("2/1/3/2", "mine", 2, action="withdraw", supersedes=other.id))
    with pytest.raises(ModelMissing):
        second.annotate(replace(note("2/1/3/2", "whose", 3), model="RN50:openai"))
    assert second.annotations() == sorted([*before, other], key=lambda a: a.at)  # of equal times, the later entry later
