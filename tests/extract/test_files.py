import os
from pathlib import Path

import pytest

from extract.errors import LevelsError
from extract.files import replace_file


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


def test_a_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "a.txt")
    replace_file(tmp_path / "link", b"here", LevelsError)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "a.txt").read_bytes() == b"here"


def test_a_pipe_gets_the_data(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    replace_file(tmp_path / "pipe", b"here", LevelsError)
    assert os.read(reader, 10) == b"here"
    os.close(reader)
