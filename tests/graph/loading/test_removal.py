"""A model is removed whole or not at all, and what people said of it is back when it is loaded again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from extract.folder.extraction import Extraction
from graph.connection.database import Database
from graph.embedded.directory import DatabaseDirectory
from graph.embedded.server import stop
from graph.errors import DatabaseBusy, DatabaseDamaged, ModelMissing, WeightsDiffer
from graph.loading.load import load
from graph.loading.removal import Removal, plan_removal, remove
from graph.opening import connect
from graph.records import Annotation
from graph.store import Store
from tests.builders.neo4j_server import Neo4j
from tests.builders.random_extraction import of_other_weights
from tests.builders.removals import MODEL, NOON, REMOVE_IN_FOLDER, UNIT, check_said, kill_removal, speak

OTHER = "random:b"
LEFT = "MATCH (n) WHERE n.model = $model OR n.id = $model RETURN labels(n)[0] AS kind, count(*) AS n ORDER BY kind"


@pytest.fixture(scope="module")
def extraction(random_extraction: Callable[..., Extraction], tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    return random_extraction(tmp_path_factory.mktemp("removed") / "a.extraction", MODEL, 1, width=2)


@pytest.fixture(scope="module")
def other(random_extraction: Callable[..., Extraction], tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    return random_extraction(tmp_path_factory.mktemp("other") / "b.extraction", OTHER, 2, width=2)


@pytest.fixture(params=["neo4j", "bolt", "folder"])
def place(request: pytest.FixtureRequest) -> Iterator[Database | Path]:
    """What loads and removals write to: Neo4j, the embedded server over Bolt, and its folder."""
    server: Path | Neo4j = request.getfixturevalue("neo4j" if request.param == "neo4j" else "embedded")
    with connect(server) if isinstance(server, Path) else server.emptied() as database:
        database.write("MATCH (n) DETACH DELETE n")
        yield server if request.param == "folder" and isinstance(server, Path) else database
        database.write("MATCH (n) DETACH DELETE n")


def reading(place: Database | Path) -> AbstractContextManager[Database]:
    return nullcontext(place) if isinstance(place, Database) else connect(place)


def test_a_removed_model_is_gone_the_others_are_whole_and_what_people_said_is_back_when_it_is_loaded_again(
    place: Database | Path, extraction: Extraction, other: Extraction
) -> None:
    with reading(place) as database:
        for folder in (extraction, other):
            load(folder, database, progress=False)
        speak(database)
    units, edges = (extraction.table(name).num_rows for name in ("units", "edges"))
    removal = remove(place, MODEL, progress=False)
    with reading(place) as database:
        assert removal == Removal(MODEL, False, True, True, False, units, edges, removal.images, 12, 2, 1, 1, 1)
        assert f"{units:,} units, {edges:,} edges" in removal.sentence
        assert "2 annotations, 1 flag, 1 saved circuit and 1 replaced or removed circuit stay" in removal.sentence
        assert [card.id for card in Store(database).models()] == [OTHER]
        Store(database).verify(OTHER)
        left = [(row["kind"], row["n"]) for row in database.read(LEFT, model=MODEL)]
        assert left == [("Annotation", 2), ("Circuit", 1), ("EarlierCircuit", 1), ("Flag", 1)]
        assert database.read("MATCH (l:Label) RETURN l.text AS text") == []
        with pytest.raises(ModelMissing, match=f"holds no model '{MODEL}'; it holds {OTHER}"):
            Store(database).model(MODEL)
        load(extraction, database, progress=False)
        check_said(database)


def test_what_people_said_of_a_removed_model_never_passes_to_other_weights(
    place: Database | Path, extraction: Extraction, tmp_path: Path
) -> None:
    stranger = of_other_weights(extraction, tmp_path)
    with reading(place) as database:
        load(extraction, database, progress=False)
        speak(database)
    remove(place, MODEL, progress=False)
    for kind in ("Annotation", "Flag", "Circuit", "EarlierCircuit"):  # any of them is enough
        with pytest.raises(WeightsDiffer, match=f"labels, flags and saved circuits of a removed {MODEL}") as refusal:
            load(stranger, place, progress=False)
        assert f"first remove {MODEL} with its labels: `circuits remove --with-labels`" in str(refusal.value)
        with reading(place) as database:
            assert Store(database).models() == []
            if kind != "EarlierCircuit":
                assert kind in {row["kind"] for row in database.read(LEFT, model=MODEL)}
                database.write(f"MATCH (n:{kind}) DETACH DELETE n")
    remove(place, MODEL, with_labels=True, progress=False)
    load(stranger, place, progress=False)
    with reading(place) as database:
        assert [card.weights_sha256 for card in Store(database).models()] == ["9" * 64]


@pytest.mark.parametrize("place", ["neo4j", "bolt"], indirect=True)
def test_with_labels_nothing_is_left_also_of_a_model_that_was_removed_before(
    place: Database, extraction: Extraction
) -> None:
    for removed_before in (False, True):
        load(extraction, place, progress=False)
        speak(place)
        if removed_before:
            remove(place, MODEL, progress=False)
            with pytest.raises(ModelMissing, match="is already removed"):
                plan_removal(place, MODEL)
        assert (
            "with all that people entered about it" in remove(place, MODEL, with_labels=True, progress=False).sentence
        )
        assert place.read("MATCH (n) RETURN labels(n)[0] AS kind") == [{"kind": "Schema"}]
        with pytest.raises(ModelMissing, match="holds no model yet"):
            Store(place).model()


@pytest.mark.parametrize("place", ["neo4j", "bolt"], indirect=True)
@pytest.mark.parametrize("name", ["random:c", ""])
def test_a_model_that_is_not_there_is_refused_with_the_names_that_are(
    place: Database, extraction: Extraction, name: str
) -> None:
    load(extraction, place, progress=False)
    with pytest.raises(ModelMissing, match=f"holds no model '{name}'; it holds {MODEL}"):
        remove(place, name, progress=False)
    Store(place).verify(MODEL)


@pytest.mark.parametrize("place", ["neo4j", "bolt"], indirect=True)
def test_a_page_that_is_open_on_a_removed_model_hears_that_it_is_gone(place: Database, extraction: Extraction) -> None:
    load(extraction, place, progress=False)
    store = Store(place).model(MODEL)
    remove(place, MODEL, progress=False)
    for act in (
        lambda: store.unit(UNIT),
        lambda: store.annotate(Annotation("a", MODEL, str(UNIT), "hat", "ada", NOON)),
    ):
        with pytest.raises(ModelMissing, match=f"no longer holds the model '{MODEL}'"):
            act()


@pytest.mark.parametrize("place", ["neo4j", "bolt"], indirect=True)
def test_a_load_that_begins_meanwhile_goes_on_alone(place: Database, extraction: Extraction, other: Extraction) -> None:
    load(extraction, place, progress=False)
    speak(place)

    class Slow(Database):
        """A connection on which, after the first write, somebody else loads the model."""

        def write(self, text: str, **parameters: object) -> list[dict[str, object]]:
            rows = place.write(text, **parameters)
            if "m.removing = true" in text:
                load(extraction, place, progress=False)
            return rows

        def read(self, text: str, **parameters: object) -> list[dict[str, object]]:
            return place.read(text, **parameters)

    slow = Slow.__new__(Slow)
    with pytest.raises(DatabaseBusy, match="began to load or remove"):
        remove(slow, MODEL, progress=False)
    check_said(place)


@pytest.mark.parametrize("server", ["neo4j", "embedded"])
@pytest.mark.parametrize("with_labels", [False, True])
def test_a_removal_whose_client_is_killed_left_the_model_whole_or_gone(
    server: str, with_labels: bool, extraction: Extraction, request: pytest.FixtureRequest
) -> None:
    where: Path | Neo4j = request.getfixturevalue(server)
    login = {} if isinstance(where, Path) else {"CIRCUITS_USER": where.user, "CIRCUITS_PASSWORD": where.password}
    url = str(where) if isinstance(where, Path) else where.url
    with connect(where) if isinstance(where, Path) else where.emptied() as database:
        database.write("MATCH (n) DETACH DELETE n")
        load(extraction, database, progress=False)
        speak(database)
        assert kill_removal(url, login, 0, with_labels)
        check_said(database)
        for writes in (1, 2, 4):
            assert kill_removal(url, login, writes, with_labels)
            assert Store(database).models() == []
            with pytest.raises(ModelMissing, match="holds no model yet"):
                Store(database).model()
        assert plan_removal(database, MODEL).removing
        load(extraction, database, progress=False)
        if with_labels:
            assert Store(database).model(MODEL).annotations() == []
        else:
            check_said(database)
        assert kill_removal(url, login, 3)
        remove(database, MODEL, with_labels=True, progress=False)
        assert database.read("MATCH (n) RETURN labels(n)[0] AS kind") == [{"kind": "Schema"}]


def test_a_folder_that_another_process_loads_is_left_to_it(tmp_path: Path) -> None:
    folder = DatabaseDirectory(tmp_path / "database")
    folder.prepare()
    lock = folder.lock("load")
    assert lock is not None
    with pytest.raises(DatabaseBusy, match="is being loaded by process"):
        remove(folder.path, MODEL)
    os.close(lock)


PAGE = 2**16  # bytes, of ArcadeDB's files


def test_a_folder_is_whole_after_a_kill_and_a_removal_does_not_hide_what_another_model_lost(
    tmp_path: Path, extraction: Extraction, other: Extraction
) -> None:
    folder = tmp_path / "database"
    with connect(folder) as database:
        for one in (extraction, other):
            load(one, database, progress=False)
        speak(database)
    with subprocess.Popen([sys.executable, "-c", REMOVE_IN_FOLDER, str(folder), MODEL]) as client:
        while not (folder / "loading").exists():  # the copy that is to take the place of the files
            assert client.poll() is None
            time.sleep(0.01)
        children = Path(f"/proc/{client.pid}/task/{client.pid}/children").read_text().split()
        for process in (*map(int, children), client.pid):
            os.kill(process, signal.SIGKILL)
    while DatabaseDirectory(folder).is_locked():
        time.sleep(0.01)
    with connect(folder) as database:
        check_said(database)
    stop(folder)
    assert not (folder / "loading").exists()
    units = next((folder / "databases" / "circuits").glob("Unit_0.*.bucket"))
    os.truncate(units, units.stat().st_size - PAGE)  # where the other model's units lie, which was loaded last
    remove(folder, MODEL, progress=False)
    with connect(folder) as database, pytest.raises(DatabaseDamaged, match=f"the database lost data of {OTHER}"):
        Store(database).model(OTHER)
    stop(folder)
