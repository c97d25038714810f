"""Neo4j and the embedded server are told the same story, and every text of ours gives the same rows on both."""

import json
import math
import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, get_args

import networkx as nx
import pyarrow.compute as pc
import pytest

from extract.enrichment import pipeline
from extract.expansion import atlas
from extract.folder.extraction import Extraction
from extract.network.weights import load_network
from extract.probes.table import read
from extract.recording import vocabulary
from extract.recording.modality import profile
from extract.recording.visualisations import visualise
from extract.units import Layer, Unit
from graph import records, saved
from graph.connection.database import Answer, Database
from graph.connection.servers import open_server
from graph.cypher import loading, schema
from graph.cypher.built_in import BUILT_IN
from graph.cypher.loading import LOST
from graph.cypher.named_query import NamedQuery
from graph.cypher.verification import ENTRIES
from graph.embedded.server import ensure
from graph.errors import AnnotationSuperseded, LoadFailed
from graph.loading.load import load
from graph.loading.removal import remove
from graph.model_store import ModelStore
from graph.records import Annotation, Filters, Flag, SavedCircuit, Share
from graph.store import Store
from tests.builders.neo4j_server import VERSION, Neo4j
from tests.builders.query_texts import TEXTS

NAMES = {text: name for name, text in TEXTS.items()}
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
FIRST = "1/0/1/0"
THIN = 40  # channels


@dataclass
class Told:
    """What one of our texts was asked and answered."""

    name: str
    parameters: dict[str, Any]
    rows: Answer


class Listening(Database):
    """A connection that keeps what our own texts are asked and answer."""

    def __init__(self, server: Neo4j) -> None:
        self.told: list[Told] = []
        login = (server.user, server.password)
        super().__init__(server.url, partial(open_server, server.url, login, server.database))

    def read(self, text: str, **parameters: Any) -> Answer:
        return self._kept(text, parameters, super().read(text, **parameters))

    def write(self, text: str, **parameters: Any) -> Answer:
        return self._kept(text, parameters, super().write(text, **parameters))

    def write_idempotent(self, text: str, **parameters: Any) -> Answer:
        return self._kept(text, parameters, super().write_idempotent(text, **parameters))

    def _kept(self, text: str, parameters: dict[str, Any], rows: Answer) -> Answer:
        if text in NAMES:
            self.told.append(Told(NAMES[text], parameters, rows))
        return rows


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    """The trained CLIP's inputs of both branches of 4/2/6, and its evidence for that layer from a few of its probes."""
    network = load_network("demo")
    folder = tmp_path_factory.mktemp("demo") / "demo.extraction"
    extraction = atlas.extract(network, folder, ["4/1/6", "4/2/5"], strongest=1, progress=False)
    probes = read()
    few = probes.filter(pc.starts_with(probes["concept"], "b"))
    pipeline.measure(network, extraction, few, [Layer(4, 2, 6)], progress=False)
    picture = few["image"][0].as_py()
    (drawn := tmp_path_factory.mktemp("drawn") / "channel3.webp").write_bytes(picture)
    visualise(network, extraction, drawn.parent, Layer(4, 2, 6), progress=False)
    words = ["anchor", "banana", "hat"]
    vocabulary.measure(network, extraction, words, [Layer(4, 2, 6)], progress=False)
    profile(network, extraction, words, few, [Layer(4, 1, 6), Layer(4, 2, 5), Layer(4, 2, 6)], progress=False)
    thin(extraction)
    return extraction


def thin(extraction: Extraction) -> None:
    """Leave only the inputs and the top probes of each layer's first channels: rows to write to two servers."""
    for table, column in (("edges", "target_channel"), ("examples", "channel")):
        names = [name for name in extraction.manifest.files if Path(name).parts[0] == f"{table}.parquet"]
        extraction.add({name: extraction.part(name).filter(pc.field(column) < THIN) for name in names})
        assert 0 < extraction.table(table).num_rows < 15_000


@pytest.fixture(scope="module", params=["demo", "random"])
def extraction(
    request: pytest.FixtureRequest,
    random_extraction: Callable[..., Extraction],
    tmp_path_factory: pytest.TempPathFactory,
) -> Extraction:
    if request.param == "random":
        return random_extraction(tmp_path_factory.mktemp("random") / "a.extraction", "random:a", 5)
    found: Extraction = request.getfixturevalue("demo")
    return found


@pytest.fixture(scope="module")
def stories(
    extraction: Extraction, neo4j: Neo4j, embedded: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[Told]]:
    """The same done to both servers, each empty at first and in the end."""
    endpoint = ensure(embedded)
    peers = {"neo4j": neo4j, "embedded": Neo4j(endpoint.uri, endpoint.user, endpoint.password, endpoint.database)}
    told = {}
    for name, server in peers.items():
        with Listening(server) as database:
            database.write("MATCH (n) DETACH DELETE n")
            tell(database, extraction, tmp_path_factory.mktemp(name))
            database.write("MATCH (n) DETACH DELETE n")
            told[name] = database.told
    return told


def tell(database: Database, extraction: Extraction, folder: Path) -> None:
    """A load that fails, one that succeeds, labels, every question, and a load of less in its place."""
    with pytest.raises(LoadFailed):
        load(without_edges(extraction, folder / "misfit.extraction", lacking=0.9), database, progress=False)
    (advice,) = [way for name, way in Store(database).unfinished().items() if name == extraction.manifest.model]
    assert "load it again to resume where it stopped; labels stay" in advice
    load(extraction, database, progress=False)
    moved = Path(shutil.copytree(extraction.path, folder / "moved.extraction"))
    assert load(Extraction.open(moved), database, progress=False).folder == str(moved)
    model = extraction.manifest.model
    store = Store(database).model(model)
    label(store)
    keep(store)
    for text in (schema.SPLIT_SELECTIVITY, schema.SPLIT_WORD_SHARES):  # nothing here is of an older version
        database.write(text)
    question(store, extraction)
    ask_by_name(store, extraction)
    Store(database).count(model)
    Store(database).verify(model)
    assert Store(database).verify_numbers(model)
    database.read(ENTRIES, model=model)  # asked of a count that does not agree
    assert database.read(loading.CLAIMED, model=model, loader="me")[0]["recorded"] == "me"  # asked by a load in bulk
    for text in (
        schema.RENAME_ABLATION,
        schema.REMOVE_TESTS,
        schema.NEARBY_ABLATION,
        schema.FORGET_CHECKSUMS,
    ):  # they change what is here
        database.write(text)
    database.write(LOST, model=model)
    load(without_edges(extraction, folder / "less.extraction"), database, progress=False)
    assert [str(card.id) for card in store.labelled()] == [FIRST]
    tied = "MATCH (c:Circuit)-[i:INCLUDES]->(u:Unit) RETURN c.name AS name, i.role AS role, u.id AS unit"
    assert database.read(tied) == [{"name": "hat", "role": "unit", "unit": FIRST}]
    for with_labels in (False, True):
        remove(database, model, with_labels, progress=False)


def without_edges(extraction: Extraction, folder: Path, lacking: float = 0) -> Extraction:
    """The same model of units alone; the part that is lacking is missed by the sums."""
    settings = extraction.manifest.settings.model_copy(update={"targets": ()})
    less = Extraction.create(folder, extraction.manifest.model_copy(update={"files": {}, "settings": settings}))
    units = extraction.table("units")
    less.add({"units.parquet": units.slice(0, round(units.num_rows * (1 - lacking)))})
    return less


def label(store: ModelStore) -> None:
    """Two labels on one unit, one of them sensitive and amended twice, once in vain, a third withdrawn; and flags."""
    wound = Annotation("a", store.id, FIRST, "wound", "ada", NOON)
    sky = replace(wound, id="c", unit="1/0/8/2", text="sky", author="bob")
    for annotation in (wound, replace(wound, id="b", text="Blood", sensitive=True), sky):
        store.annotate(annotation)
    store.annotate(replace(sky, id="d", action="withdraw", supersedes="c"))
    store.annotate(replace(wound, id="e", text="a wound", action="amend", supersedes="a", evidence="seen", at=NOON))
    store.annotate(replace(wound, id="f", action="undo", supersedes="e"))
    with pytest.raises(AnnotationSuperseded):
        store.annotate(replace(wound, id="g", action="undo", supersedes="e"))
    store.annotate(replace(wound, id="h", action="redo", supersedes="e"), replace(sky, id="i", unit=FIRST))
    store.annotate(replace(sky, id="j", unit=FIRST, action="reject", supersedes="i"))
    assert store.unit(Unit.parse(FIRST)).labels == ("Blood", "a wound")
    for number, (kind, name) in enumerate((("unit", FIRST), ("word", "wound"), ("unit", FIRST), ("unit", sky.unit))):
        store.flag(Flag(str(number), store.id, kind, name, number != 2, "ada", NOON))  # type: ignore[arg-type]


def keep(store: ModelStore) -> None:
    """Two circuits kept, one of them twice, one name refused, and one taken away."""
    hat = SavedCircuit("hat", store.id, "neighbourhood", "ada", NOON, 2)
    units = {FIRST: "unit", "1/0/8/2": "output"}
    assert store.save_circuit(hat, "a", "{}", units, replace=False)
    assert not store.save_circuit(replace(hat, author="bob"), "b", "[]", units, replace=False)
    assert store.save_circuit(replace(hat, author="bob"), "c", "[]", {FIRST: "unit"}, replace=True)
    assert store.save_circuit(replace(hat, name="sky"), "d", "{}", units, replace=False)
    assert [(c.name, c.author, c.units) for c in store.saved_circuits()] == [
        ("hat", "bob", 1),
        ("sky", "ada", 2),
    ]
    assert store.circuit_content("hat") == "[]"
    assert store.remove_circuit("sky", "bob")
    assert not store.remove_circuit("sky", "bob")
    sky, hat = saved.earlier_circuits(store.database, store.id)
    assert [(e.version, e.author, e.removed_by, e.units) for e in (sky, hat)] == [
        ("d", "ada", "bob", 2),
        ("a", "ada", "bob", 2),
    ]
    assert saved.restore_circuit(store.database, sky, "cid")
    assert store.remove_circuit("sky", "cid")


def question(store: ModelStore, extraction: Extraction) -> None:
    """All that the store can be asked, about units here and there."""
    edges = network(extraction)
    sources, targets = (list(dict.fromkeys(ends)) for ends in zip(*edges.edges, strict=True))
    for unit in map(Unit.parse, (FIRST, *sources[:: len(sources) // 24], *targets[:: len(targets) // 24])):
        store.unit(unit)
        for direct in (False, True):
            store.inputs(unit, limit=9, direct=direct)
            store.outputs(unit, limit=9, direct=direct)
        store.upstream([unit], limit=3)
        store.downstream([unit], limit=3, least=0.1)
        store.inputs(unit, limit=3, by="mean")
        store.outputs(unit, limit=3, by="mean")
        store.inputs(unit, source=Layer(1, 0, 8))
        store.outputs(unit, target=Unit.parse(targets[-1]).layer)
    near = [*targets[:20], *edges.predecessors(targets[0]), *edges.predecessors(targets[-1])]
    assert store.contributions_among(map(Unit.parse, near))
    for text in ("", "WOU", "sky"):
        store.labelled(text)
    assert store.upstream(map(Unit.parse, targets), limit=4, least=0.01, scaled=True)
    assert store.downstream(map(Unit.parse, sources), limit=4)
    store.annotations()
    store.annotations(Unit.parse(FIRST))
    store.sensitive()
    assert [flag.sensitive for flag in store.flags()] == [True, True, False, True]
    shown = store.top_probes_of([Unit(list(extraction.layers)[-1], channel) for channel in range(9)])
    assert store.has_image(next(iter(shown.values()))[0].image)
    assert not store.has_image("nowhere")
    concepts = sorted({str(concept) for concept in extraction.table("probes")["concept"].to_pylist()})
    assert {probe.modality for probe in store.facet_probes(concepts, concepts)} == {"picture", "word"}
    enrich(store, list(extraction.layers)[-1])
    search(store, list(extraction.layers)[-1])


def search(store: ModelStore, total: Layer) -> None:
    """For labels, concepts and words with all kinds of filters, and what is counted in whole layers."""
    for text in ("WOU", "b", "concept 3", "anchor", "word 5", "' OR 1=1 //", ""):
        for wanted in (
            Filters(),
            Filters(layer=total, labelled=False),
            Filters(labelled=True),
            Filters(modality="word"),
            Filters(modality="picture", at_least={"share_exact": 0.2, "activity": 0.0}, at_most={"share_exact": 0.8}),
        ):
            store.search(text, wanted, 40)
    for layer in (None, total):
        store.layers(layer)
        for share in get_args(Share):
            store.share_counts(share, 20, layer)
    store.activities(total)
    store.sweeps()
    store.sweeps(source=Layer(1, 0, 8))


def enrich(store: ModelStore, total: Layer) -> None:
    """The last sum's branches, by their weights and by what they answer to."""
    for channel in range(0, 32, 3):
        for branch in store.adds(Unit(total, channel)).values():
            store.sweeps(branch.layer)
        store.top_probes(Unit(total, channel))
        store.words(Unit(total, channel))
        store.depiction(Unit(total, channel))
    word = "anchor" if store.id.startswith("demo") else "word 5"
    assert store.readers(word, limit=20)
    assert store.enrichment_by_weights(total, Layer(1, 0, 8), limit=50)
    for concept, modality in ((None, None), (0.5, 0.5), (None, 0.7)):
        store.enrichment_by_evidence(total, 50, concept_difference=concept, modality_difference=modality)
    store.enrichment_by_evidence(total, 50, "open")
    store.enrichment_by_evidence(total, 50, q=0.5)
    store.verdicts(total)


def ask_by_name(store: ModelStore, extraction: Extraction) -> None:
    """Every named query, while a few units of the last sum and of its branches have labels; and a user's own."""
    model, database, total = extraction.manifest.model, store.database, list(extraction.layers)[-1]
    branches = extraction.manifest.architecture.branches(total)
    edges = extraction.table("edges").to_pylist()
    into = [edge for edge in edges if edge["target"] == str(branches["conv"]) and edge["mean"] > 0]
    driver = max(into, key=lambda edge: float(edge["magnitude"]))
    said: list[tuple[str, records.Branch, str]] = [
        (f"{total}/0", "conv", "wound"),
        (f"{branches['shortcut']}/0", "sum", "sky"),
        (f"{branches['conv']}/1", "conv", "Sea"),
        (f"{total}/1", "shortcut", "sea"),
        (f"{driver['source']}/{driver['source_channel']}", "sum", "driver"),
    ]
    added = [
        Annotation(f"n{n}", model, unit, text, "ada", NOON, branch=branch, facet="f", sensitive=n == 0)
        for n, (unit, branch, text) in enumerate(said)
    ]
    for annotation in added:
        store.annotate(annotation)
    given: dict[str, Any] = {
        "model": model,
        "verdict": None,
        "most": 0.5,
        "label": "DRIVE",
        "unit": f"{total}/1",
        "source": None,
    }
    given |= {"word": "anchor" if model.startswith("demo") else "word 5", "apart": 0.001}
    for query, strongest, layer in product(BUILT_IN, (1, 9), (total, branches["conv"])):
        values = given | {"strongest": strongest, "layer": str(layer)}
        database.read(query.text, **{name: values[name] for name in query.parameters})
    whole = Store(database)
    assert whole.hidden_texts().texts >= {"wound", "f", "Blood", "sky"}
    assert whole.hidden_texts().words == {"wound": True}
    for annotation in added:
        store.annotate(replace(annotation, id=f"{annotation.id} back", action="withdraw", supersedes=annotation.id))
    save(whole)


def save(store: Store) -> None:
    """A query kept, replaced by another, and taken away."""
    mine = NamedQuery("mine", "RETURN $n AS n", "What it is.", {"n": [1, "a"]}, author="ada", at=NOON)
    store.save_query(mine)
    store.save_query(replace(mine, author="bob"), replace=True)
    assert store.saved_queries() == [replace(mine, author="bob")]
    assert store.database.read(schema.SAVED_TEXTS) == [{"name": "mine", "text": "RETURN $n AS n"}]
    assert store.remove_query("mine", "cid")
    assert [(e.author, e.removed_by) for e in store.earlier_queries()] == [("bob", "cid"), ("ada", "bob")]
    assert store.earlier_queries()[0].defaults == {"n": [1, "a"]}


def network(extraction: Extraction) -> "nx.DiGraph[str]":
    """The kept edges, their ends as units' ids."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    for row in extraction.table("edges").to_pylist():
        graph.add_edge(f"{row['source']}/{row['source_channel']}", f"{row['target']}/{row['target_channel']}", **row)
    return graph


def alike(here: Any, there: Any) -> bool:
    """Equal, floats to 1e-12."""
    match here:
        case float():
            return isinstance(there, float) and math.isclose(here, there, rel_tol=1e-12)
        case dict():
            return here.keys() == there.keys() and all(
                alike(settled(name, here[name]), settled(name, there[name])) for name in here
            )
        case list():
            return len(here) == len(there) and all(map(alike, here, there))
    return type(here) is type(there) and bool(here == there)


def settled(name: str, value: Any) -> Any:
    """A column without what no text asks for: an order of labels and images, and UTC's zone, which ArcadeDB drops.

    Ids and moments of earlier versions are new each time.
    """
    if name in ("version", "removed_at"):
        return None
    if name == "folder" and value is not None:  # each server's folders lie in one of its own
        return Path(value).name
    if isinstance(value, list) and name.endswith(("labels", "images")):
        return sorted(value)
    return value.removesuffix("+00:00") if name == "at" else value


def ordered(told: Told) -> Answer:
    """The rows; those of a text that reads all relationships, which asks for no order, by their content."""
    if told.name.startswith(("LAYER_PROPERTIES", "UNIT_PROPERTIES")):
        return sorted(told.rows, key=lambda row: json.dumps(row, sort_keys=True))
    return told.rows


def test_both_servers_give_the_same_rows(stories: dict[str, list[Told]]) -> None:
    for here, there in zip(stories["neo4j"], stories["embedded"], strict=True):
        assert (here.name, len(here.rows)) == (there.name, len(there.rows))
        apart = [rows for rows in zip(ordered(here), ordered(there), strict=True) if not alike(*rows)]
        assert apart[:1] == [], (here.name, here.parameters)


def test_every_text_is_told_and_those_that_return_something_answer(stories: dict[str, list[Told]]) -> None:
    for told in stories.values():
        assert {each.name for each in told} == set(TEXTS)
        answering = {each.name for each in told if each.rows}
        assert answering == {name for name, text in TEXTS.items() if "RETURN" in text}


def test_what_follows_edges_is_as_networkx_follows_them(stories: dict[str, list[Told]], extraction: Extraction) -> None:
    edges, found = network(extraction), 0
    for told in (
        each for story in stories.values() for each in story if each.name in ("INPUTS", "OUTPUTS", "INDUCED_EDGES")
    ):
        rows = [(row["source"], row["target"], row["magnitude"]) for row in told.rows]
        assert rows == followed(edges, told)
        found += len(rows)
    assert found > 1000


def followed(graph: "nx.DiGraph[str]", told: Told) -> list[tuple[str, str, float]]:
    """The edges that a text is asked for, the strongest first."""
    wanted = told.parameters
    if told.name == "INDUCED_EDGES":
        inside = graph.subgraph(map(ident, wanted["keys"]))
        return numbered(in_order(inside.edges(data=True)))
    side, far = (graph.in_edges, "source") if told.name == "INPUTS" else (graph.out_edges, "target")
    edges = [
        (source, target, edge)
        for source, target, edge in side([ident(wanted["key"])], data=True)
        if wanted["layer"] in (None, edge[far]) and (edge["direct"] or not wanted["direct"])
    ]
    signs = [in_order((e for e in edges if e[2]["mean"] * sign > 0), wanted["by"]) for sign in (1, -1)]
    strongest = [edge for rows in signs for edge in rows[: wanted["limit"]]]
    return numbered(in_order(strongest, wanted["by"]))


def in_order(edges: Iterable[Any], by: str = "magnitude") -> list[Any]:
    """Edges from the strongest, a mean without its sign."""
    return sorted(edges, key=lambda edge: (-abs(edge[2][by]), edge[:2]))


def numbered(edges: Iterable[Any]) -> list[tuple[str, str, float]]:
    return [(source, target, edge["magnitude"]) for source, target, edge in edges]


def ident(key: str) -> str:
    """The unit's id in a key."""
    return "/".join(key.split("/")[-4:])


def test_docker_compose_runs_the_neo4j_that_is_tested() -> None:
    compose = Path(__file__).parents[2] / "docker-compose.yml"
    assert re.findall(r"image: neo4j:(.+)-community", compose.read_text()) == [VERSION]
