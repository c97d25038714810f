"""Servers and clients killed in the middle: nothing acknowledged is lost, nothing half-written is taken for whole."""

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from extract.folder.extraction import Extraction
from extract.units import Unit
from graph.cypher.loading import COMPLETE, NODES, REMOVE
from graph.errors import DatabaseBusy, DatabaseDamaged
from graph.loading.extraction_steps import steps
from graph.loading.load import load
from graph.model_store import ModelStore
from graph.steps import Nodes, Step
from graph.store import Store
from tests.builders.bolt_loads import LOAD, rows_there, whole
from tests.builders.killable_server import PATIENCE, KillableServer

MODEL = "random:a"
UNIT = Unit.parse("2/1/6/3")
ANNOTATE = """
import sys
from datetime import datetime, UTC
from itertools import count
from graph.opening import connect
from graph.records import Annotation
from graph.store import Store
with connect(sys.argv[1], timeout=2.0) as database:
    store = Store(database).model("random:a")
    for number in count():
        at = datetime.fromtimestamp(number, UTC)
        store.annotate(Annotation(f"note {number}", "random:a", "2/1/6/3", f"text {number % 7}", "ada", at))
        print(number, flush=True)
"""


@pytest.fixture(scope="module")
def extraction(random_extraction: Callable[..., Extraction], tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    return random_extraction(tmp_path_factory.mktemp("whole") / "a.extraction", MODEL, 1)


@pytest.fixture(scope="module")
def other(random_extraction: Callable[..., Extraction], tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    """The same model with fewer units and other weights."""
    return random_extraction(tmp_path_factory.mktemp("other") / "a.extraction", MODEL, 2, width=2)


def half_loaded(service: KillableServer, extraction: Extraction, end: Callable[["subprocess.Popen[str]"], None]) -> int:
    """Begin to load in another process, `end` it in the middle of the edges, and tell how far it came."""
    units = extraction.table("units").num_rows
    with service.client(LOAD, str(extraction.path)) as client, service.connect() as database:
        while rows_there(database) < units + 2000:
            assert client.poll() is None, client.communicate()[1]
            time.sleep(0.01)
        end(client)
        client.wait(PATIENCE)
    with service.connect() as database:
        return rows_there(database)


def test_a_load_whose_client_is_killed_is_refused_and_goes_on_where_it_stopped(
    service: KillableServer, extraction: Extraction
) -> None:
    came = half_loaded(service, extraction, lambda client: client.kill())
    with service.connect() as database:
        assert Store(database).models() == []
        with pytest.raises(DatabaseDamaged, match="resumes where it stopped"):
            Store(database).model(MODEL)
        database.write("MATCH (u:Unit {key: $key}) SET u.met = true", key=f"{MODEL}/{UNIT}")
        load(extraction, database, progress=False)
        assert rows_there(database) > came
        assert whole(extraction, database)
        assert database.read("MATCH (u:Unit {met: true}) RETURN u.id AS id") == [{"id": str(UNIT)}]  # not loaded anew


def test_other_content_replaces_a_half_loaded_model_without_a_mixture(
    service: KillableServer, extraction: Extraction, other: Extraction
) -> None:
    half_loaded(service, extraction, lambda client: client.kill())
    with service.connect() as database:
        load(other, database, progress=False)
        assert whole(other, database)
        units = database.read("MATCH (u:Unit) RETURN count(u) AS n")
        assert units == [{"n": other.table("units").num_rows}]


def test_of_two_that_load_one_model_the_second_goes_on_alone(
    service: KillableServer, extraction: Extraction, other: Extraction
) -> None:
    halfway, over = threading.Event(), threading.Event()

    def pausing(of: Extraction) -> Iterator[Step]:
        for step in steps(of):
            if isinstance(step, Nodes) and step.label == "Image":
                halfway.set()
                assert over.wait(PATIENCE)
            yield step

    with service.connect() as database, ThreadPoolExecutor() as pool:
        first = pool.submit(load, extraction, database, progress=False, make_steps=pausing)
        assert halfway.wait(PATIENCE)
        load(other, database, progress=False)
        over.set()
        with pytest.raises(DatabaseBusy, match="Somebody else began to load or remove"):
            first.result(PATIENCE)
        assert whole(other, database)
        assert Store(database).model(MODEL).card.units == other.table("units").num_rows


def test_what_was_not_claimed_is_not_written(service: KillableServer, other: Extraction) -> None:
    with service.connect() as database:
        load(other, database, progress=False)
        owner = {"model": MODEL, "loader": "nobody"}
        rows = [{"key": f"{MODEL}/9/9/9", "id": "9/9/9"}]
        assert database.write(NODES["Layer"], **owner, loaded=1, rows=rows) == [{"done": 0}]
        assert database.write(REMOVE["units"], **owner, limit=9) == [{"done": 0}]
        assert database.write(COMPLETE, **owner) == []
        assert whole(other, database)


def test_a_load_whose_server_is_killed_goes_on_or_ends_with_an_error_and_can_go_on(
    service: KillableServer, extraction: Extraction
) -> None:
    said = []

    def end(client: "subprocess.Popen[str]") -> None:
        service.kill()
        said.append(client.communicate(timeout=PATIENCE)[1])
        service.revive()

    half_loaded(service, extraction, end)
    went_on = service.restarts and said[0] == ""  # else nobody knew whether a commit had been carried out
    assert went_on or any(name in said[0] for name in ("ServerUnavailable", "DatabaseDamaged", "LoadFailed"))
    with service.connect() as database:
        if went_on:
            assert whole(extraction, database)
        else:
            with pytest.raises(DatabaseDamaged):
                Store(database).model(MODEL)
        load(extraction, database, progress=False)
        assert whole(extraction, database)


@pytest.mark.parametrize("victim", ["client", "server"])
def test_no_acknowledged_annotation_is_lost_and_none_is_half_there(
    service: KillableServer, other: Extraction, victim: str
) -> None:
    with service.connect() as database:
        load(other, database, progress=False)
    with service.client(ANNOTATE) as client:
        assert client.stdout
        acknowledged = [int(next(client.stdout)) for _ in range(12)]
        (client.kill if victim == "client" else service.kill)()
        if victim == "server" and service.restarts:
            acknowledged += [int(next(client.stdout)) for _ in range(12)]
            client.kill()
        acknowledged += map(int, client.communicate(timeout=PATIENCE)[0].split())
    if victim == "server":
        service.revive()
    with service.connect() as database:
        check_annotations(Store(database).model(MODEL), acknowledged)


def check_annotations(store: ModelStore, acknowledged: list[int]) -> None:
    history = [int(a.id.removeprefix("note ")) for a in store.annotations()]
    assert history[: len(acknowledged)] == acknowledged
    assert len(history) <= len(acknowledged) + 1  # committed, and killed before it was told
    assert Store(store.database).model(MODEL).card.labelled == 1
    texts = {f"text {number % 7}" for number in history}
    assert set(store.unit(UNIT).labels) == texts
    linked = store.database.read(
        "MATCH (u:Unit {key: $key}) RETURN COUNT { (u)-[:LABELLED]->() } AS labels, "
        "COUNT { (u)-[:HAS_ANNOTATION]->() } AS notes, [x IN labels(u) WHERE x = 'Labelled'] AS marks",
        key=f"{MODEL}/{UNIT}",
    )
    assert linked == [{"labels": len(history), "notes": len(history), "marks": ["Labelled"]}]
