"""Write an extraction of random edges and evidence, without a network behind it."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from extract.folder.extraction import Extraction
from extract.folder.manifest import ExtractionSettings, Manifest, part
from extract.folder.schemas import SCHEMAS
from extract.units import Architecture, Layer


def random_extraction(path: Path, model: str, seed: int = 0, width: int = 4, density: float = 0.2) -> Extraction:
    """Write an extraction of two stages of two blocks into a new folder; equal arguments give equal numbers."""
    rng, architecture = np.random.default_rng(seed), Architecture((2, 2), width, 32)
    channels = {layer: architecture.channels(layer) for layer in architecture.layers}
    extraction = Extraction.create(
        path,
        Manifest(
            model=model,
            weights_sha256=hashlib.sha256(model.encode()).hexdigest(),
            blocks=architecture.blocks,
            width=architecture.width,
            image_size=architecture.image_size,
            settings=ExtractionSettings(targets=tuple(map(str, channels)), strongest=9, matrices=False),
            tools={},
        ),
    )
    units: list[dict[str, Any]] = [
        {"layer": str(layer), "channel": c} for layer, count in channels.items() for c in range(count)
    ]
    scales = [{"scale": None if Layer.parse(row["layer"]).role == "sum" else rng.random()} for row in units]
    rows = [unit | scale for unit, scale in zip(units, scales, strict=True)]
    extraction.add({"units.parquet": pa.Table.from_pylist(rows, SCHEMAS["units"])})
    for target in channels:
        extraction.add(_shard(rng, target, architecture, density))
    extraction.add(_evidence(rng, [row for row in units if row["layer"][-1] in "68"]))
    extraction.add(_words(rng, [row for row in units if row["layer"][-1] in "5678"]))
    active = [row | {"activity": rng.random()} for row in units]
    extraction.add({"activity.parquet": pa.Table.from_pylist(active, SCHEMAS["activity"])})
    extraction.add({"histograms.parquet": _histograms(rng, [r for r in units if r["layer"][-1] in "5678"])})
    return extraction


def of_other_weights(extraction: Extraction, folder: Path) -> Extraction:
    """Create an extraction of the same model name and numbers, whose manifest names other weights."""
    others = extraction.manifest.model_copy(update={"files": {}, "weights_sha256": "9" * 64})
    stranger = Extraction.create(folder / "stranger.extraction", others)
    names = [name for name in extraction.manifest.files if name.endswith(".parquet")]
    stranger.add({name: extraction.part(name) for name in names})
    return stranger


def _histograms(rng: np.random.Generator, branches: list[dict[str, Any]]) -> pa.Table:
    """Draw histograms over forty probes for two thirds of the units; every seventh unit does the same on all probes."""
    rows = [
        unit | {"low": -rng.random(), "high": rng.random(), "counts": rng.multinomial(40, [0.05] * 20).tolist()}
        | {"n": 40, "mean": rng.normal(), "sd": rng.random() if n % 7 else None}
        for n, unit in enumerate(branches) if n % 3
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, SCHEMAS["histograms"])


def _shard(rng: np.random.Generator, target: Layer, shape: Architecture, density: float) -> dict[str, pa.Table]:
    """Draw the edges into a target: each pair is kept with a chance of `density`; a unit's nine largest have ranks."""
    edges, sweeps, channels = [SCHEMAS["edges"].empty_table()], [], shape.channels
    for source in (layer for layer in shape.layers if layer < target and layer.role in ("bn1", "bn2", "sum")):
        t, s = np.nonzero(rng.random((channels(target), channels(source))) < density)
        magnitude = rng.lognormal(size=len(t)).astype(np.float32)
        mean = magnitude * rng.uniform(-1, 1, len(t)).astype(np.float32)
        ends = {"source": str(source), "target": str(target)}
        same = {"span": 9, "direct": shape.is_direct(source, target)}
        columns: dict[str, Any] = {name: np.full(len(t), value) for name, value in (ends | same).items()}
        columns |= {"source_channel": s, "target_channel": t, "magnitude": magnitude, "mean": mean, "sum": mean * 9}
        columns |= {"rank_in": _ranks(magnitude, t), "rank_out": _ranks(magnitude, s)}
        edges.append(pa.table({name: columns[name] for name in SCHEMAS["edges"].names}).cast(SCHEMAS["edges"]))
        pairs = {"n": channels(source) * channels(target), "kept": len(t)}
        sweeps.append(ends | same | pairs | {"cutoff_magnitude": 0.5, "cutoff_mean": 0.25, "cut": False})
    tables = {"edges": pa.concat_tables(edges), "sweeps": pa.Table.from_pylist(sweeps, SCHEMAS["sweeps"])}
    return {part(name, str(target)): table for name, table in tables.items()}


def _ranks(magnitude: np.ndarray, end: np.ndarray) -> Any:
    ranks = [1 + int((magnitude[end == unit] > own).sum()) for unit, own in zip(end, magnitude, strict=True)]
    return pa.array([rank if rank <= 9 else None for rank in ranks], pa.int32())


def _evidence(rng: np.random.Generator, sums: list[dict[str, Any]]) -> dict[str, pa.Table]:
    """Draw evidence on forty probes, four of which are examples of each branch of a unit.

    Every fifth unit is not measured, and a third of the others has no overlap.
    """
    probes = [
        {
            "id": f"probe {n}", "modality": ("picture", "word")[n % 2], "concept": f"concept {n // 4}",
            "source": "random", "split": ("discovery", "held-out")[n // 2 % 2], "sensitive": n == 3,
            "image": rng.bytes(50),
        }
        for n in range(40)
    ]  # fmt: skip
    measured = [row for n, row in enumerate(sums) if n % 5]
    evidence = [row | dict(zip(SCHEMAS["evidence"].names[2:], rng.random(8), strict=True)) for row in measured]
    evidence = [row | {"overlap": np.nan} if n % 3 == 0 else row for n, row in enumerate(evidence)]
    examples = [
        row | {"branch": branch, "rank": rank, "probe": f"probe {n}", "value": 9 - rank, "z": 5 - rank}
        for row in measured
        for branch in ("sum", "shortcut", "conv")
        for rank, n in enumerate(rng.choice(36, 4, replace=False), start=1)
    ]  # fmt: skip
    names = SCHEMAS["shares"].names[3:]
    shares = [row | {"examples": 4} | dict(zip(names, rng.random(len(names)), strict=True)) for row in measured]
    numbers = [name for name in SCHEMAS["census"].names[2:] if SCHEMAS["census"].field(name).type == "float"]
    verdicts = ("enriched", "not enriched", "facets alike", "open")
    judged = [
        row | dict(zip(numbers, rng.random(len(numbers)), strict=True)) | {"verdict": verdicts[n % 4]}
        for n, row in enumerate(measured)
    ]
    proof = [name for name in SCHEMAS["ablation"].names[2:] if SCHEMAS["ablation"].field(name).type == "float"]
    ablations = ("supported", "contradicted", "inconclusive", None)
    proven = [
        row | dict(zip(proof, rng.random(len(proof)), strict=True)) | {"state": ablations[n % 4]}
        for n, row in enumerate(measured)
    ]
    rows = {"probes": probes, "evidence": evidence, "shares": shares, "examples": examples}
    rows |= {"census": judged, "ablation": proven}
    return {f"{name}.parquet": pa.Table.from_pylist(table, SCHEMAS[name]) for name, table in rows.items()}


def _words(rng: np.random.Generator, branches: list[dict[str, Any]]) -> dict[str, pa.Table]:
    """Draw twelve words and as many letter strings. Each unit has three top words; two thirds have selectivities."""
    texts = [(kind, f"{kind} {n}") for kind in ("word", "letters") for n in range(12)]
    vocabulary = [{"text": text, "kind": kind, "length": len(text), "lettering": "hand"} for kind, text in texts]
    readings = [
        unit | {"word": f"word {n}", "value": rng.random(), "z": rng.normal() if n else None, "word_rank": rank}
        | {"unit_rank": int(rng.integers(1, 9)) if rng.random() < 0.5 else None}
        for unit in branches
        for rank, n in enumerate(rng.choice(12, 3, replace=False), start=1)
    ]  # fmt: skip
    modality = [
        unit | {name: rng.uniform(-1, 1) for name in ("words", "pictures", "spelling")}
        | {"n_words": 12, "n_pictures": 20, "n_anagrams": 11}
        for unit in branches if unit["channel"] % 3
    ]  # fmt: skip
    drawn = [
        unit | {"share_published": rng.random() if unit["layer"][-1] in "68" else None, "image": rng.bytes(30)}
        for unit in branches if unit["channel"] % 2
    ]  # fmt: skip
    rows = {"vocabulary": vocabulary, "words": readings, "modality": modality, "visualisations": drawn}
    return {f"{name}.parquet": pa.Table.from_pylist(table, SCHEMAS[name]) for name, table in rows.items()}
