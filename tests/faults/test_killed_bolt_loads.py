"""Loads over Bolt killed at random points, they or their server: nobody takes the half of a model for a whole one."""

import random
import time
from collections.abc import Callable

import pytest

from extract.folder.extraction import Extraction
from graph.errors import DatabaseDamaged, ModelMissing
from graph.loading.load import load
from graph.store import Store
from tests.builders.bolt_loads import LOAD, whole
from tests.builders.killable_server import KillableServer, Victim
from tests.faults.fault_table import RecordFault, trials

MODEL = "random:a"
OURS = ("ServerUnavailable", "DatabaseDamaged", "LoadFailed")


@pytest.fixture(scope="module")
def extraction(random_extraction: Callable[..., Extraction], tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    return random_extraction(tmp_path_factory.mktemp("whole") / "a.extraction", MODEL, 1, width=2)


@pytest.fixture(scope="module")
def writes(killable: KillableServer, extraction: Extraction) -> int:
    """How many transactions a load has."""
    return killable.writes(LOAD, str(extraction.path))


@pytest.mark.parametrize(("victim", "trial"), [*trials(0, 15, "client"), *trials(0, 6, "server")])
def test_a_load_over_bolt_that_is_killed(
    service: KillableServer,
    extraction: Extraction,
    writes: int,
    victim: Victim,
    trial: int,
    record_fault: RecordFault,
) -> None:
    chance = random.Random(f"{victim} {trial}")  # noqa: S311 (no secret)
    said = service.interrupt(victim, chance.randint(1, writes), chance.uniform(0, 0.03), LOAD, str(extraction.path))
    began = time.monotonic()
    with service.connect() as database:
        models = Store(database).models()
        honest = whole(extraction, database) if models else is_refused(Store(database))
        load(extraction, database, progress=False)
        Store(database).verify(MODEL)
        held = honest and whole(extraction, database) and (not said or any(error in said for error in OURS))
    record_fault(f"kill of the {victim} of a load over Bolt", held, time.monotonic() - began)
    assert held, (said, models)


def is_refused(store: Store) -> bool:
    """Whether the model cannot be opened."""
    try:
        store.model(MODEL)
    except (DatabaseDamaged, ModelMissing):
        return True
    return False
