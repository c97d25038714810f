import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save

from extract.errors import LevelsError, UnreachablePath
from extract.files import LockedBy, at_home, is_absent, lock, make_folder, remove_empty, replace_file


def test_a_file_is_written_in_full_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    replace_file(tmp_path / "a.txt", b"old", LevelsError)
    replace_file(tmp_path / "a.txt", b"new", LevelsError)
    assert (tmp_path / "a.txt").read_bytes() == b"new"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_a_reader_keeps_the_old_file(tmp_path: Path) -> None:
    replace_file(tmp_path / "a.txt", b"old", LevelsError)
    with (tmp_path / "a.txt").open("rb") as reader:
        replace_file(tmp_path / "a.txt", b"new", LevelsError)
        assert reader.read() == b"old"


def test_folders_are_made_only_on_request(tmp_path: Path) -> None:
    with pytest.raises(LevelsError, match=r"a\.txt cannot be written: No such file or directory\. Choose another"):
        replace_file(tmp_path / "new" / "a.txt", b"", LevelsError)
    replace_file(tmp_path / "new" / "a.txt", b"here", LevelsError, parents=True)
    assert (tmp_path / "new" / "a.txt").read_bytes() == b"here"


def test_a_folder_in_the_way_is_an_error_with_the_advice(tmp_path: Path) -> None:
    with pytest.raises(LevelsError, match=r"cannot be written: Is a directory\. Take it away\."):
        replace_file(tmp_path, b"", LevelsError, "Take it away.")


@pytest.mark.parametrize("name", ["x" * 300, "a/" * 2500, "a\0b"])
def test_a_name_that_no_file_can_have_is_refused(name: str) -> None:
    with pytest.raises(UnreachablePath, match=r"The path .* cannot be used: .*\. Name another\."):
        at_home(name)


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """A folder that may not be searched, not by root either."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    yield folder
    if root:
        os.seteuid(0)


def test_a_path_through_a_folder_that_may_not_be_searched_is_refused(closed: Path) -> None:
    with pytest.raises(UnreachablePath, match=r"The path .* cannot be used: Permission denied\. Name"):
        at_home(closed / "x.pt")
    assert not is_absent(closed / "x.pt")


def test_a_link_that_leads_nowhere_is_no_place_for_a_folder(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "gone" / "x")
    with pytest.raises(FileExistsError, match="a link that leads nowhere, has this name"):
        make_folder(tmp_path / "link")


FULL = """
import resource
import sys
from contextlib import ExitStack
from pathlib import Path

from extract.errors import TooManyFiles
from extract.files import make_folder, read_file, replace_file
from extract.folder.encoding import read_table
from extract.network.checkpoint import read
from extract.probes.pictures import read_picture
from extract.probes.sources import source
from extract.recording.decoding import decode

place = Path(sys.argv[1])
pictures = list(enumerate(source(place / "pictures")))
calls = {
    "a file": lambda: read_file(place / "a.txt", ValueError),
    "a new file": lambda: replace_file(place / "new.txt", b"", ValueError),
    "a folder of pictures": lambda: source(place / "pictures"),
    "a picture of a probe": lambda: decode(None, pictures[0]),
    "a picture": lambda: read_picture(place / "pictures/cat/0.png"),
    "a shard": lambda: source(place / "s.tar"),
    "a table": lambda: source(place / "t.parquet"),
    "a table of an extraction": lambda: read_table(place / "t.parquet", "probes"),
    "safetensors": lambda: read(place / "w.safetensors"),
}
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (32, most))
with ExitStack() as full:
    try:
        while True:
            full.enter_context((place / "a.txt").open())
    except OSError:
        pass
    for name, call in calls.items():
        try:
            call()
            print(name, "was read")
        except TooManyFiles as error:
            if "`ulimit -n 4096`" not in str(error):
                print(name, error)
        except Exception as error:
            print(name, type(error).__name__, error)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, most))
    probes = [probe.id for probe in source(place / "pictures")]
    print(len(calls), sorted(path.name for path in place.iterdir()), *probes)
"""


def test_too_many_open_files_are_told_as_that_whatever_is_read_or_written(tmp_path: Path) -> None:
    (tmp_path / "pictures" / "cat").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(tmp_path / "pictures" / "cat" / "0.png")
    for name in ("a.txt", "s.tar", "t.parquet"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "w.safetensors").write_bytes(save({"x": np.ones(1)}))
    files = sorted(path.name for path in tmp_path.iterdir())
    answer = subprocess.run([sys.executable, "-c", FULL, tmp_path], capture_output=True, text=True, check=True)
    assert answer.stdout == f"9 {files} cat/0.png\n"


def test_a_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "a.txt")
    replace_file(tmp_path / "link", b"here", LevelsError)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "a.txt").read_bytes() == b"here"


def test_a_link_leads_to_the_old_file_until_the_new_one_is_whole(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"old")
    (tmp_path / "link").symlink_to("a.txt")
    with (tmp_path / "link").open("rb") as reader:
        replace_file(tmp_path / "link", b"new", LevelsError)
        assert reader.read() == b"old"
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "a.txt").read_bytes() == b"new"


def test_a_pipe_gets_the_data(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    replace_file(tmp_path / "pipe", b"here", LevelsError)
    assert os.read(reader, 10) == b"here"
    os.close(reader)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"old")
    code = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from extract.errors import LevelsError; from extract.files import LockedBy, lock, replace_file\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try: replace_file(Path(sys.argv[1]), bytes(10_000), LevelsError)\n"
        "except LevelsError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.txt")], capture_output=True, text=True, check=True
    )
    assert "a.txt cannot be written: File too large. Choose another place." in done.stdout
    assert (tmp_path / "a.txt").read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_a_file_is_locked_for_one_at_a_time_and_gone_afterwards(tmp_path: Path) -> None:
    with lock(tmp_path / "lock"):
        with pytest.raises(LockedBy, match=str(os.getpid())), lock(tmp_path / "lock"):
            pass
        assert (tmp_path / "lock").exists()
    assert not (tmp_path / "lock").exists()
    with lock(tmp_path / "lock"):
        pass


RACE = """
import sys, time
from pathlib import Path
from extract.files import LockedBy, lock
for _ in range(300):
    try:
        with lock(Path(sys.argv[1], "lock")):
            mine = Path(sys.argv[1], "mine")
            mine.touch(exist_ok=False)
            mine.unlink()
    except LockedBy: pass
"""


def test_four_that_lock_and_remove_a_file_never_hold_it_together(tmp_path: Path) -> None:
    racers = [subprocess.Popen([sys.executable, "-c", RACE, str(tmp_path)]) for _ in range(4)]
    assert [racer.wait() for racer in racers] == [0, 0, 0, 0]


def test_of_the_folders_made_for_a_file_that_cannot_be_written_the_empty_ones_go(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    with pytest.raises(LevelsError, match="cannot be written: File name too long"):
        replace_file(tmp_path / "old" / "new" / "below" / ("x" * 300), b"", LevelsError, parents=True)
    assert list(tmp_path.rglob("*")) == [tmp_path / "old"]


def test_a_folder_that_cannot_be_made_leaves_none_above_it(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="File name too long"):
        make_folder(tmp_path / "a" / "b" / ("x" * 300))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_removed_with_those_made_above_it_up_to_one_that_holds_something(tmp_path: Path) -> None:
    made = make_folder(tmp_path / "a" / "b" / "c")
    (tmp_path / "a" / "mine").write_bytes(b"")
    remove_empty(made)
    assert sorted(tmp_path.rglob("*")) == [tmp_path / "a", tmp_path / "a" / "mine"]
    assert make_folder(tmp_path / "a") == ()
