"""Messages about databases that need no server: their folders, and parameters of questions."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from graph.connection.parameters import plain_parameters
from graph.embedded.directory import DatabaseDirectory
from tests.faults.advice.messages import Act, Advice, Table


def folder(name: str, make: Callable[[Path], object] = lambda path: None) -> Act:
    """Prepare the folder of a database, in which something lies already."""

    def prepare() -> None:
        Path(name).mkdir()
        make(Path(name))
        DatabaseDirectory(Path(name)).prepare()

    return prepare


def locked(*purposes: Literal["serve", "load"]) -> Act:
    """Ask whether a folder is being loaded, by the last of the processes that lock it one after the other."""

    def refuse() -> None:
        place = DatabaseDirectory(Path("locked"))
        place.prepare()
        for purpose in purposes:
            descriptor = place.lock(purpose)
            assert descriptor is not None
            try:
                if purpose == purposes[-1]:
                    place.refuse_if_loading()
            finally:
                os.close(descriptor)

    return refuse


NEW = folder("new")
TABLE = Table(
    ("graph.connection.parameters", "graph.embedded.directory"),
    (
        Advice(
            "The parameter {name!r} {error}",
            lambda: plain_parameters({"n": 2**63}),
            lambda: plain_parameters({"n": 2**62}),
        ),
        Advice(
            "holds files, but no database of clip-circuits",
            folder("a", lambda path: (path / "notes.txt").write_text("")),
            NEW,
        ),
        Advice("was made by another version", folder("b", lambda path: (path / "version").write_text("9")), NEW),
        Advice("cannot be used: {", folder("c", lambda path: (path / "version").mkdir()), NEW),
        Advice("is being loaded by process", locked("load"), locked("load", "serve")),
    ),
)
