"""The command line on the planted catalog."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.cli.main import cli
from graph.embedded.server import stop


@pytest.fixture
def circuits(planted_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Result]]:
    """Runs the command line against the planted catalog, in an empty folder, and stops the servers started there."""
    monkeypatch.chdir(tmp_path)
    environment = {"CIRCUITS_DATABASE": str(planted_folder), "COLUMNS": "250", "CIRCUITS_HOME": str(tmp_path)}
    yield lambda *arguments, **more: CliRunner().invoke(cli, list(map(str, arguments)), env=environment | more)
    for marker in tmp_path.glob("*/server.lock"):
        stop(marker.parent)
