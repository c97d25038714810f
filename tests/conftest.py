"""Networks and folders that several tests share."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from extract.folder.extraction import Extraction, Manifest, Settings, part
from extract.folder.schemas import SCHEMAS
from extract.units import Architecture, Layer
from tests.builders.extractions import without_edges
from tests.builders.neo4j_server import LocalNeo4j, Neo4j, fetched

if TYPE_CHECKING:
    from extract.network.network import Network
    from graph.store import CircuitStore

TINY = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 64, "layers": [2, 1, 1, 3], "width": 8},
    "text_cfg": {"context_length": 8, "vocab_size": 32, "width": 8, "heads": 1, "layers": 1},
}


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> "Network":
    """A ModifiedResNet of 7 blocks with uneven batch norms; 64 pixels, 256 final units, final maps of 2 x 2."""
    from extract.network.weights import load_network

    file: Path = tmp_path_factory.mktemp("tiny") / "tiny.json"
    file.write_text(json.dumps(TINY))
    return load_network(str(file), seed=7)


@pytest.fixture(scope="session")
def noise() -> pa.Table:
    """88 probes of noise: 11 concepts in 2 modalities, 2 for discovery and 2 held out of each."""
    generator = np.random.default_rng(0)
    rows = []
    for number in range(88):
        stream = BytesIO()
        Image.fromarray(generator.integers(0, 256, (64, 64, 3), np.uint8)).save(stream, "png")
        rows.append(
            {
                "id": f"{number:02}", "modality": ("picture", "word")[number // 11 % 2], "concept": str(number % 11),
                "source": "noise", "split": ("discovery", "held-out")[number // 44], "sensitive": False,
                "image": stream.getvalue(),
            }
        )  # fmt: skip
    return pa.Table.from_pylist(rows, schema=SCHEMAS["probes"])


@pytest.fixture(scope="module")
def measured(tiny: "Network", noise: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    """An extraction of no edges, the tiny network's last sum measured on the noise."""
    from extract.enrichment.evidence import measure

    extraction = without_edges(tiny, tmp_path_factory.mktemp("measured") / "x")
    measure(tiny, extraction, noise, [tiny.architecture.final], progress=False)
    return extraction


@pytest.fixture(scope="session")
def random_extraction() -> Callable[..., Extraction]:
    """Writes an extraction of random edges and evidence, no network behind it."""

    def write(path: Path, model: str, seed: int = 0, width: int = 4, density: float = 0.2) -> Extraction:
        rng, architecture = np.random.default_rng(seed), Architecture((2, 2), width, 32)
        channels = {layer: architecture.channels(layer) for layer in architecture.layers}
        extraction = Extraction.create(
            path,
            Manifest(
                model=model,
                weights_sha256=f"{seed:064x}",
                blocks=architecture.blocks,
                width=architecture.width,
                image_size=architecture.image_size,
                settings=Settings(targets=tuple(map(str, channels)), strongest=9, matrices=False),
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
            extraction.add(_random_shard(rng, target, architecture, density))
        extraction.add(_random_evidence(rng, [row for row in units if row["layer"][-1] in "68"]))
        extraction.add(_random_words(rng, [row for row in units if row["layer"][-1] in "5678"]))
        active = [row | {"activity": rng.random()} for row in units]
        extraction.add({"activity.parquet": pa.Table.from_pylist(active, SCHEMAS["activity"])})
        extraction.add({"histograms.parquet": _random_histograms(rng, [r for r in units if r["layer"][-1] in "5678"])})
        return extraction

    return write


def _random_histograms(rng: np.random.Generator, branches: list[dict[str, Any]]) -> pa.Table:
    """Forty probes each; every seventh unit does the same on all of them."""
    rows = [
        unit | {"low": -rng.random(), "high": rng.random(), "counts": rng.multinomial(40, [0.05] * 20).tolist()}
        | {"n": 40, "mean": rng.normal(), "sd": rng.random() if n % 7 else None}
        for n, unit in enumerate(branches) if n % 3
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, SCHEMAS["histograms"])


def _random_shard(rng: np.random.Generator, target: Layer, shape: Architecture, density: float) -> dict[str, pa.Table]:
    """Each pair kept with a chance of `density`; the nine largest of a unit and layer have a rank."""
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


def _random_evidence(rng: np.random.Generator, sums: list[dict[str, Any]]) -> dict[str, pa.Table]:
    """Forty probes, four of them an example of each branch; every fifth unit not measured, a third without overlap."""
    probes = [
        {
            "id": f"probe {n}", "modality": ("picture", "word")[n % 2], "concept": f"concept {n // 4}",
            "source": "random", "split": "discovery", "sensitive": n == 3, "image": rng.bytes(50),
        }
        for n in range(40)
    ]  # fmt: skip
    measured = [row for n, row in enumerate(sums) if n % 5]
    evidence = [row | dict(zip(SCHEMAS["evidence"].names[2:], rng.random(10), strict=True)) for row in measured]
    evidence = [row | {"overlap": np.nan} if n % 3 == 0 else row for n, row in enumerate(evidence)]
    examples = [
        row | {"branch": branch, "rank": rank, "probe": f"probe {n}", "value": 9 - rank, "z": 5 - rank}
        for row in measured
        for branch in ("sum", "shortcut", "conv")
        for rank, n in enumerate(rng.choice(36, 4, replace=False), start=1)
    ]  # fmt: skip
    names = SCHEMAS["shares"].names[3:]
    shares = [row | {"examples": 4} | dict(zip(names, rng.random(len(names)), strict=True)) for row in measured]
    tests, proof = SCHEMAS["tests"].names[2:-1], SCHEMAS["dissociation"].names[3:-4]
    tested = [row | dict(zip(tests, rng.random(len(tests)), strict=True)) for row in measured]
    verdicts = ("supported", "contradicted", "inconclusive", None)
    proven = [
        row | dict(zip(proof, rng.random(len(proof)), strict=True)) | {"concepts": 4, "verdict": verdicts[n % 4]}
        for n, row in enumerate(measured)
    ]
    rows = {"probes": probes, "evidence": evidence, "shares": shares, "examples": examples}
    rows |= {"tests": tested, "dissociation": proven}
    return {f"{name}.parquet": pa.Table.from_pylist(table, SCHEMAS[name]) for name, table in rows.items()}


def _random_words(rng: np.random.Generator, branches: list[dict[str, Any]]) -> dict[str, pa.Table]:
    """Twelve words and as many letter strings; each unit has its three top words; two thirds of the units a profile."""
    texts = [(kind, f"{kind} {n}") for kind in ("word", "letters") for n in range(12)]
    vocabulary = [{"text": text, "kind": kind, "length": len(text), "lettering": "hand"} for kind, text in texts]
    readings = [
        unit | {"word": f"word {n}", "value": rng.random(), "z": rng.normal() if n else None, "word_rank": rank}
        | {"unit_rank": int(rng.integers(1, 9)) if rng.random() < 0.5 else None}
        for unit in branches
        for rank, n in enumerate(rng.choice(12, 3, replace=False), start=1)
    ]  # fmt: skip
    modality = [
        unit | {"words": rng.uniform(-1, 1), "pictures": rng.uniform(-1, 1), "n_words": 12, "n_pictures": 20}
        for unit in branches if unit["channel"] % 3
    ]  # fmt: skip
    drawn = [
        unit | {"share_published": rng.random() if unit["layer"][-1] in "68" else None, "image": rng.bytes(30)}
        for unit in branches if unit["channel"] % 2
    ]  # fmt: skip
    rows = {"vocabulary": vocabulary, "words": readings, "modality": modality, "visualisations": drawn}
    return {f"{name}.parquet": pa.Table.from_pylist(table, SCHEMAS[name]) for name, table in rows.items()}


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    """An extraction built by hand, 32 units in 4/2/6, of which some are as their evidence and weights below say."""
    manifest = Manifest(
        model="planted:by-hand",
        weights_sha256="0" * 64,
        blocks=(1, 1, 1, 3),
        width=1,
        image_size=64,
        settings=Settings(targets=("4/1/5", "4/1/6", "4/2/5"), strongest=10, matrices=False),
        tools={},
    )
    extraction = Extraction.create(tmp_path_factory.mktemp("planted") / "planted.extraction", manifest)
    units: list[dict[str, Any]] = [
        {"layer": str(layer), "channel": c} for layer, n in extraction.layers.items() for c in range(n)
    ]
    extraction.add({"units.parquet": pa.Table.from_pylist(units, SCHEMAS["units"])})
    for target in manifest.settings.targets:
        edges = _planted_edges(target)
        pairs = {(edge["source"], edge["direct"]) for edge in edges}
        sweeps = [
            {"source": source, "target": target, "n": 1024, "kept": len(edges), "cutoff_magnitude": 0, "cutoff_mean": 0}
            | {"span": 1, "direct": direct, "cut": False}
            for source, direct in sorted(pairs)
        ]
        rows = {"edges": edges, "sweeps": sweeps}
        extraction.add({part(name, target): pa.Table.from_pylist(rows[name], SCHEMAS[name]) for name in rows})
    rows = _planted_evidence()
    rows |= _planted_words()
    extraction.add({f"{name}.parquet": pa.Table.from_pylist(rows[name], SCHEMAS[name]) for name in rows})
    return extraction


def _planted_words() -> dict[str, list[dict[str, Any]]]:
    """4/2/6/0 reads two words, unit 1 the first of them."""
    texts = ("hammer", "anchor")
    vocabulary = [{"text": text, "kind": "word", "length": len(text), "lettering": "hand"} for text in texts]
    readings = [
        {"word": word, "layer": "4/2/6", "channel": channel, "value": 2.0 - channel, "z": 3.0 - rank}
        | {"word_rank": rank, "unit_rank": channel + 1}
        for channel, words in enumerate([texts, texts[:1]])
        for rank, word in enumerate(words, start=1)
    ]
    return {"vocabulary": vocabulary, "words": readings}


def _planted_edges(target: str) -> list[dict[str, Any]]:
    """From 4/0/8, units 0 to 9 into every unit; but into conv unit 0, strongly, and 3, weakly, units 10 to 19.

    Conv unit 1 takes back what its shortcut brings, unit 5 shares one input that outweighs all others, and unit 6 has
    the same inputs with signs in turn. Direct edges come from the block's bn2 units, odd ones negative.
    """
    sum_, block = "4/0/8", target[:4]
    edges = []
    for channel in range(32):
        conv = target == "4/2/5"
        strength = {("4/2/5", 3): 0.1, ("4/2/5", 0): 5.0, ("4/1/6", 0): 5.0}.get((target, channel), 1.0)
        for rank in range(1, 11):
            apart = conv and (channel in (0, 3) or (channel == 5 and rank > 1))
            negative = conv and (channel == 1 or (channel == 6 and rank % 2))
            weight = 20.0 if channel == 5 and rank == 1 else strength * (1 - rank / 100)
            mean = -weight if negative else weight
            edges.append(_edge(sum_, rank - 1 + 10 * apart, target, channel, weight, mean, False, rank))
        if not target.endswith("6"):
            for source in range(8):
                weight = (source + 1) * (1 + channel / 100)
                edges.append(
                    _edge(f"{block}3", source, target, channel, weight, (-1) ** source * weight, True, 8 - source)
                )
    return edges


def _edge(
    source: str, s: int, target: str, t: int, magnitude: float, mean: float, direct: bool, rank: int
) -> dict[str, Any]:
    ends = {"source": source, "source_channel": s, "target": target, "target_channel": t}
    weights = {"magnitude": magnitude, "mean": mean, "sum": mean, "span": 1, "direct": direct}
    return ends | weights | {"rank_in": rank, "rank_out": None}


PLANTED = {  # unit: differences in concept and modality, reaches of shortcut and conv, exact share
    0: (0.9, 0.9, 0.97, 0.95, 0.9966),  # two facets in both ways
    1: (0.8, 0.1, 0.99, 0.93, 0.5),  # in concept alone
    2: (0.9, 0.9, 0.99, 0.5, 0.9849),  # one facet is discarded
    3: (0.1, 0.1, 0.99, 0.99, 0.15),  # one facet
    4: (0.2, 0.7, 0.92, 0.98, 0.3),  # in modality alone, and reached less than unit 1
}


TESTED = {  # unit: q, the lesser effect, verdict; every other unit has q 0.8, and the last was not measured
    0: (0.001, 0.9, "supported"),
    1: (0.01, 0.05, "inconclusive"),
    2: (0.6, -0.4, "contradicted"),
    3: (0.7, 0.0, "inconclusive"),
    4: (0.04, 0.3, "supported"),
}


def _planted_evidence() -> dict[str, list[dict[str, Any]]]:
    """Evidence of 4/2/6's units, all but the last; words for conv, pictures for the shortcut; probe w1 is sensitive.

    Of the units inside the branches one alone was shown probes, 4/2/3/2.
    """
    names = ("concept_difference", "modality_difference", "reach_shortcut", "reach_conv", "share_exact")
    unit: dict[str, Any] = {"layer": "4/2/6"}
    evidence = [
        unit | {"channel": c} | dict(zip(names, PLANTED.get(c, (0.1, 0.1, 0.5, 0.5, 0.9)), strict=True))
        for c in range(31)
    ]
    tests, proof = list[dict[str, Any]](), list[dict[str, Any]]()
    for c in range(31):
        q, least, verdict = TESTED.get(c, (0.8, 0.0, "inconclusive"))
        tests.append(
            unit | {"channel": c, "p_facets": q / 2, "p_reach_shortcut": q / 3, "p_reach_conv": q, "p": q, "q": q}
        )
        effects = {"effect_conv": least, "effect_shortcut": least + 0.1, "control": 0.2, "verdict": verdict}
        proof.append(unit | {"channel": c, "concepts": 4, "facet_conv": "a; b", "facet_shortcut": "c; d"} | effects)
    tests.append(unit | {"channel": 31, "undecided": "the conv branch answers to no probe more than to most"})
    probes = [
        {"id": f"{kind[0]}{n}", "modality": kind, "concept": f"{kind} {n}", "source": "hand", "split": "discovery"}
        | {"sensitive": (kind, n) == ("word", 1), "image": b"image"}
        for kind in ("picture", "word")
        for n in range(4)
    ]
    examples = [
        unit | {"channel": c, "branch": branch, "rank": rank, "probe": f"{letter}{rank}", "value": 1.0, "z": 2.0}
        for c in range(31)
        for branch, letter in (("shortcut", "p"), ("conv", "w"), ("sum", "p"))
        for rank in (1, 2, 3)
    ]
    inner = {"layer": "4/2/3", "channel": 2, "branch": "unit", "value": 1.0, "z": 2.0}
    examples += [inner | {"rank": rank, "probe": probe} for rank, probe in ((1, "p0"), (2, "p2"))]
    shares = [unit | {"channel": 0, "examples": 3, "overlap_shortcut": 0.625, "overlap_conv": 0.125}]
    histograms = [
        {"layer": layer, "channel": 0, "low": 0.0, "high": 2.0, "counts": [30, *[0] * 8, 9, *[0] * 9, 1], "n": 40}
        | {"mean": 0.3, "sd": 0.5}
        for layer in ("4/2/6", "4/2/5")
    ]
    rows = {"probes": probes, "evidence": evidence, "examples": examples, "tests": tests, "dissociation": proof}
    return rows | {"shares": shares, "histograms": histograms}


@pytest.fixture(scope="session")
def planted_folder(planted: Extraction, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of an embedded database that holds the planted extraction; its server runs until the tests end."""
    from graph.embedded.server import stop
    from graph.loading.load import load

    folder = tmp_path_factory.mktemp("planted") / "database"
    load(planted, folder, progress=False)
    yield folder
    stop(folder)


@pytest.fixture(scope="session")
def planted_store(planted_folder: Path) -> "Iterator[CircuitStore]":
    """The store of that database."""
    from graph.opening import connect
    from graph.store import CircuitStore

    with connect(str(planted_folder)) as database:
        yield CircuitStore(database)


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of an empty embedded database with a small heap, whose server runs; use labels of your own."""
    from graph.embedded.server import ensure, stop

    folder = tmp_path_factory.mktemp("embedded") / "database"
    ensure(folder, heap=384)
    yield folder
    stop(folder)


@pytest.fixture(scope="session")
def neo4j_classes(request: pytest.FixtureRequest) -> Path:
    """Neo4j itself, fetched once into pytest's cache."""
    if not (shutil.which("java") and shutil.which("mvn")):
        _without_neo4j("Java 17 and Maven start a Neo4j of the tests' own: install them, or set NEO4J_URI.")
    try:
        return fetched(request.config.cache.mkdir("neo4j"))
    except subprocess.CalledProcessError as error:
        _without_neo4j(f"Maven cannot fetch Neo4j: {error.stdout[-500:]}")


def _without_neo4j(reason: str) -> NoReturn:
    if os.environ.get("CIRCUITS_TESTS_NEED_NEO4J"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def local_neo4j(neo4j_classes: Path, tmp_path: Path) -> Iterator[LocalNeo4j]:
    """A Neo4j, not started yet, that a test may start, stop and kill as it likes."""
    server = LocalNeo4j(neo4j_classes, tmp_path / "neo4j")
    yield server
    server.kill()


@pytest.fixture(scope="session")
def neo4j(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neo4j]:
    """A running Neo4j that the tests share, each starting with `emptied`: NEO4J_URI's, or one of our own."""
    if url := os.environ.get("NEO4J_URI"):
        user, password = os.environ.get("NEO4J_USERNAME", "neo4j"), os.environ.get("NEO4J_PASSWORD", "")
        given = Neo4j(url, user, password, os.environ.get("NEO4J_DATABASE"))
        with given.connect() as database:
            if database.read("MATCH (n) RETURN n LIMIT 1"):
                pytest.fail(f"The tests wipe {url}, and it is not empty. Name another in NEO4J_URI, or none.")
        yield given
        given.emptied().close()
        return
    own = LocalNeo4j(request.getfixturevalue("neo4j_classes"), tmp_path_factory.mktemp("neo4j") / "home")
    yield own.start()
    own.kill()
