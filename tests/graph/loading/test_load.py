"""Loading, reloading, and a database that lost data."""

import os
import shutil
import signal
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from extract.errors import ExtractionError
from extract.folder.extraction import Extraction
from extract.folder.manifest import part
from extract.units import Unit
from graph.connection.database import Database
from graph.cypher.loading import CLAIM
from graph.cypher.verification import TALLY, TOTALS, VERIFY
from graph.embedded.server import bulk_load, status, stop
from graph.errors import DatabaseDamaged, LoadFailed, ModelMissing, WeightsDiffer
from graph.loading.load import load
from graph.loading.removal import remove
from graph.opening import connect
from graph.records import Annotation
from graph.steps import Step
from graph.store import Store
from tests.builders.random_extraction import of_other_weights
from tests.builders.servers import loaded, server_with

Write = Callable[..., Extraction]
NOTE = Annotation("note", "random:a", "2/1/6/3", "wound", "ada", datetime(2026, 1, 2, tzinfo=UTC))


@pytest.fixture(scope="module")
def first(random_extraction: Write, tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    return random_extraction(tmp_path_factory.mktemp("first") / "a.extraction", "random:a", 1)


@pytest.fixture(scope="module")
def narrower(random_extraction: Write, tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    """The same model with fewer units and other weights."""
    return random_extraction(tmp_path_factory.mktemp("second") / "a.extraction", "random:a", 2, width=2)


@pytest.fixture(scope="module")
def other(random_extraction: Write, tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    return random_extraction(tmp_path_factory.mktemp("other") / "b.extraction", "random:b", 3, width=2)


@pytest.fixture(params=["embedded", "neo4j"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A server with nothing in it."""
    with server_with(request) as database:
        yield database


@pytest.fixture
def holding(first: Extraction, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of an embedded database that holds `first`."""
    folder = loaded(first, tmp_path_factory)
    yield folder
    stop(folder)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "database"
    stop(tmp_path / "database")


def content(database: Database, model: str) -> list[list[dict[str, Any]]]:
    """All of a model as plain rows, but for its labels and its bookkeeping."""
    texts = (
        "MATCH (m:Model {id: $model}) RETURN m.units AS u, m.edges AS e, m.magnitude AS s, m.images AS i",
        "MATCH (n:Layer {model: $model}) RETURN properties(n) AS p ORDER BY n.key",
        "MATCH (n:Image {model: $model}) RETURN properties(n) AS p ORDER BY n.key",
        "MATCH (n:Word {model: $model}) RETURN properties(n) AS p ORDER BY n.key",
        "MATCH (n:Unit {model: $model}) RETURN n.key AS k, n.scale AS s, n.rise_conv AS r ORDER BY k",
        "MATCH (a)-[e:SWEPT|ADDS|CONTRIBUTES|ACTIVATES]->(b {model: $model}) "
        "RETURN a.key AS a, type(e) AS t, properties(e) AS p, b.key AS b ORDER BY a, t, b, e.branch",
    )
    return [database.write(text, model=model) for text in texts]


def whole(extraction: Extraction, database: Database) -> bool:
    """Whether the database holds as much of the model as the extraction does, and no more."""
    held = content(database, extraction.manifest.model)
    units, *edges = (extraction.table(name).num_rows for name in ("units", "sweeps", "edges", "examples", "words"))
    sums = [channels for layer, channels in extraction.layers.items() if layer.role == "sum"]
    nodes, expected = [len(rows) for rows in held[1:]], [len(extraction.layers), units, sum(edges) + 2 * sum(sums)]
    return [nodes[0], *nodes[3:]] == expected


def test_a_reload_replaces_the_model_and_keeps_what_people_said(
    holding: Path, first: Extraction, narrower: Extraction, other: Extraction
) -> None:
    with connect(holding) as database:
        load(other, database, progress=False)
        check_reload(database, holding, first, narrower)


def test_a_reload_over_bolt_does_the_same(
    database: Database, first: Extraction, narrower: Extraction, other: Extraction
) -> None:
    for extraction in (first, first, other):
        load(extraction, database, progress=False)
        assert whole(extraction, database)
    check_reload(database, database, first, narrower)


def check_reload(database: Database, into: Database | Path, first: Extraction, narrower: Extraction) -> None:
    """Annotate units of `first` and of random:b, then load `narrower` instead of `first`, then `first` again."""
    store = Store(database)
    lost = replace(NOTE, id="lost", unit="2/1/6/20", text="lost")  # the narrower model has no such unit
    mistake, theirs = replace(NOTE, id="mistake", text="sky"), replace(NOTE, id="theirs", model="random:b")
    withdrawal = replace(mistake, id="withdrawal", action="withdraw", supersedes="mistake")
    hat = replace(NOTE, id="hat", unit="2/1/6/5", text="hat")
    amendment = replace(hat, id="cap", text="cap", action="amend", supersedes="hat")
    there_and_back = [replace(amendment, id=action, action=action, supersedes="cap") for action in ("undo", "redo")]
    for annotation in (NOTE, lost, mistake, withdrawal, theirs, hat, amendment, *there_and_back):
        store.model(annotation.model).annotate(annotation)
    before, history = content(database, "random:b"), store.model("random:a").annotations()
    stay = {NOTE.unit: "wound", hat.unit: "cap"}
    for extraction, labels in ((narrower, stay), (first, stay | {lost.unit: "lost"})):
        assert load(extraction, into, progress=False).edges == extraction.table("edges").num_rows
        assert whole(extraction, database)
        assert store.model("random:a").annotations() == history
        assert {str(card.id): card.labels for card in store.model("random:a").labelled()} == {
            u: (t,) for u, t in labels.items()
        }
        texts = database.write("MATCH (l:Label) RETURN l.text AS text ORDER BY text")
        assert [row["text"] for row in texts] == sorted(labels.values())
    assert content(database, "random:b") == before
    assert [str(card.id) for card in store.model("random:b").labelled()] == [theirs.unit]


def test_other_weights_under_the_name_of_a_loaded_model_are_refused_and_get_none_of_its_labels(
    database: Database, first: Extraction, tmp_path: Path
) -> None:
    load(first, database, progress=False)
    store = Store(database)
    store.model("random:a").annotate(NOTE)
    before = content(database, "random:a")
    stranger = of_other_weights(first, tmp_path)
    with pytest.raises(WeightsDiffer, match=r"holds random:a with other weights \(.*999999999999") as refusal:
        load(stranger, database, progress=False)
    assert content(database, "random:a") == before
    assert store.models()[0].weights_sha256 == first.manifest.weights_sha256
    assert "first remove random:a with its labels: `circuits remove --with-labels`." in str(refusal.value)
    remove(database, "random:a", with_labels=True, progress=False)
    load(stranger, database, progress=False)
    assert store.model("random:a").labelled() == []


def test_of_two_first_loads_of_one_name_with_other_weights_the_second_is_refused(
    database: Database, first: Extraction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger, write = of_other_weights(first, tmp_path), database.write

    def write_after_another_load(text: str, **parameters: Any) -> Any:
        if text == CLAIM:
            monkeypatch.undo()
            load(first, database, progress=False)
        return write(text, **parameters)

    monkeypatch.setattr(database, "write", write_after_another_load)
    with pytest.raises(WeightsDiffer, match="holds random:a with other weights"):
        load(stranger, database, progress=False)
    assert whole(first, database)
    assert Store(database).models()[0].weights_sha256 == first.manifest.weights_sha256


def test_of_two_first_loads_into_a_folder_with_other_weights_the_second_is_refused(
    folder: Path, other: Extraction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = of_other_weights(other, tmp_path)

    def load_after_another(place: Path, steps: Iterable[Step]) -> None:
        monkeypatch.undo()
        load(other, place, progress=False)
        bulk_load(place, steps)

    monkeypatch.setattr("graph.loading.load.bulk_load", load_after_another)
    with pytest.raises(WeightsDiffer, match="holds random:b with other weights"):
        load(stranger, folder, progress=False)
    with connect(folder) as database:
        assert whole(other, database)
        assert Store(database).models()[0].weights_sha256 == other.manifest.weights_sha256


@pytest.fixture
def ill_fitting(tmp_path: Path, first: Extraction) -> Extraction:
    """Edges of a unit that is in no table of units."""
    bad = Extraction.create(tmp_path / "bad.extraction", first.manifest.model_copy(update={"files": {}}))
    bad.add({"units.parquet": first.table("units").slice(1)})
    names = [part("edges", target) for target in first.manifest.settings.targets]
    bad.add({name: first.part(name) for name in names})
    return bad


def test_a_load_that_fails_leaves_the_database_as_it_was(holding: Path, ill_fitting: Extraction) -> None:
    with connect(holding) as database:
        before = content(database, "random:a")
        with pytest.raises(LoadFailed):
            load(ill_fitting, holding, progress=False)
        assert content(database, "random:a") == before
        Store(database).verify("random:a")


def test_a_load_into_a_new_folder_that_fails_leaves_nothing(folder: Path, ill_fitting: Extraction) -> None:
    with pytest.raises(LoadFailed, match="changed nothing"):
        load(ill_fitting, folder, progress=False)
    assert not folder.exists()


def test_of_the_new_folders_above_it_a_load_that_fails_leaves_those_that_hold_something(
    folder: Path, ill_fitting: Extraction
) -> None:
    (folder / "mine").mkdir(parents=True)
    with pytest.raises(LoadFailed, match="changed nothing"):
        load(ill_fitting, folder / "new" / "below" / "database", progress=False)
    assert list(folder.rglob("*")) == [folder / "mine"]


def test_a_load_over_bolt_that_fails_is_refused_until_it_is_done_again(
    database: Database, first: Extraction, ill_fitting: Extraction
) -> None:
    load(first, database, progress=False)
    Store(database).model(NOTE.model).annotate(NOTE)
    with pytest.raises(LoadFailed, match="was not loaded completely"):
        load(ill_fitting, database, progress=False)
    with pytest.raises(DatabaseDamaged, match="was not loaded completely"):
        Store(database).model("random:a")
    assert Store(database).models() == []
    load(first, database, progress=False)
    assert whole(first, database)
    assert Store(database).model("random:a").unit(Unit.parse(NOTE.unit)).labels == ("wound",)


def test_an_unfinished_extraction_is_refused(tmp_path: Path, folder: Path, first: Extraction) -> None:
    unfinished = Extraction.create(tmp_path / "half.extraction", first.manifest.model_copy(update={"files": {}}))
    unfinished.add({"units.parquet": first.table("units"), part("edges", "2/1/6"): first.table("edges")})
    with pytest.raises(ExtractionError, match=r"17 of 18 target layers .* `circuits extract`"):
        load(unfinished, folder, progress=False)
    assert not folder.exists()


def test_an_extraction_of_nothing_but_units_loads(tmp_path: Path, database: Database, first: Extraction) -> None:
    settings = first.manifest.settings.model_copy(update={"targets": ()})
    manifest = first.manifest.model_copy(update={"files": {}, "settings": settings})
    bare = Extraction.create(tmp_path / "bare.extraction", manifest)
    bare.add({"units.parquet": first.table("units")})
    card = load(bare, database, progress=False)
    assert (card.units, card.edges, card.images) == (288, 0, 0)


def test_an_empty_database_says_how_to_fill_it(database: Database) -> None:
    with pytest.raises(ModelMissing, match="circuits load"):
        Store(database).model(None)


def test_annotations_that_vanish_are_noticed(database: Database, first: Extraction) -> None:
    load(first, database, progress=False)
    Store(database).model(NOTE.model).annotate(NOTE)
    database.write("MATCH (a:Annotation) DETACH DELETE a")
    with pytest.raises(DatabaseDamaged, match="import the labels"):
        Store(database).model("random:a")
    load(first, database, progress=False)
    assert Store(database).model("random:a").card.labelled == 0


@pytest.fixture(scope="module")
def sound(random_extraction: Write, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database large enough that each of its files has several pages; its server is stopped."""
    extraction = random_extraction(tmp_path_factory.mktemp("sound") / "a.extraction", "random:a", 1, width=8)
    return loaded(extraction, tmp_path_factory)


@pytest.mark.parametrize("name", ["CONTRIBUTES_0", "Unit_0", "Unit_0_out_edges", "Unit_0_in_edges"])
def test_a_database_cut_short_is_noticed_when_it_is_opened(name: str, sound: Path, folder: Path) -> None:
    shutil.copytree(sound, folder)
    (file,) = (folder / "databases" / "circuits").glob(f"{name}.*.bucket")
    os.truncate(file, int(file.stat().st_size * 0.6))
    with connect(folder) as database:
        store = Store(database)
        for _ in range(2):
            with pytest.raises(DatabaseDamaged, match=r"lost data of random:a.*Load the extract"):
                store.model(None)


def test_what_a_file_lacks_is_told_again_after_another_stop(sound: Path, folder: Path) -> None:
    shutil.copytree(sound, folder)
    (file,) = (folder / "databases" / "circuits").glob("Unit_0.*.bucket")
    os.truncate(file, int(file.stat().st_size * 0.6))
    with connect(folder) as database:
        store = Store(database)
        stop(folder)  # which must not take the length for that of a whole file
        with pytest.raises(DatabaseDamaged, match=r"the file circuits/Unit_0.* bytes, and had "):
            store.model("random:a")


def test_where_files_were_cut_short_a_load_mends_its_model_and_others_stay_refused(
    sound: Path, folder: Path, first: Extraction, other: Extraction, random_extraction: Write, tmp_path: Path
) -> None:
    shutil.copytree(sound, folder)
    with connect(folder) as database:
        load(other, database, progress=False)
    stop(folder)
    (file,) = (folder / "databases" / "circuits").glob("CONTRIBUTES_0.*.bucket")
    os.truncate(file, int(file.stat().st_size * 0.3))
    load(random_extraction(tmp_path / "again.extraction", "random:b", 4, width=8), folder, progress=False)
    with connect(folder) as database:
        store = Store(database)
        store.verify("random:b")
        with pytest.raises(DatabaseDamaged, match="An earlier check found that the database lost data of random:a"):
            store.model("random:a")
    load(first, folder, progress=False)
    with connect(folder) as database:
        for model in ("random:a", "random:b"):
            Store(database).model(model)


def test_a_database_without_some_units_is_refused_while_it_lacks_them(sound: Path, folder: Path) -> None:
    shutil.copytree(sound, folder)
    with connect(folder) as database:
        database.write("MATCH (m:Model) SET m.units = m.units + 1")
        database.write("MATCH (u:Unit) WITH u LIMIT 1 DETACH DELETE u")
        store = Store(database)
        for _ in range(2):
            with pytest.raises(DatabaseDamaged, match="units: 575 instead of 577"):
                store.model("random:a")
        database.write("MATCH (m:Model) SET m.units = m.units - 2")
        store.model("random:a")


@pytest.fixture(scope="module")
def whole_folder(sound: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of it, which stays whole."""
    folder = tmp_path_factory.mktemp("whole") / "database"
    shutil.copytree(sound, folder)
    yield folder
    stop(folder)


def test_a_killed_server_leaves_no_false_alarm(whole_folder: Path) -> None:
    with connect(whole_folder) as database:
        Store(database).model("random:a").annotate(NOTE)
        endpoint = status(whole_folder)
        assert endpoint
        os.kill(endpoint.pid, signal.SIGKILL)
        while status(whole_folder):
            time.sleep(0.02)
        Store(database).count("random:a")
        Store(database).verify("random:a")


@pytest.mark.parametrize("text", [TALLY, VERIFY, *TOTALS.values()])
def test_a_count_that_a_write_disturbed_is_no_damage(
    whole_folder: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    counts = "units", "edges", "adds", "examples", "depictions"
    shift = "MATCH (m:Model) SET " + ", ".join(f"m.{name} = m.{name} + $by" for name in counts)
    with connect(whole_folder) as database:
        store, read, disturbed = Store(database), database.read, list[str]()

        def disturb(asked: str, **parameters: object) -> list[dict[str, object]]:
            """Twice a count sees one too few, as it does while a unit moves; the second time, a label was written."""
            if asked != text or len(disturbed) == 2:
                return read(asked, **parameters)
            database.write(shift, by=1)
            rows = read(asked, **parameters)
            database.write(shift, by=-1)
            store_of_labels.annotate(replace(NOTE, id=str(uuid.uuid4())))
            disturbed.append(asked)
            return rows

        store_of_labels = store.model("random:a")
        monkeypatch.setattr(database, "read", disturb)
        (store.verify if text in (TALLY, VERIFY) else store.count)("random:a")
        assert len(disturbed) == 2
