from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from extract.expansion import atlas
from extract.expansion.expanded_weights import expanded_weights
from extract.folder.derived import node_strength
from extract.folder.extraction import Extraction
from extract.folder.schemas import SCHEMAS
from extract.units import Layer, Unit

if TYPE_CHECKING:
    from extract.network.network import Network

NAMES = ("inflow", "inflow_active", "outflow")


@pytest.fixture(scope="module")
def extraction(tiny: "Network", tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    """The weights into 4/2/3 and 4/2/5, one edge of them kept a unit, and an activity of every inner unit of 4/2."""
    found = atlas.extract(tiny, tmp_path_factory.mktemp("flow") / "x", ["4/2/3", "4/2/5"], strongest=1, progress=False)
    rng = np.random.default_rng(0)
    layers = [Layer(4, 2, 1), Layer(4, 2, 3)]
    rows = [
        {"layer": str(layer), "channel": c, "activity": rng.random()}
        for layer in layers
        for c in range(tiny.architecture.channels(layer))
    ]
    found.add({"activity.parquet": pa.Table.from_pylist(rows[::-1], SCHEMAS["activity"])})
    return found


def of(table: pa.Table, unit: str) -> list[float | None]:
    layer, _, channel = unit.rpartition("/")
    (row,) = [row for row in table.to_pylist() if (row["layer"], row["channel"]) == (layer, int(channel))]
    return [row[name] for name in NAMES]


def test_a_flow_is_the_sum_of_the_norms_of_every_direct_edge(tiny: "Network", extraction: Extraction) -> None:
    table = node_strength(extraction)
    active = {f"{r['layer']}/{r['channel']}": r["activity"] for r in extraction.table("activity").to_pylist()}
    shape = tiny.architecture

    unit = Unit.parse("4/2/3/5")
    into = {
        f"4/2/1/{c}": float(expanded_weights(tiny, Unit(Layer(4, 2, 1), c), unit).norm())
        for c in range(shape.channels(Layer(4, 2, 1)))
    }
    out = [
        float(expanded_weights(tiny, unit, Unit(Layer(4, 2, 5), c)).norm())
        for c in range(shape.channels(Layer(4, 2, 5)))
    ]
    wanted = [sum(into.values()), sum(norm * active[name] for name, norm in into.items()), sum(out)]
    assert of(table, "4/2/3/5") == pytest.approx(wanted, rel=1e-4)


def test_what_was_not_extracted_or_has_no_direct_edges_is_unknown(extraction: Extraction) -> None:
    table = node_strength(extraction)

    assert table.num_rows == sum(extraction.layers.values())
    assert of(table, "4/2/6/0") == [None, None, None]  # only ADDS lead there, and nothing further
    assert of(table, "4/1/3/0") == [None, None, None]  # no target
    assert of(table, "4/2/1/0")[:2] == [None, None]
    assert of(table, "4/2/1/0")[2] > 0  # type: ignore[operator]
    assert None not in of(table, "4/2/5/0")[:2]
    assert of(table, "4/1/6/0")[2] is None  # 4/2/1 is no target


def test_without_matrices_or_activity_nothing_is_known(tiny: "Network", tmp_path: Path) -> None:
    kept = atlas.extract(tiny, tmp_path / "kept", ["4/2/5"], strongest=1, progress=False)
    bare = atlas.extract(tiny, tmp_path / "bare", ["4/2/5"], strongest=1, matrices=False, progress=False)

    assert of(node_strength(kept), "4/2/5/0")[1] is None
    assert of(node_strength(kept), "4/2/5/0")[0] is not None
    assert of(node_strength(bare), "4/2/5/0") == [None, None, None]
