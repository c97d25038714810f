"""docs/census.md says what the code does: its example runs, and its settings are those of the code."""

import re
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from extract.enrichment.census import DEFAULT

PAGE = (Path(__file__).parents[3] / "docs" / "census.md").read_text()


def test_the_example_runs_on_fewer_concepts() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    few = example.replace("read()", 'read().filter(pc.starts_with(read()["concept"], "ba"))')
    names: dict[str, Any] = {"pc": pc}
    exec(compile(few, "docs/census.md", "exec"), names)  # noqa: S102, our own text
    assert names["table"].num_rows == 512
    assert set(names["table"]["verdict"].to_pylist()) <= {"enriched", "not enriched", "facets alike", "open"}


def test_the_page_names_the_settings() -> None:
    assert f"`{DEFAULT.hash}`" in PAGE
    assert f"must exceed {DEFAULT.delta:.2f}".replace("0.", ".") in PAGE
    assert f"{DEFAULT.sizes[0]} to {DEFAULT.sizes[-1]}" in PAGE
