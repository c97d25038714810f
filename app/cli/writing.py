"""Say that a file of the user's was replaced: a command replaces a file, as cp does, but not silently."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from extract.printable import printable


@contextmanager
def writing(file: Path) -> Iterator[None]:
    """Run the block that writes a file, then say on stderr if the file took the place of an earlier one."""
    earlier = os.path.isfile(file)  # noqa: PTH113, which raises no error for a name that no file can have
    yield
    if earlier:
        typer.echo(f"circuits: {printable(str(file))} replaced an earlier file.", err=True)
