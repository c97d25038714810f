"""The files of one target layer: edges, sweeps, distributions, kernels and matrices."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from extract.expansion.expanded_weights import expanded_weights
from extract.expansion.rows import Dense
from extract.expansion.strongest import Strongest, strongest
from extract.expansion.weight_distribution import distribution
from extract.folder.encoding import Content
from extract.folder.kernel_support import Support, sources, support
from extract.folder.manifest import ExtractionSettings, part
from extract.folder.schemas import SCHEMAS
from extract.network.network import Network
from extract.network.parts import scale
from extract.ranking import Floats
from extract.units import Layer

Supports = dict[Layer, Support]  # keyed by source, nearest first


def files(
    network: Network, target: Layer, dense: Dense, settings: ExtractionSettings, pairs_at_once: int = 1
) -> dict[str, Content]:
    """Compute the files of a target layer from the rows of all its channels, `pairs_at_once` pairs in parallel."""
    supports = {
        source: support(network.architecture, source, target) for source in sources(network.architecture, target)
    }

    def tables_from(source: Layer) -> dict[str, list[pa.Table]]:
        direct = network.architecture.is_direct(source, target)
        pair = {"source": str(source), "target": str(target), "span": supports[source].span, "direct": direct}
        return pair_tables(pair | {"cut": supports[source].cut}, *dense[source], settings.strongest)

    with ThreadPoolExecutor(pairs_at_once) as pool:  # numpy sorts and adds without holding up other threads
        pairs = list(pool.map(tables_from, dense))
    contents: dict[str, Content] = {
        part(name, str(target)): pa.concat_tables([table for tables in pairs for table in tables[name]])
        for name in ("edges", "sweeps", "distributions")
    }
    arrays = _kernels(network, target, supports) | (matrices_of(dense) if settings.matrices else {})
    return contents | ({part("matrices", str(target)): arrays} if arrays else {})


def pair_tables(pair: dict[str, Any], magnitude: Floats, mean: Floats, k: int) -> dict[str, list[pa.Table]]:
    """Make the tables of one layer pair from its matrices (target channels, source channels).

    `k` edges are kept per unit and direction, by magnitude and again by mean.
    """
    best, (source, target) = strongest(magnitude, mean, k), (pair["source"], pair["target"])
    distributions = _distribution(target, source, "backward", mean), _distribution(source, target, "forward", mean.T)
    edges, summary = _edges(pair, magnitude, mean, best), _summary(pair | {"n": mean.size}, best)
    return {"edges": [edges], "sweeps": [summary], "distributions": list(distributions)}


def units(network: Network) -> pa.Table:
    """Make the table of units: one row per unit, in forward order, with its batch norm's scale (null for a sum)."""
    shape = network.architecture
    norms = {
        layer: None if layer.role == "sum" else network.visual.get_submodule(layer.module) for layer in shape.layers
    }
    return pa.concat_tables(
        _table(
            "units",
            count := shape.channels(layer),
            layer=str(layer),
            channel=np.arange(count),
            scale=scale(norm, torch.float32).numpy() if norm else None,
        )
        for layer, norm in norms.items()
    )


def _edges(pair: dict[str, Any], magnitude: Floats, mean: Floats, best: Strongest) -> pa.Table:
    place = best.target, best.source
    return _table(
        "edges",
        len(best.target),
        **pair,
        target_channel=best.target,
        source_channel=best.source,
        magnitude=magnitude[place],
        mean=mean[place],
        sum=mean[place] * pair["span"],
        rank_in=best.rank_in,
        rank_out=best.rank_out,
    )


def _summary(pair: dict[str, Any], best: Strongest) -> pa.Table:
    cutoffs = {"cutoff_magnitude": best.cutoff_magnitude, "cutoff_mean": best.cutoff_mean}
    return _table("sweeps", 1, **pair, **cutoffs, kept=len(best.target))


def _distribution(layer: str, other: str, direction: str, means: Floats) -> pa.Table:
    """Make the table of the moments of each unit's `means` (units, units of the other layer)."""
    count = np.arange(len(means))
    moments = vars(distribution(means))  # n, mean, sd and the rest, named as the columns are
    return _table("distributions", len(means), layer=layer, other=other, direction=direction, channel=count, **moments)


def _kernels(network: Network, target: Layer, pairs: Iterable[Layer]) -> dict[str, Floats]:
    return {
        f"{source} kernel": _compact(expanded_weights(network, source, target).cpu().numpy())
        for source in pairs
        if network.architecture.is_direct(source, target)
    }


def matrices_of(dense: Dense) -> dict[str, Floats]:
    """Compact the dense matrices, and key them by their names in the file."""
    return {
        f"{source} {kind}": _compact(matrix)
        for source, pair in dense.items()
        for kind, matrix in zip(("magnitude", "mean"), pair, strict=True)
    }


def _compact(values: Floats) -> Floats:
    """Round to float16 where the largest value fits its range with digits to spare for small ones; else float32."""
    largest = np.abs(values).max()
    fits = largest == 0 or 2**-10 <= largest <= np.finfo(np.float16).max
    return np.ascontiguousarray(values, np.float16 if fits else np.float32)


def _table(name: str, rows: int, **columns: Any) -> pa.Table:
    """Make a table of the schema `name`; a value that is no array is repeated in every row, and NaN becomes null."""
    arrays = [
        pa.array(value if isinstance(value, np.ndarray) else np.repeat(value, rows), field.type, from_pandas=True)
        for field in SCHEMAS[name]
        for value in [columns[field.name]]
    ]
    return pa.Table.from_arrays(arrays, schema=SCHEMAS[name])
