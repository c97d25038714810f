"""Evidence in which it is known which of the article's claims hold: planted contributions, shares and overlaps.

Each effect makes some claims true; without any, contributions are normal, shares of all sizes, and overlaps chance.
"""

import json
from collections.abc import Mapping
from itertools import count
from pathlib import Path

import numpy as np
import pyarrow as pa

from catalog.article.evidence import Evidence
from extract.article.network_measures import NetworkMeasures
from extract.folder.extraction import Extraction
from extract.folder.kernel_support import sources
from extract.folder.manifest import part
from extract.folder.randomised import evenly
from extract.folder.schemas import SCHEMAS
from extract.network.network import Network
from extract.network.weights import load_network
from extract.units import Layer
from tests.builders.planted_matrices import SHAPE, TARGET, Plant, planted_matrices
from tests.builders.tiny_network import TINY

PEAKS = "two peaks at the last conv branch"
EFFECTS: Mapping[str, tuple[str, ...]] = {  # and the claims that hold with each
    "none": (),
    "lobes by sign": (PEAKS, "two peaks nowhere else", "two peaks are gamma3's signs"),
    "own lobes": (PEAKS, "two peaks nowhere else"),
    "lobes everywhere": (PEAKS,),
    "uneven sources": ("backward contributions are exponential", "forward contributions are closer to normal"),
    "versatile": ("earlier units are more versatile",),
    "near identity": ("near identity, 4/2, on top probes",),
    "discarded": (
        "units of high share have the shortcut's top probes",
        "units of low share have conv's top probes",
        "conv facets that the sum discards",
    ),
}
CLAIMS = tuple(dict.fromkeys(claim for claims in EFFECTS.values() for claim in claims))
_BELOW = Layer(4, 0, 5)  # another conv branch
_OTHERS = [layer for layer in SHAPE.layers if layer.role == "conv" and layer != TARGET]


def planted_shape(folder: Path) -> Network:
    """A network of the shape that contributions are planted in, at random weights."""
    vision = TINY["vision_cfg"] | {"layers": list(SHAPE.blocks), "width": SHAPE.width}  # type: ignore[operator]
    file = folder / "planted.json"
    file.write_text(json.dumps(TINY | {"vision_cfg": vision}))
    return load_network(str(file), seed=0)


def planted_article(folder: Path, network: Network, effect: str, seed: int) -> Evidence:
    """Evidence with one effect, in a new folder; worlds of one seed and two effects have nothing in common."""
    seed = seed * len(EFFECTS) + list(EFFECTS).index(effect)
    rng = np.random.default_rng(seed)
    scales = rng.choice([-0.5, 0.5], SHAPE.channels(TARGET))
    others = dict.fromkeys(_OTHERS, _normal) | ({_BELOW: _lobe} if effect == "lobes everywhere" else {})
    extraction = planted_matrices(folder, _plant(effect), scales, seed, others=others)
    plant_randomised(extraction, rng)
    if effect == "lobes everywhere":  # the signs of the other branch's gammas are arbitrary, too
        units = extraction.table("units").to_pylist()
        for row in units:
            if row["layer"] == str(_BELOW):
                row["scale"] = float(rng.choice([-0.5, 0.5]))
        extraction.add({"units.parquet": pa.Table.from_pylist(units, SCHEMAS["units"])})
    shares, overlaps = _shares(rng, effect)
    extraction.add(
        {
            "evidence.parquet": pa.Table.from_pylist(_rows(share_published=shares), SCHEMAS["evidence"]),
            part("census", str(SHAPE.final)): pa.Table.from_pylist(_facets(rng, effect), SCHEMAS["census"]),
            "shares.parquet": pa.Table.from_pylist(_rows(**overlaps), SCHEMAS["shares"]),
        }
    )
    return Evidence(NetworkMeasures(network), extraction)


def plant_randomised(extraction: Extraction, rng: np.random.Generator, lobes: bool = False) -> None:
    """Add what randomised weights bring the last conv branch: one lobe of normal values, or two."""
    units = SHAPE.channels(TARGET)
    for source in sources(SHAPE, TARGET):
        rows = [
            {
                "source": str(source),
                "source_channel": int(channel),
                "target": str(TARGET),
                "means": rng.normal(rng.choice([-3, 3], units) if lobes else 0, 1, units).tolist(),
            }
            for channel in evenly(SHAPE.channels(source))
        ]
        extraction.add({part("randomised", str(source)): pa.Table.from_pylist(rows, SCHEMAS["randomised"])})


def _plant(effect: str) -> Plant:
    places = count()

    def versatile(rng: np.random.Generator, targets: int, sources: int) -> np.ndarray:
        """The further below, the less uneven in size, and so the fewer near zero."""
        unevenness = max(0.0, 0.5 - 0.035 * next(places))
        return rng.normal(size=(targets, sources)) * np.exp(unevenness * rng.normal(size=(targets, sources)))

    plants: Mapping[str, Plant] = {
        "lobes by sign": _lobe,
        "lobes everywhere": _lobe,
        "own lobes": lambda rng, t, s: rng.normal(rng.choice([-3, 3], (t, s)), 1),
        "uneven sources": lambda rng, t, s: rng.normal(size=(t, s)) * rng.exponential(size=s) ** 0.5,
        "versatile": versatile,
    }
    return plants.get(effect, _normal)


def _lobe(rng: np.random.Generator, targets: int, sources: int) -> np.ndarray:
    return rng.normal(3, 1, (targets, sources))


def _normal(rng: np.random.Generator, targets: int, sources: int) -> np.ndarray:
    return rng.normal(size=(targets, sources))


def _shares(rng: np.random.Generator, effect: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Shares over the shortcut, and overlaps with both branches: (units,) each."""
    units = SHAPE.channels(TARGET)
    shares = rng.uniform(0, 1, units)
    chance = {name: rng.choice([0.0, 0.1, 0.2, 0.3], units) for name in ("overlap_shortcut", "overlap_conv")}
    if effect == "near identity":
        shares = np.where(rng.random(units) < 0.86, rng.uniform(0.91, 1, units), rng.uniform(0, 0.89, units))
    if effect == "discarded":
        chance["overlap_shortcut"] = np.where(shares > 0.5, rng.uniform(0.4, 1, units), 0.1)
        chance["overlap_conv"] = np.where(shares > 0.5, rng.choice([0.0, 0.1], units, p=[0.8, 0.2]), 0.4)
    return shares, chance


def _facets(rng: np.random.Generator, effect: str) -> list[dict[str, object]]:
    """The census' bounds: every conv branch brings a facet, on which most sums rise, or four of five do not."""
    units = SHAPE.channels(SHAPE.final)
    rises = rng.choice([0.1, 0.9], units, p=[0.8, 0.2] if effect == "discarded" else [0.2, 0.8])
    return _rows(specificity_conv_low=np.full(units, 0.5), rise_conv_high=rises)


def _rows(**columns: np.ndarray) -> list[dict[str, object]]:
    last = str(SHAPE.final)
    return [
        {"layer": last, "channel": channel, **{name: float(values[channel]) for name, values in columns.items()}}
        for channel in range(SHAPE.channels(SHAPE.final))
    ]
