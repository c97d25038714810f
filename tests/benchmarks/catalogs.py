"""A synthetic catalog of RN50's shape, for benchmarks: true sizes and schema, random numbers, no network behind it."""

from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from extract.folder.extraction import Extraction
from extract.folder.manifest import ExtractionSettings, Manifest, part
from extract.folder.schemas import SCHEMAS
from extract.probes.pictures import THUMBNAIL
from extract.recording.vocabulary import TABLES, table
from extract.units import ARCHITECTURES, Layer
from graph.model_store import ModelStore
from graph.records import Annotation

MODEL = "RN50:synthetic"
RN50 = ARCHITECTURES["RN50"]
SUM = RN50.final
TARGETS = [Layer(4, 2, 5), Layer(4, 1, 6), Layer(4, 2, 3), Layer(4, 2, 1), Layer(4, 1, 5)]
STAGE = [layer for layer in RN50.layers if layer.stage == 4]
PROBES = 1000


def units_alone(path: Path, targets: list[Layer] | None = None) -> Extraction:
    """Create an extraction of RN50's units, with nothing measured of them."""
    settings = ExtractionSettings(targets=tuple(map(str, targets or [])), strongest=20, matrices=False)
    manifest = Manifest(
        model=MODEL,
        weights_sha256="0" * 64,
        blocks=RN50.blocks,
        width=RN50.width,
        image_size=RN50.image_size,
        settings=settings,
        tools={},
    )
    extraction = Extraction.create(path, manifest)
    rows = [{"layer": str(layer), "channel": c} for layer in RN50.layers for c in range(RN50.channels(layer))]
    extraction.add({"units.parquet": pa.Table.from_pylist(rows, SCHEMAS["units"])})
    return extraction


def synthetic(path: Path, edges: int) -> Extraction:
    """Create an extraction of `edges` random edges, as many into every unit of a target from each layer below.

    The extraction also has evidence on the last sum.
    """
    extraction, rng = units_alone(path, TARGETS), np.random.default_rng(0)
    pairs = [(s, t) for t in TARGETS for s in RN50.layers if s < t and s.role in ("bn1", "bn2", "sum")]
    each = edges / sum(RN50.channels(t) for _, t in pairs)  # inputs of a unit from a layer
    for target in TARGETS:
        extraction.add(_shard(rng, target, [s for s, t in pairs if t == target], each))
    extraction.add(_evidence(rng))
    return extraction


def furnish(extraction: Extraction, words: tuple[str, ...]) -> Extraction:
    """Add what else the app shows: verdicts and ablations of the last sum, all activities, words in the last stage."""
    rng = np.random.default_rng(1)
    extraction.add(_findings(rng))
    rows = extraction.table("units").select(["layer", "channel"])
    activity = rows.append_column("activity", pa.array(rng.random(rows.num_rows), pa.float32()))
    extraction.add({"activity.parquet": activity.cast(SCHEMAS["activity"])})
    return add_words(extraction, words, [layer for layer in STAGE if layer.role in ("conv", "sum")])


def add_words(extraction: Extraction, words: tuple[str, ...], layers: list[Layer]) -> Extraction:
    """Add what the units of some layers do on every word."""
    vocabulary = [{"text": word, "kind": "word", "length": len(word), "lettering": "random"} for word in words]
    rows, rng = [], np.random.default_rng(0)
    for layer in layers:
        values = rng.lognormal(size=(len(words), RN50.channels(layer))).astype(np.float32)  # (words, channels)
        rows.append(table(layer, np.array(words), values, (values - values.mean(axis=0)) / values.std(axis=0)))
    read = (pa.Table.from_pylist(vocabulary, SCHEMAS["vocabulary"]), pa.concat_tables(rows))
    extraction.add(dict(zip(TABLES, read, strict=True)))
    return extraction


def label(store: ModelStore, count: int) -> None:
    """Label `count` units of the last sum; every tenth label is sensitive."""
    for channel in range(count):
        store.annotate(
            Annotation(
                *(f"label {channel}", MODEL, f"{SUM}/{channel}", f"text {channel}", "ada", datetime.now(UTC)),
                sensitive=channel % 10 == 0,
            )
        )


def _shard(rng: np.random.Generator, target: Layer, sources: list[Layer], each: float) -> dict[str, pa.Table]:
    edges, sweeps, units = [], [], RN50.channels(target)
    for source in sources:
        count = int(each) + (rng.random() < each % 1)
        t = np.repeat(np.arange(units), count)
        s = rng.integers(0, RN50.channels(source), len(t))
        magnitude = np.sort(rng.lognormal(size=(units, count)), axis=1)[:, ::-1].ravel()
        mean = magnitude * rng.uniform(-1, 1, len(t))
        ends = {"source": str(source), "target": str(target)}
        same = {"span": 9, "direct": (source.stage, source.block) == (target.stage, target.block)}
        columns: dict[str, Any] = {name: np.full(len(t), value) for name, value in (ends | same).items()}
        columns |= {"source_channel": s, "target_channel": t, "magnitude": magnitude, "mean": mean, "sum": mean * 9}
        columns |= {"rank_in": np.tile(np.arange(1, count + 1), units), "rank_out": np.full(len(t), 1)}
        edges.append(pa.table({name: columns[name] for name in SCHEMAS["edges"].names}).cast(SCHEMAS["edges"]))
        cut = {"n": units * RN50.channels(source), "kept": len(t), "cutoff_magnitude": 0.0, "cutoff_mean": 0.0}
        sweeps.append(ends | same | cut | {"cut": False})
    tables = {"edges": pa.concat_tables(edges), "sweeps": pa.Table.from_pylist(sweeps, SCHEMAS["sweeps"])}
    return {part(name, str(target)): table for name, table in tables.items()}


def _evidence(rng: np.random.Generator) -> dict[str, pa.Table]:
    """Draw evidence on every unit of the last sum: eight of a thousand probes, some sensitive, for each branch."""
    probes = [
        {"id": f"{n}", "modality": ("picture", "word")[n % 2], "concept": f"{n // 4}", "source": "random"}
        | {"split": "discovery", "sensitive": n % 50 == 0, "image": _thumbnail(rng)}
        for n in range(PROBES)
    ]
    names = SCHEMAS["evidence"].names[2:]
    units = [{"layer": str(SUM), "channel": c} for c in range(RN50.channels(SUM))]
    evidence = [unit | dict(zip(names, rng.random(len(names)), strict=True)) for unit in units]
    examples = [
        unit | {"branch": branch, "rank": rank, "probe": f"{n}", "value": 9.0 - rank, "z": 5.0 - rank}
        for unit in units
        for branch in ("sum", "shortcut", "conv")
        for rank, n in enumerate(rng.choice(PROBES, 8, replace=False), start=1)
    ]
    rows = {"probes": probes, "evidence": evidence, "examples": examples}
    return {f"{name}.parquet": pa.Table.from_pylist(table, SCHEMAS[name]) for name, table in rows.items()}


def _thumbnail(rng: np.random.Generator) -> bytes:
    """Draw a picture of random patches, of a thumbnail's size and format."""
    patches, stream = Image.fromarray(rng.integers(0, 256, (12, 12, 3), np.uint8)), BytesIO()
    patches.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BICUBIC).save(stream, "webp", quality=80)
    return stream.getvalue()


def _findings(rng: np.random.Generator) -> dict[str, pa.Table]:
    """Draw verdicts of the last sum's units, a fifth of them enriched, and what ablation says."""
    numbers = [name for name in SCHEMAS["census"].names[2:] if SCHEMAS["census"].field(name).type == "float"]
    proved = [name for name in SCHEMAS["ablation"].names[2:] if SCHEMAS["ablation"].field(name).type == "float"]
    census, proof = list[dict[str, Any]](), list[dict[str, Any]]()
    for channel in range(RN50.channels(SUM)):
        unit: dict[str, Any] = {"layer": str(SUM), "channel": channel}
        verdict, ablation = (
            "enriched" if channel % 5 == 0 else "open",
            ("supported", "inconclusive", "contradicted")[channel % 3],
        )
        census.append(unit | dict(zip(numbers, rng.random(len(numbers)), strict=True)) | {"verdict": verdict})
        effects = dict(zip(proved, rng.random(len(proved)), strict=True))
        proof.append(unit | effects | {"state": ablation, "facet_conv": "1; 2", "facet_shortcut": "3"})
    rows = {"census": census, "ablation": proof}
    return {f"{name}.parquet": pa.Table.from_pylist(table, SCHEMAS[name]) for name, table in rows.items()}
