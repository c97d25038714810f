"""`circuits doctor` tells what is half there."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from extract.folder.extraction import Extraction
from graph.loading.load import load
from graph.loading.removal import remove
from tests.builders.extractions import units_alone
from tests.builders.neo4j_server import Neo4j
from tests.builders.removals import MODEL, kill_removal


@pytest.mark.parametrize("others", [False, True])
def test_a_removal_that_broke_off_is_told_with_the_way_out(
    neo4j: Neo4j,
    random_extraction: Callable[..., Extraction],
    tmp_path: Path,
    circuits: Callable[..., Result],
    others: bool,
) -> None:
    login = {"CIRCUITS_USER": neo4j.user, "CIRCUITS_PASSWORD": neo4j.password}
    extraction = random_extraction(tmp_path / "a.extraction", MODEL, 1, width=2)
    with neo4j.emptied() as database:
        load(extraction, database, progress=False)
        if others:
            load(units_alone(extraction, tmp_path / "bare.extraction"), database, progress=False)
        assert kill_removal(neo4j.url, login, 2)
        said = circuits("doctor", "--wide", "--database", neo4j.url, **login)
        assert said.exit_code == 2
        assert MODEL in said.stdout
        assert "a removal of it broke off or is still running: remove it again to finish" in said.stdout
        remove(database, MODEL, progress=False)
    assert circuits("doctor", "--database", neo4j.url, **login).exit_code == (0 if others else 2)
