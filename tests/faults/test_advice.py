"""Every message that gives advice: a case that brings it up, and the advice followed.

The tables hold the messages of the modules that they name; a message there that is in no table fails, and so does a
module that gives messages and is neither in a table nor in `NOT_YET`.
"""

import json
from functools import cache
from pathlib import Path

import pytest

from extract.errors import CircuitsError
from tests.faults.advice import (
    article,
    census,
    databases,
    folders,
    labels_and_circuits,
    macroscopic,
    measurements,
    probes,
    units,
    weights,
)
from tests.faults.advice.messages import Advice, Message, messages

ROOT = Path(__file__).parents[2]
TABLES = (
    labels_and_circuits.TABLE,
    units.TABLE,
    probes.TABLE,
    weights.TABLE,
    folders.TABLE,
    measurements.TABLE,
    macroscopic.TABLE,
    census.TABLE,
    article.TABLE,
    databases.TABLE,
)
NOT_YET = {  # modules whose messages are in no table so far
    f"{room}.{name}"
    for room, names in {
        "catalog": "circuit_view enrichment errors live_network queries",
        "catalog.circuits": "local saved trace",
        "catalog.hiding": "flags",
        "catalog.labels": "bulk labels",
        "graph.connection": "driver_errors read_only servers time_limit",
        "graph.embedded": "batch_writer pipe server",
        "graph.loading": "load migration neo4j_import removal same_weights",
        "graph": "model_store records store verification",
    }.items()
    for name in names.split()
}


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("USER", "HEAP", "DATABASE"):
        monkeypatch.delenv(f"CIRCUITS_{name}", raising=False)


@cache
def told() -> list[Message]:
    return [message for table in TABLES for module in table.modules for message in messages(module)]


def test_every_message_is_in_a_table() -> None:
    parts = [part for table in TABLES for part in table.parts]
    texts = [message.text for message in told()]
    assert [text for text in texts if not any(part in text for part in parts)] == []
    assert [part for part in parts if not any(part in text for text in texts)] == []
    assert all((ROOT / test).is_file() for table in TABLES for test in table.elsewhere.values())


def test_every_module_that_gives_messages_is_in_a_table_or_named() -> None:
    files = [file.relative_to(ROOT) for room in ("extract", "graph", "catalog") for file in (ROOT / room).rglob("*.py")]
    modules = {".".join(file.with_suffix("").parts) for file in files if file.stem not in ("__init__", "__main__")}
    scripts = {module for module in modules if module.startswith(("extract.demo.", "graph.embedded.java_process"))}
    speaking = {module for module in modules - scripts if any(messages(module))}
    assert speaking == NOT_YET.union(*(table.modules for table in TABLES))


@pytest.mark.parametrize("advice", [each for table in TABLES for each in table.advice], ids=lambda advice: advice.part)
def test_the_case_brings_the_message_up_and_the_advice_works(advice: Advice) -> None:
    patterns = [message.pattern for message in told() if advice.part in message.text]
    with pytest.raises(CircuitsError) as error:
        advice.case()
    assert any(pattern.search(str(error.value)) for pattern in patterns), str(error.value)
    assert str(error.value).rstrip().endswith((".", ")", "?"))
    advice.followed()
    assert json.dumps(str(error.value))
