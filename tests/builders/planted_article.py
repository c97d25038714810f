"""Measurements of which it is known which claims of the article hold, because contributions and shares are planted.

Each effect makes some claims hold. Without an effect contributions are normal, shares lie just beyond what the claims
allow, and the overlaps of top probes are chance.
"""

import json
from collections.abc import Mapping
from itertools import count
from pathlib import Path

import numpy as np
import pyarrow as pa

from catalog.article.measurements import Measurements
from extract.article.network_measures import NetworkMeasures
from extract.folder.extraction import Extraction
from extract.folder.kernel_support import sources
from extract.folder.manifest import part
from extract.folder.randomised import evenly
from extract.folder.schemas import SCHEMAS
from extract.network.network import Network
from extract.network.weights import load_network
from extract.units import Architecture, Layer
from tests.builders.planted_matrices import Plant, planted_matrices
from tests.builders.tiny_network import TINY

SHAPE = Architecture((1, 1, 1, 3), 8, 64)
TARGET = Layer(4, 2, 5)  # of 256 units

PEAKS = "two peaks at the last conv branch"
BALANCED, BALANCED_BY_GAMMA = "signs are balanced", "balanced signs are gamma3's"
_HEAVY = "backward contributions are exponential"  # a claim that holds for uneven contributions, too
SUMS = {"4/2": (Layer(4, 2, 6), 0.86), "4/1": (Layer(4, 1, 6), 0.822), "4/0": (Layer(4, 0, 8), 0.145)}
_TABLES = {
    "on visualisations": ("visualisations", "share_published"),
    "on top probes": ("evidence", "share_published"),
    "exact": ("evidence", "share_exact"),
    "published formula, top 100 probes": ("top_100_shares", "share_published"),
    "exact, top 100 probes": ("top_100_shares", "share_exact"),
    "corrected, top 100 probes": ("top_100_shares", "share_corrected"),
}
NEAR_IDENTITY = {
    f"near identity, {block}, {probes}": (table, layer, column, part)
    for probes, (table, column) in _TABLES.items()
    for block, (layer, part) in SUMS.items()
}
EFFECTS: Mapping[str, tuple[str, ...]] = {  # each effect with the claims that hold with it
    "none": (BALANCED,),
    "lobes by sign": (PEAKS, "two peaks nowhere else", "two peaks are gamma3's signs", BALANCED, BALANCED_BY_GAMMA),
    "own lobes": (PEAKS, "two peaks nowhere else", BALANCED),
    "lobes everywhere": (PEAKS, BALANCED, BALANCED_BY_GAMMA),
    "lopsided": (),
    "slightly lopsided": (),  # lopsided by just more than the claim of balance allows
    "one direction": (BALANCED,),  # the same for all units, so that chance moves all of them alike
    "uneven sources": (
        _HEAVY,
        "forward contributions are closer to normal",
        BALANCED,
    ),
    "versatile": ("earlier units are more versatile", _HEAVY, BALANCED),
    "versatile by shape": (_HEAVY, BALANCED),  # because randomised weights are as versatile
    "neighbours alike": (BALANCED,),  # layers that follow one another are as versatile, without a trend
    "discarded": (
        "units of high share have the shortcut's top probes",
        "units of low share have conv's top probes",
        "conv facets that the sum discards",
    ),
    **{claim: (claim,) for claim in NEAR_IDENTITY},
}
_WITHOUT_MATRICES = {"discarded", *NEAR_IDENTITY}  # effects that do not show in matrices
CLAIMS = tuple(dict.fromkeys(claim for claims in EFFECTS.values() for claim in claims))
_BELOW = Layer(4, 0, 5)  # another conv branch
_BEYOND, _NOISE = 0.02, 0.01  # how far shares lie beyond a claim's tolerance; the error of a measured share
_LIKENESS = 0.7  # correlation of layers that follow one another
_OTHERS = [layer for layer in SHAPE.layers if layer.role == "conv" and layer != TARGET]


def planted_shape(folder: Path) -> Network:
    """Make a network with random weights, of the shape that contributions are planted in."""
    vision = TINY["vision_cfg"] | {"layers": list(SHAPE.blocks), "width": SHAPE.width}  # type: ignore[operator]
    file = folder / "planted.json"
    file.write_text(json.dumps(TINY | {"vision_cfg": vision}))
    return load_network(str(file), seed=0)


def planted_article(folder: Path, network: Network, effect: str, seed: int) -> Measurements:
    """Plant one effect in measurements in a new folder; two effects of one seed have no random numbers in common."""
    seed = seed * len(EFFECTS) + list(EFFECTS).index(effect)
    rng = np.random.default_rng(seed)
    scales = np.full(SHAPE.channels(TARGET), 0.5) * (1 if "lopsided" in effect else rng.choice([-1, 1], 256))
    others = dict.fromkeys(_OTHERS, _normal) | ({_BELOW: _lobe} if effect == "lobes everywhere" else {})
    matrices = effect not in _WITHOUT_MATRICES
    extraction = planted_matrices(
        folder, _plant(effect), scales, seed, matrices, others=others, shape=SHAPE, target=TARGET
    )
    if matrices:
        plant_randomised(extraction, rng, uneven=effect == "versatile by shape")
    if effect == "lobes everywhere":  # the signs of the other branch's gammas are arbitrary, too
        units = extraction.table("units").to_pylist()
        for row in units:
            if row["layer"] == str(_BELOW):
                row["scale"] = float(rng.choice([-0.5, 0.5]))
        extraction.add({"units.parquet": pa.Table.from_pylist(units, SCHEMAS["units"])})
    shares = _shares(rng, effect)
    overlaps = _overlaps(rng, shares["evidence"][SHAPE.final]["share_published"], effect)
    tables = {
        f"{name}.parquet": pa.Table.from_pylist(
            [row for layer, columns in layers.items() for row in _rows(layer, **columns)], SCHEMAS[name]
        )
        for name, layers in {**shares, "shares": {SHAPE.final: overlaps}}.items()
    }
    facets = pa.Table.from_pylist(_facets(rng, effect), SCHEMAS["census"])
    extraction.add({**tables, part("census", str(SHAPE.final)): facets})
    return Measurements(NetworkMeasures(network), extraction)


def plant_randomised(
    extraction: Extraction, rng: np.random.Generator, lobes: bool = False, uneven: bool = False
) -> None:
    """Add what randomised weights bring the last conv branch: normal values in one lobe or in two, or uneven ones."""
    units = SHAPE.channels(TARGET)
    for place, source in enumerate(sources(SHAPE, TARGET)):
        channels = evenly(SHAPE.channels(source))
        means = rng.normal(size=(units, len(channels)))  # (target units, source units)
        if lobes:
            means += rng.choice([-3, 3], means.shape)
        if uneven:
            means *= _sizes(rng, place, means.shape)
        rows = [
            {"source": str(source), "source_channel": int(channel), "target": str(TARGET), "means": column.tolist()}
            for channel, column in zip(channels, means.T, strict=True)
        ]
        extraction.add({part("randomised", str(source)): pa.Table.from_pylist(rows, SCHEMAS["randomised"])})


def _sizes(rng: np.random.Generator, place: int, shape: tuple[int, int]) -> np.ndarray:
    """Draw sizes of contributions. The further below their source lies, the more even they are, and the fewer small."""
    unevenness = 0.7 * (1 - place / len(sources(SHAPE, TARGET)))
    return np.asarray(np.exp(unevenness * rng.normal(size=shape)))


def _plant(effect: str) -> Plant:
    places, direction = count(), np.random.default_rng(0).choice([-1, 1], (SHAPE.channels(TARGET), 1))
    level = 0.0  # of the layer before, in standard deviations

    def versatile(rng: np.random.Generator, targets: int, sources: int) -> np.ndarray:
        return np.asarray(_normal(rng, targets, sources) * _sizes(rng, next(places), (targets, sources)))

    def alike(rng: np.random.Generator, targets: int, sources: int) -> np.ndarray:
        nonlocal level
        level = _LIKENESS * level + (1 - _LIKENESS**2) ** 0.5 * rng.normal()
        return np.asarray(
            _normal(rng, targets, sources) * np.exp((0.25 + 0.08 * level) * rng.normal(size=(targets, sources)))
        )

    plants: Mapping[str, Plant] = {
        "lobes by sign": _lobe,
        "lobes everywhere": _lobe,
        "lopsided": lambda rng, t, s: rng.normal(0.5, 1, (t, s)),
        "slightly lopsided": lambda rng, t, s: rng.normal(0.2, 1, (t, s)),
        "one direction": lambda rng, t, s: rng.normal(direction * rng.choice([-1, 1], s), 1, (t, s)),
        "own lobes": lambda rng, t, s: rng.normal(rng.choice([-3, 3], (t, s)), 1),
        "uneven sources": lambda rng, t, s: rng.normal(size=(t, s)) * rng.exponential(size=s) ** 0.5,
        "versatile": versatile,
        "versatile by shape": versatile,
        "neighbours alike": alike,
    }
    return plants.get(effect, _normal)


def _lobe(rng: np.random.Generator, targets: int, sources: int) -> np.ndarray:
    return rng.normal(3, 1, (targets, sources))


def _normal(rng: np.random.Generator, targets: int, sources: int) -> np.ndarray:
    return rng.normal(size=(targets, sources))


def _shares(rng: np.random.Generator, effect: str) -> dict[str, dict[Layer, dict[str, np.ndarray]]]:
    """Draw shares over the shortcut, as arrays (units,) keyed by table, sum and column.

    If the effect has a claim's name, as many of the claim's shares are above 0.9 as in the article; for any other claim
    just too many or too few are. A share is measured with an error, and many are close to 0.9.
    """
    tables: dict[str, dict[Layer, dict[str, np.ndarray]]] = {}
    for claim, (table, layer, column, part_of_units) in NEAR_IDENTITY.items():
        units, within = SHAPE.channels(layer), 0.02 if table == "visualisations" else 0.1
        side = -1 if effect == "discarded" else rng.choice([-1, 1])  # its claims need units of low share
        beyond = 0 if claim == effect else side * (within + _BEYOND)
        high = rng.permutation(units) < round((part_of_units + beyond) * units)
        shares = np.where(high, 0.9 + 0.1 * rng.uniform(size=units) ** 0.5, rng.uniform(0, 0.9, units))
        tables.setdefault(table, {}).setdefault(layer, {})[column] = np.clip(
            shares + rng.normal(0, _NOISE, units), 0, 1
        )
    return tables


def _overlaps(rng: np.random.Generator, shares: np.ndarray, effect: str) -> dict[str, np.ndarray]:
    """Draw the overlaps of the last sum's units with both branches, as arrays (units,), from the units' shares."""
    units = len(shares)
    if effect != "discarded":
        return {name: rng.choice([0.0, 0.1, 0.2, 0.3], units) for name in ("overlap_shortcut", "overlap_conv")}
    return {
        "overlap_shortcut": np.where(shares > 0.5, rng.uniform(0.4, 1, units), 0.1),
        "overlap_conv": np.where(shares > 0.5, rng.choice([0.0, 0.1], units, p=[0.8, 0.2]), 0.4),
    }


def _facets(rng: np.random.Generator, effect: str) -> list[dict[str, object]]:
    """Draw the census's bounds: every conv branch brings a facet, on which most sums rise (few with `discarded`)."""
    units = SHAPE.channels(SHAPE.final)
    rises = rng.choice([0.1, 0.9], units, p=[0.8, 0.2] if effect == "discarded" else [0.2, 0.8])
    return _rows(SHAPE.final, specificity_conv_low=np.full(units, 0.5), rise_conv_high=rises)


def _rows(layer: Layer, **columns: np.ndarray) -> list[dict[str, object]]:
    return [
        {"layer": str(layer), "channel": channel, **{name: float(values[channel]) for name, values in columns.items()}}
        for channel in range(SHAPE.channels(layer))
    ]
