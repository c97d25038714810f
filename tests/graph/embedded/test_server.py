"""The embedded server as processes see it: shared, started once, killed, idle, stopped, loaded with it down."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from graph.embedded.directory import DatabaseDirectory
from graph.embedded.pipe import json_rows
from graph.embedded.server import bulk_load, ensure, status, stop
from graph.endpoint import Endpoint
from graph.errors import DatabaseBusy, DatabaseDamaged, LoadFailed, ServerUnavailable
from graph.opening import connect
from graph.steps import Nodes, Relationships, Statement

WAIT = 120.0
ENSURE = (
    "import sys, pathlib; from graph.embedded.server import ensure; print(ensure(pathlib.Path(sys.argv[1]), 384).pid)"
)
HALF_A_LOAD = """
import pathlib, sys, pyarrow as pa
from graph.embedded.server import bulk_load
from graph.steps import Nodes
def steps():
    yield Nodes("Half", "key", pa.table({"key": ["a"]}))
    print("sent", flush=True)
    sys.stdin.read()
bulk_load(pathlib.Path(sys.argv[1]), steps())
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder whose server these tests start, kill and stop as they like."""
    folder = tmp_path_factory.mktemp("house") / "database"
    yield folder
    stop(folder)


def starter(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", ENSURE, str(folder)], stdout=subprocess.PIPE, text=True)


def answers(*processes: subprocess.Popen[str]) -> list[str]:
    return [process.communicate(timeout=WAIT)[0].strip() for process in processes]


def await_(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def ask(folder: Path, text: str) -> Any:
    with connect(folder) as database:
        return [list(row.values()) for row in database.write(text)]


def test_processes_share_one_server(embedded: Path) -> None:
    assert answers(starter(embedded)) == [str(ensure(embedded).pid)]


def test_two_starters_at_once_get_the_same_server(house: Path) -> None:
    first, second = answers(starter(house), starter(house))
    endpoint = status(house)
    assert endpoint
    assert first == second == str(endpoint.pid)


def test_a_killed_server_is_replaced_and_what_was_committed_is_there(house: Path) -> None:
    ensure(house, heap=384)
    with connect(house) as database:
        for number in range(20):
            database.write("CREATE (:Kept {number: $number})", number=number)
        before = ensure(house)
        os.kill(before.pid, signal.SIGKILL)
        await_(lambda: not alive(before.pid))
        assert status(house) is None
        assert database.write("MATCH (k:Kept) RETURN count(k) AS n, sum(k.number) AS sum") == [{"n": 20, "sum": 190}]
    after = ensure(house)
    assert (after.pid, after.password) != (before.pid, before.password)


def test_nothing_is_left_after_a_stop(house: Path) -> None:
    endpoint = ensure(house, heap=384)
    host, port = endpoint.uri.removeprefix("bolt://").split(":")
    with connect(house) as database:  # even with a client connected
        database.write("RETURN 1 AS x")
        assert stop(house)
    await_(lambda: not alive(endpoint.pid))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port))).close()
    assert not (house / "endpoint.json").exists()
    assert not stop(house)


def test_a_server_stops_when_nobody_is_connected_but_not_before(tmp_path: Path) -> None:
    endpoint = ensure(tmp_path, heap=384, idle=4.0)  # seconds, in which a busy machine connects
    with connect(tmp_path) as database:
        time.sleep(5)
        assert status(tmp_path) == endpoint
        assert database.write("RETURN 1 AS x") == [{"x": 1}]
    await_(lambda: status(tmp_path) is None)
    await_(lambda: not alive(endpoint.pid))


def test_passwords_are_this_users_alone_and_nowhere_else(embedded: Path) -> None:
    endpoint = ensure(embedded)
    assert stat.S_IMODE((embedded / "endpoint.json").stat().st_mode) == 0o600
    for password in (endpoint.password, endpoint.reader_password):
        assert len(password) >= 24
        assert password not in repr(endpoint)
        assert password not in (embedded / "server.log").read_text()
        if (command := Path(f"/proc/{endpoint.pid}/cmdline")).exists():
            assert password.encode() not in command.read_bytes()


@pytest.mark.parametrize("rights", [0o755, None])
def test_a_database_is_for_its_owner_alone(tmp_path: Path, rights: int | None) -> None:
    folder = tmp_path / "database"
    if rights:
        folder.mkdir()
        folder.chmod(rights)  # as an earlier version made it
    ensure(folder, heap=384)
    try:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        of_the_server = [*(folder / "databases").rglob("*"), *(folder / "config").rglob("*")]
        assert len(of_the_server) > 5
        assert [file for file in of_the_server if file.stat().st_mode & 0o077] == []
    finally:
        stop(folder)


def test_a_database_of_an_earlier_version_opens_and_its_lengths_are_recorded(loaded: Path) -> None:
    stop(loaded)
    lengths = loaded / "databases" / "lengths.json"
    before = lengths.read_bytes()
    lengths.unlink()
    assert ensure(loaded).shortened == []
    stop(loaded)
    assert lengths.read_bytes() == before


def test_a_folder_knows_which_load_wrote_its_databases(tmp_path: Path) -> None:
    folder = DatabaseDirectory(tmp_path)
    with folder.working_copy("one"):
        assert not folder.holds("one")
    assert folder.holds("one")
    with pytest.raises(KeyError), folder.working_copy("two"):
        raise KeyError
    assert folder.holds("one")
    assert not folder.holds("two")


def test_a_server_that_was_ended_while_it_starts_is_no_damage(tmp_path: Path) -> None:
    with pytest.raises(ServerUnavailable, match=r"did not start: .*JVM.*CIRCUITS_HEAP"):
        ensure(tmp_path, heap=10**15)


def test_a_folder_whose_name_is_not_ascii_opens_where_the_locale_is_c(tmp_path: Path) -> None:
    folder = tmp_path / "höhle"
    code = (
        f"from graph.embedded.server import ensure; print(ensure(__import__('pathlib').Path({str(folder)!r}), 384).pid)"
    )
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHONUTF8"))
    }
    process = subprocess.run(
        [sys.executable, "-c", code], env=environment | {"LC_ALL": "C"}, capture_output=True, text=True
    )
    assert process.stderr == ""
    assert [name.name for name in tmp_path.iterdir()] == ["höhle"]
    assert stop(folder)


def test_the_server_listens_on_loopback_only(embedded: Path) -> None:
    assert ensure(embedded).uri.startswith("bolt://127.0.0.1:")
    log = (embedded / "server.log").read_text()
    assert "0.0.0.0" not in log  # noqa: S104
    assert "host=127.0.0.1" in log


def test_an_endpoint_whose_process_id_was_reused_is_stale(tmp_path: Path) -> None:
    folder = DatabaseDirectory(tmp_path)
    folder.prepare()
    folder.publish(Endpoint("bolt://127.0.0.1:1", "root", "x", "reader", "y", "circuits", os.getpid(), "0"))
    assert status(tmp_path) is None
    lock = folder.lock("serve")
    assert lock is not None
    assert status(tmp_path) is not None
    os.close(lock)


def test_a_server_that_breaks_connections_while_it_ends_is_replaced(tmp_path: Path) -> None:
    folder = DatabaseDirectory(tmp_path)
    folder.prepare()
    with socket.create_server(("127.0.0.1", 0)) as ending:
        port = ending.getsockname()[1]
        folder.publish(Endpoint(f"bolt://127.0.0.1:{port}", "root", "x", "reader", "y", "circuits", os.getpid(), "0"))
        lock = folder.lock("serve")
        assert lock is not None

        def end() -> None:
            ending.accept()[0].close()  # in the middle of the handshake
            time.sleep(0.3)  # until the kernel has closed all its files
            os.close(lock)

        with ThreadPoolExecutor() as others:
            over = others.submit(end)
            assert ask(tmp_path, "RETURN 1 AS x") == [[1]]
            over.result()
    stop(tmp_path)


@pytest.mark.parametrize("other", ["letter.txt", "version"])
def test_a_folder_of_another_or_of_another_version_is_refused_and_left_alone(tmp_path: Path, other: str) -> None:
    (tmp_path / other).write_text("99")
    with pytest.raises(
        DatabaseDamaged, match="another version" if other == "version" else "no database of clip-circuits"
    ):
        ensure(tmp_path)
    with pytest.raises(DatabaseDamaged):
        bulk_load(tmp_path, [])
    assert [file.name for file in tmp_path.iterdir()] == [other]


def test_a_place_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ServerUnavailable, match="cannot be used"):
        ensure(tmp_path / "file")


def test_files_that_cannot_be_opened_are_a_clear_error(house: Path, tmp_path: Path) -> None:
    ensure(house, heap=384)
    stop(house)
    copy = tmp_path / "database"
    shutil.copytree(house, copy)
    for file in (copy / "databases" / "circuits").glob("*.dict"):
        file.unlink()
    (copy / "databases" / "circuits" / "schema.json").write_text("{")
    with pytest.raises(DatabaseDamaged, match=r"cannot open .*Dictionary file not found.*server\.log"):
        ensure(copy)
    assert not DatabaseDirectory(copy).is_locked()


UNITS = pa.table(
    {
        "key": ["a", "b", "c"], "real": [1.0, None, 2.5e-7], "whole": [1, 2, None], "flag": [True, None, False],
        "list": [["p", 'q"'], [], None], "text": ['é"\\\n', None, "z"],
    }
)  # fmt: skip
ENDS = ("Unit", "key")


def edges(source: list[str], target: list[str], **columns: Any) -> Relationships:
    return Relationships("CONTRIBUTES", ENDS, ENDS, pa.table({"source": source, "target": target, **columns}))


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A database of three units and two edges, loaded beside what a person wrote."""
    folder = tmp_path_factory.mktemp("loaded") / "database"
    ensure(folder, heap=384)
    ask(folder, "CREATE (:Annotation {text: 'kept'})")
    constraint = Statement("CREATE CONSTRAINT unit_key IF NOT EXISTS FOR (u:Unit) REQUIRE u.key IS UNIQUE")
    means = pa.array([0.1, 1.0], pa.float32())
    first = edges(["a", "b"], ["b", "c"], mean=means, direct=[True, False], span=pa.array([1, None], pa.int32()))
    bulk_load(folder, [Nodes("Unit", "key", UNITS), first, constraint])
    yield folder
    stop(folder)


def test_a_bulk_load_gives_every_value_exactly_and_keeps_the_rest(loaded: Path) -> None:
    rows = [{name: value for name, value in row.items() if value is not None} for row in UNITS.to_pylist()]
    with connect(loaded) as database:
        units = database.write("MATCH (u:Unit) RETURN properties(u) AS p ORDER BY u.key")
        mean = database.write("MATCH (:Unit {key: 'a'})-[e:CONTRIBUTES]->(:Unit {key: 'b'}) RETURN properties(e) AS p")
        whole = database.write("MATCH (:Unit {key: 'b'})-[e]->(:Unit {key: 'c'}) RETURN properties(e) AS p")
        assert database.write("MATCH (n:Annotation) RETURN n.text AS text") == [{"text": "kept"}]
    assert [row["p"] for row in units] == rows
    assert mean == [{"p": {"mean": float(pa.array([0.1], pa.float32())[0].as_py()), "direct": True, "span": 1}}]
    assert whole == [{"p": {"mean": 1.0, "direct": False}}]
    assert isinstance(whole[0]["p"]["mean"], float)


def test_a_second_load_merges_nodes_appends_edges_and_keeps_relationships(loaded: Path) -> None:
    ask(loaded, "MATCH (u:Unit {key: 'b'}), (n:Annotation) CREATE (u)-[:HAS_ANNOTATION]->(n)")
    again = pa.table({"key": ["b", "d"], "real": [7.0, 8.0], "whole": pa.array([None, 4], pa.int64())})
    removal = Statement("MATCH (:Unit {key: $key})-[e:CONTRIBUTES]->() DELETE e", {"key": "a"})
    bulk_load(loaded, [Nodes("Unit", "key", again), removal, edges(["d", "a"], ["b", "d"])])
    assert ask(loaded, "MATCH (u:Unit) RETURN u.key, u.real, u.whole ORDER BY u.key") == [
        ["a", 1.0, 1], ["b", 7.0, None], ["c", 2.5e-7, None], ["d", 8.0, 4],
    ]  # fmt: skip
    found = ask(loaded, "MATCH (s:Unit)-[:CONTRIBUTES]->(t:Unit) RETURN s.key + t.key AS e ORDER BY e")
    assert found == [["ad"], ["bc"], ["db"]]
    assert ask(loaded, "MATCH (:Unit {key: 'b'})-[:HAS_ANNOTATION]->(n) RETURN n.text") == [["kept"]]


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (edges(["a"], ["nowhere"]), "nowhere"),
        (Nodes("Unit", "key", pa.table({"key": ["x", "x"]})), "not unique"),
        (Statement("BOGUS"), "BOGUS"),
    ],
)
def test_a_load_that_fails_changes_nothing(loaded: Path, step: Any, words: str) -> None:
    stop(loaded)
    files = loaded / "databases" / "circuits"
    before = {file.name: file.read_bytes() for file in files.iterdir()}
    with pytest.raises(LoadFailed, match=words):
        bulk_load(loaded, [Nodes("New", "key", pa.table({"key": ["n"]})), step])
    assert {file.name: file.read_bytes() for file in files.iterdir()} == before
    assert not (loaded / "loading").exists()


@pytest.mark.parametrize("values", [[1.0, float("nan")], [b"bytes"], [{"a": 1}]])
def test_what_is_no_json_value_is_refused(values: list[Any]) -> None:
    with pytest.raises(LoadFailed, match="column real holds"):
        json_rows(pa.table({"real": values}))


def test_an_error_of_the_senders_own_comes_through_and_changes_nothing(loaded: Path) -> None:
    def steps() -> Iterator[Nodes]:
        yield Nodes("New", "key", pa.table({"key": ["n"]}))
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        bulk_load(loaded, steps())
    assert not DatabaseDirectory(loaded).is_locked()
    assert ask(loaded, "MATCH (n:New) RETURN count(n)") == [[0]]


def children() -> list[int]:
    """The processes that this one has started."""
    threads = Path("/proc/self/task").glob("*/children")
    return [int(child) for thread in threads for child in thread.read_text().split()]


def command_line(process: int) -> str:
    return Path(f"/proc/{process}/cmdline").read_text()


def test_an_error_of_the_senders_own_comes_through_where_the_loader_is_gone_before_it(loaded: Path) -> None:
    def steps() -> Iterator[Nodes]:
        yield Nodes("New", "key", pa.table({"key": ["n"]}))
        while not (loaders := [child for child in children() if str(loaded) in command_line(child)]):
            pass  # its command line is empty for a moment
        (loader,) = loaders
        os.kill(loader, signal.SIGKILL)
        os.waitid(os.P_PID, loader, os.WEXITED | os.WNOWAIT)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        bulk_load(loaded, steps())
    assert ask(loaded, "MATCH (n:New) RETURN count(n)") == [[0]]


def test_while_one_loads_others_are_told_and_a_killed_loader_changes_nothing(loaded: Path) -> None:
    command = [sys.executable, "-c", HALF_A_LOAD, str(loaded)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as sender:
        assert sender.stdout
        assert sender.stdout.readline() == b"sent\n"
        with pytest.raises(DatabaseBusy, match="is being loaded"):
            ensure(loaded)
        with pytest.raises(DatabaseBusy, match="is being loaded"):
            bulk_load(loaded, [])
        sender.kill()
    await_(lambda: not DatabaseDirectory(loaded).is_locked())
    assert ask(loaded, "MATCH (n:Half) RETURN count(n)") == [[0]]


def test_what_a_command_imports_of_the_server_loads_no_java_and_no_pyarrow() -> None:
    text = "import sys, graph.embedded.server; print(*({'pyarrow', 'jpype', 'arcadedb_embedded'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", text], capture_output=True, check=True, text=True).stdout == "\n"


def test_a_swap_that_broke_off_is_undone(tmp_path: Path) -> None:
    folder = DatabaseDirectory(tmp_path)
    for name in ("previous", "loading"):
        (tmp_path / name / name).mkdir(parents=True)
    folder.repair_swap()
    assert [path.name for path in tmp_path.rglob("*")] == ["databases", "previous"]


def test_the_heap_is_three_times_the_files_within_bounds(tmp_path: Path) -> None:
    file = tmp_path / "databases" / "circuits" / "pages"
    file.parent.mkdir(parents=True)
    with file.open("wb") as stream:
        stream.truncate(400 * 2**20)
    assert DatabaseDirectory(tmp_path).heap(512) == 1200
    assert DatabaseDirectory(tmp_path / "empty").heap(512) == 512
    with file.open("wb") as stream:
        stream.truncate(2**42)
    assert DatabaseDirectory(tmp_path).heap(512) * 2**20 < os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
