from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import torch
from scipy.stats import rankdata
from torch.nn import functional as F

from extract.enrichment.branch_differences import branch_differences, overlap
from extract.enrichment.concept_table import ProbeConcepts
from extract.enrichment.facts import ProbeEmbeddings, ProbeFacts
from extract.enrichment.pipeline import TABLES, measure
from extract.errors import ExtractionError, ProbesError, UnknownUnit
from extract.folder import activations
from extract.folder.extraction import Extraction
from extract.network.hooks import LayerActivations, watch_activations
from extract.network.network import Network
from extract.network.preprocessing import stack
from extract.probes.table import images
from extract.recording.percentiles import percentiles
from extract.responses.top_probes import FEW, RankedProbes, listed
from extract.units import Layer
from tests.builders.extractions import without_edges

CONCEPTS, FACET = 200, 4  # concepts, each with 4 discovery and 4 held-out probes a modality; concepts of a facet


def top(values: np.ndarray, held_out: np.ndarray) -> RankedProbes:
    """The top list of one unit."""
    line = values.astype(np.float32)[None]
    deviation = line.std(axis=1, dtype=np.float64)
    deviation[deviation < 1e-6] = np.nan
    return listed(line, np.zeros(line.shape, int), line.mean(axis=1, dtype=np.float64), deviation, held_out)["top"]


@dataclass(frozen=True)
class World:
    """Probes whose embedding is their concept, and what units would do on them."""

    shown: ProbeFacts
    concept: np.ndarray

    def facet(self, first: int, *, words: bool) -> np.ndarray:
        """1 on the probes of FACET concepts from `first` on in one modality, else 0."""
        inside = (self.concept >= first) & (self.concept < first + FACET) & (self.shown.words == words)
        return np.asarray(inside, np.float32)

    def noise(self, scale: float = 0.01) -> np.ndarray:
        return np.random.default_rng(1).normal(0, scale, len(self.concept)).astype(np.float32)

    def measures(self, shortcut: np.ndarray, conv: np.ndarray) -> dict[str, float]:
        """The evidence of one unit."""
        tops = {branch: top(values, self.shown.held_out) for branch, values in (("shortcut", shortcut), ("conv", conv))}
        space = np.eye(CONCEPTS, dtype=np.float32)[self.concept]
        embedded = ProbeEmbeddings.of(tops.values(), np.array_split(space, 7))
        found = branch_differences(self.shown, tops, embedded)
        return {name: float(values[0]) for name, values in found.items()}


@pytest.fixture(scope="module")
def world() -> World:
    concept, words, held_out, _ = (
        grid.ravel() for grid in np.meshgrid(np.arange(CONCEPTS), [False, True], [False, True], range(4), indexing="ij")
    )
    return World(ProbeFacts(words, held_out, concept * 2 + words), concept)


def test_a_unit_that_joins_two_facets_shows_it_in_every_measure(world: World) -> None:
    found = world.measures(world.facet(0, words=False) + world.noise(), world.facet(50, words=True))
    assert found["overlap"] == 0
    assert found["concept_difference"] == pytest.approx(1)
    assert (found["words_shortcut"], found["words_conv"], found["modality_difference"]) == (0, 1, 1)


def test_one_facet_over_both_branches_shows_no_difference(world: World) -> None:
    same = world.facet(0, words=True) + world.noise()
    found = world.measures(same, 2 * same)
    assert found["overlap"] == 1
    assert found["concept_difference"] == pytest.approx(0, abs=1e-6)
    assert found["modality_difference"] == 0


def test_two_concepts_in_one_modality_differ_in_concept_alone(world: World) -> None:
    found = world.measures(world.facet(0, words=False) + world.noise(), world.facet(2, words=False))
    assert found["concept_difference"] == pytest.approx(0.5)  # two of four concepts in common
    assert found["overlap"] == pytest.approx(0.5)
    assert found["modality_difference"] == 0


@pytest.mark.parametrize("dead", [0.0, 0.7])
def test_a_dead_branch_gives_no_number(world: World, dead: float) -> None:
    found = world.measures(np.full(len(world.concept), dead, np.float32), world.facet(0, words=True))
    for name in ("overlap", "concept_difference", "modality_difference", "words_shortcut"):
        assert np.isnan(found[name]), name
    assert found["words_conv"] == 1


def test_a_concept_is_another_facet_as_a_word_than_as_a_picture(noise: pa.Table) -> None:
    places = ProbeConcepts.of(noise).places.max(axis=0)
    columns = zip(noise["modality"].to_pylist(), noise["concept"].to_pylist(), strict=True)
    facets = set(zip(columns, places.tolist(), strict=True))
    assert len(facets) == len(set(places.tolist())) == 22  # 11 concepts in 2 modalities


def test_percentiles_count_equals_half() -> None:
    values = np.random.default_rng(0).integers(0, 5, (50, 3)).astype(np.float32)
    expected = (rankdata(values, axis=0) - 0.5) / 50
    np.testing.assert_allclose(percentiles(values), expected)
    np.testing.assert_allclose(percentiles(np.zeros((7, 1))), 0.5)


LAYERS = [Layer(4, 1, 6), Layer(4, 2, 6)]


def contents(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def columns(table: pa.Table, layer: str, *names: str) -> list[np.ndarray]:
    rows = table.filter(pc.field("layer") == layer)
    return [rows[name].to_numpy() for name in names]


def test_measuring_twice_gives_the_same_bytes(tiny: Network, noise: pa.Table, tmp_path: Path) -> None:
    for name in "ab":
        measure(tiny, without_edges(tiny, tmp_path / name), noise, LAYERS, progress=False)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_tables_equal_a_plain_computation_over_all_probes_at_once(
    tiny: Network, noise: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several chunks, several blocks of units; and a network's maps as torch alone gives them."""
    monkeypatch.setattr(activations, "_BLOCK", 88 * 50)
    folder = without_edges(tiny, tmp_path / "x")
    measure(tiny, folder, noise, LAYERS, progress=False, chunk=40)
    seen: dict[Layer, LayerActivations] = {}
    with torch.no_grad(), watch_activations(tiny.visual, [*tiny.architecture.layers], seen.__setitem__):
        pixels = torch.cat(list(stack(images(noise), tiny.preprocess, 88)))
        space = F.normalize(tiny.visual(pixels), dim=1).numpy()
    held_out = np.array(noise["split"].to_pylist()) == "held-out"
    sources = {"sum": "4/2/6", "shortcut": "4/1/6", "conv": "4/2/5"}
    values = {branch: seen[Layer.parse(layer)].value.numpy() for branch, layer in sources.items()}
    terms = seen[Layer(4, 2, 6)].terms
    assert terms is not None
    ids, discovery = noise["id"].to_pylist(), np.flatnonzero(~held_out)
    rows = folder.table("examples").filter(pc.field("layer") == "4/2/6").to_pylist()
    kept: dict[tuple[str, str, int], list[dict[str, Any]]] = {}
    for row in rows:
        kept.setdefault((row["branch"], row["kind"], row["channel"]), []).append(row)
    for branch in sources:
        stored = folder.activations(Layer.parse(sources[branch]))
        assert stored is not None
        np.testing.assert_allclose(stored, values[branch], rtol=1e-5, atol=1e-6)
        exact, deviation = stored.astype(float), values[branch].std(axis=0)
        alive = np.flatnonzero(deviation > 1e-6)
        assert len(alive) > 100
        assert not any((branch, "top", c) in kept for c in set(range(256)) - set(alive.tolist()))
        z = (exact - values[branch].mean(axis=0)) / np.where(deviation > 0, deviation, 1)
        for c in alive.tolist():
            column = exact[discovery, c]
            orders = {
                "top": (-column).argsort(kind="stable")[:16],
                "low": column.argsort(kind="stable")[:8],
                "middle": np.abs(column - np.median(column)).astype(np.float32).argsort(kind="stable")[:8],
            }
            for kind, order in orders.items():
                expected = [n for n in discovery[order] if kind != "top" or z[n, c] > 0]
                found = kept[branch, kind, c]
                assert [row["probe"] for row in found] == [ids[n] for n in expected]
                np.testing.assert_allclose([row["z"] for row in found], z[expected, c], atol=2e-3)
                at = [row["row"] * 2 + row["column"] for row in found]
                assert at == seen[Layer.parse(sources[branch])].peak[expected, c].tolist()
    exact, published, distance, over = columns(
        folder.table("evidence"), "4/2/6", "share_exact", "share_published", "concept_difference", "overlap"
    )
    for c in range(256):
        of = {branch: [ids.index(row["probe"]) for row in kept.get((branch, "top", c), [])] for branch in sources}
        if not all(of.values()):
            assert np.isnan(over[c]) or not of["sum"]
            continue
        passed, fired = terms.gated_shortcut[of["sum"], c].sum(), values["sum"][of["sum"], c].sum()
        assert exact[c] == pytest.approx(float(passed / fired), rel=1e-4)
        assert published[c] == pytest.approx(float(terms.published_share[of["sum"], c].mean()), rel=1e-4)
        one, other = (space[of[branch]].mean(axis=0) for branch in ("shortcut", "conv"))
        cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
        assert distance[c] == pytest.approx(1 - cosine, abs=1e-5)
        both = len(set(of["shortcut"]) & set(of["conv"])) / max(len(of["shortcut"]), len(of["conv"]))
        assert over[c] == pytest.approx(both)


def test_activations_of_every_measured_unit_are_read_by_column(tiny: Network, noise: pa.Table, tmp_path: Path) -> None:
    folder = without_edges(tiny, tmp_path / "x")
    measure(tiny, folder, noise, LAYERS, progress=False)
    seen: dict[Layer, LayerActivations] = {}
    with torch.no_grad(), watch_activations(tiny.visual, [Layer(4, 2, 5)], seen.__setitem__):
        tiny.visual(torch.cat(list(stack(images(noise), tiny.preprocess, 88))))
    opened = Extraction.open(tmp_path / "x")
    found, at = (opened.activations(Layer(4, 2, 5), slice(7, 9), kind) for kind in ("value", "at"))
    assert found is not None
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, seen[Layer(4, 2, 5)].value[:, 7:9], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(at, seen[Layer(4, 2, 5)].peak[:, 7:9])
    assert opened.activations(Layer(1, 0, 5)) is None


@pytest.mark.parametrize("layers", [LAYERS, None])
def test_activity_is_the_mean_over_all_probes_of_what_a_unit_passes_on(
    tiny: Network, noise: pa.Table, tmp_path: Path, layers: list[Layer] | None
) -> None:
    folder = without_edges(tiny, tmp_path / "x")
    measure(tiny, folder, noise, layers, progress=False, chunk=40)
    kept: dict[str, np.ndarray] = {}

    def keep(name: str) -> Callable[..., None]:
        return lambda _, inputs, maps: kept.update({name: maps.numpy().copy().mean((2, 3))})

    modules = {"4/2/6": "layer4.2.act3", "4/2/5": "layer4.2.bn3", "4/2/3": "layer4.2.act2", "1/0/1": "layer1.0.act1"}
    handles = [tiny.visual.get_submodule(module).register_forward_hook(keep(name)) for name, module in modules.items()]
    with torch.no_grad():
        tiny.visual(torch.cat(list(stack(images(noise), tiny.preprocess, 88))))
    for handle in handles:
        handle.remove()
    assert (kept["4/2/5"] < 0).any()
    table = Extraction.open(tmp_path / "x").table("activity")
    for name, means in kept.items():
        (found,) = columns(table, name, "activity")
        np.testing.assert_allclose(found, np.abs(means).mean(axis=0), rtol=1e-4, atol=1e-6)
    inner = {str(layer) for layer in tiny.architecture.layers if layer.role in ("bn1", "bn2")}
    sums = layers or [layer for layer in tiny.architecture.layers if layer.role == "sum"]
    branches = {str(part) for layer in sums for part in tiny.architecture.branches(layer).values()}
    assert set(table["layer"].to_pylist()) == inner | branches


def test_a_layer_that_is_no_sum_has_examples_alone(tiny: Network, noise: pa.Table, tmp_path: Path) -> None:
    folder = without_edges(tiny, tmp_path / "x")
    measure(tiny, folder, noise, [Layer(4, 2, 3)], progress=False)
    rows = folder.table("examples")
    assert set(rows["branch"].to_pylist()) == {"unit"}
    assert set(rows["kind"].to_pylist()) == {"top", "middle", "low", "random"}
    assert folder.table("evidence").num_rows == 0
    with pytest.raises(UnknownUnit):
        measure(tiny, folder, noise, [Layer(4, 9, 6)], progress=False)


def test_measured_tables_cover_every_unit_and_branch(tiny: Network, noise: pa.Table, tmp_path: Path) -> None:
    folder = without_edges(tiny, tmp_path / "x")
    measure(tiny, folder, noise, progress=False)
    opened = Extraction.open(tmp_path / "x")
    units = [
        (str(layer), c) for layer, channels in folder.layers.items() if layer.role == "sum" for c in range(channels)
    ]
    for name in ("evidence", "shares"):
        table = opened.table(name)
        assert list(zip(table["layer"].to_pylist(), table["channel"].to_pylist(), strict=True)) == units
    held_out = {row["id"] for row in noise.to_pylist() if row["split"] == "held-out"}
    rows = [row for row in opened.table("examples").to_pylist() if row["layer"] == "4/2/6"]
    assert {row["branch"] for row in rows} == {"sum", "shortcut", "conv"}
    assert not held_out & {row["probe"] for row in rows}
    drawn = {(row["rank"], row["probe"]) for row in rows if row["kind"] == "random"}
    assert len(drawn) == len(dict(drawn)) == FEW  # the same for every unit and branch


def test_an_extraction_whose_sums_alone_were_measured_becomes_as_one_measured_anew(
    tiny: Network, noise: pa.Table, tmp_path: Path
) -> None:
    old, new = (without_edges(tiny, tmp_path / name) for name in ("old", "new"))
    measure(tiny, old, noise, [layer for layer in old.layers if layer.role == "sum"], progress=False)
    for folder in (old, new):
        measure(tiny, folder, noise, progress=False)
    for name in (
        "probes",
        "activity",
        "histograms",
        "examples",
        "evidence",
        "census",
        "census_settings",
        "shares",
        "ablation",
    ):
        assert old.table(name).equals(new.table(name)), name
    assert old.under("activations") == new.under("activations")


def test_what_lies_inside_a_branch_is_listed_by_what_it_passes_on(
    tiny: Network, noise: pa.Table, tmp_path: Path
) -> None:
    folder = without_edges(tiny, tmp_path / "x")
    measure(tiny, folder, noise, progress=False)
    passed: list[np.ndarray] = []
    relu = tiny.visual.get_submodule("layer4.1.act1")
    handle = relu.register_forward_hook(lambda _, inputs, maps: passed.append(maps.numpy().mean((2, 3))))
    with torch.no_grad():
        tiny.visual(torch.cat(list(stack(images(noise), tiny.preprocess, 88))))
    handle.remove()
    discovery = [n for n, row in enumerate(noise.to_pylist()) if row["split"] == "discovery"]
    rows = [row for row in folder.table("examples").to_pylist() if (row["layer"], row["rank"]) == ("4/1/1", 1)]
    first = {row["channel"]: row["value"] for row in rows if (row["branch"], row["kind"]) == ("unit", "top")}
    means = np.concatenate(passed)[discovery]
    assert first.keys() == set(np.flatnonzero(np.concatenate(passed).std(axis=0) > 0))
    for channel, value in first.items():
        np.testing.assert_allclose(value, means[:, channel].max(), rtol=1e-3)


def test_thumbnails_are_kept_of_examples_and_of_a_held_out_probe_of_each_concept(
    tiny: Network, noise: pa.Table, tmp_path: Path
) -> None:
    folder = without_edges(tiny, tmp_path / "x")
    measure(tiny, folder, noise, LAYERS, progress=False)
    probes, shown = folder.table("probes"), set(folder.table("examples")["probe"].to_pylist())
    assert probes.drop(["image"]).equals(noise.drop(["image"]))
    shown |= {f"{number:02}" for number in range(44, 66)}  # the first held-out one of either modality and each concept
    for row, original in zip(probes.to_pylist(), noise.to_pylist(), strict=True):
        assert row["image"] == (original["image"] if row["id"] in shown else None)
    assert any(row["image"] is None for row in probes.to_pylist())


def test_an_interrupted_pass_goes_on_to_the_same_bytes(
    tiny: Network, noise: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure(tiny, without_edges(tiny, tmp_path / "whole"), noise, LAYERS, progress=False, chunk=20)
    write, written = Extraction.add, list[str]()

    def interrupted(self: Extraction, files: Any) -> None:
        if len(written) in (2, 7, 9):  # after two chunks, after examples of a layer, between thumbnails
            written.append("")
            raise KeyboardInterrupt
        write(self, files)
        written.extend(list(files)[:1])

    monkeypatch.setattr(Extraction, "add", interrupted)
    folder, tries = without_edges(tiny, tmp_path / "x"), 0
    while not folder.has(*TABLES):
        tries += 1
        try:
            measure(tiny, folder, noise, LAYERS, progress=False, chunk=20)
        except KeyboardInterrupt:
            folder = Extraction.open(tmp_path / "x")
    assert tries == 4
    assert contents(tmp_path / "x") == contents(tmp_path / "whole")


def test_another_sources_unfinished_pass_leaves_nothing_behind(
    tiny: Network, noise: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = without_edges(tiny, tmp_path / "x")
    with monkeypatch.context() as patch:
        patch.setattr("extract.enrichment.pipeline.lists", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            measure(tiny, folder, noise.slice(4), LAYERS, progress=False)
    measure(tiny, folder, noise, LAYERS, progress=False)
    measure(tiny, without_edges(tiny, tmp_path / "y"), noise, LAYERS, progress=False)
    assert contents(tmp_path / "x") == contents(tmp_path / "y")


def test_a_dead_branch_is_null_in_the_table(tiny: Network, noise: pa.Table, tmp_path: Path) -> None:
    norm = tiny.visual.get_submodule("layer4.2.bn3")
    weight = norm.get_parameter("weight")
    before = weight[1].clone()
    weight[1] = 0
    try:
        measure(tiny, without_edges(tiny, tmp_path / "x"), noise, LAYERS, progress=False)
    finally:
        weight[1] = before
    rows = Extraction.open(tmp_path / "x").table("evidence").to_pylist()
    dead = next(row for row in rows if (row["layer"], row["channel"]) == ("4/2/6", 1))
    assert dead["overlap"] is None
    assert dead["words_conv"] is None
    assert dead["words_shortcut"] is not None


def test_what_is_measured_is_not_measured_again(tiny: Network, noise: pa.Table, tmp_path: Path) -> None:
    folder = without_edges(tiny, tmp_path / "x")
    measure(tiny, folder, noise, LAYERS, progress=False)
    stamps = {file: file.stat().st_mtime_ns for file in (tmp_path / "x").rglob("*")}
    measure(tiny, Extraction.open(tmp_path / "x"), noise, LAYERS, progress=False)
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "x").rglob("*")} == stamps


def test_other_probes_layers_or_weights_are_refused(tiny: Network, noise: pa.Table, tmp_path: Path) -> None:
    folder = without_edges(tiny, tmp_path / "x")
    measure(tiny, folder, noise, LAYERS, progress=False)
    before = contents(tmp_path / "x")
    for probes, layers in ((noise.slice(1), LAYERS), (noise, LAYERS[:1])):
        with pytest.raises(ExtractionError, match="other probes or layers"):
            measure(tiny, folder, probes, layers, progress=False)
    with pytest.raises(ExtractionError, match="other weights"):
        measure(replace(tiny, sha256="0" * 64), folder, noise, LAYERS, progress=False)
    assert contents(tmp_path / "x") == before


def test_unsound_probes_change_nothing(tiny: Network, noise: pa.Table, tmp_path: Path) -> None:
    folder = without_edges(tiny, tmp_path / "x")
    with pytest.raises(ProbesError):
        measure(tiny, folder, noise.slice(0, 0), LAYERS, progress=False)
    assert not folder.manifest.files


def test_a_damaged_image_in_a_table_is_an_error(tiny: Network, noise: pa.Table, tmp_path: Path) -> None:
    rows = noise.to_pylist()
    rows[60]["image"] = rows[60]["image"][:100]
    damaged = pa.Table.from_pylist(rows, noise.schema)
    with pytest.raises(ProbesError, match="image of probe 60 cannot be read"):
        measure(tiny, without_edges(tiny, tmp_path / "x"), damaged, LAYERS, progress=False)


def test_overlap_counts_common_probes_over_the_longer_list() -> None:
    def of(probes: list[int], valid: int) -> RankedProbes:
        flags = np.arange(4)[None] < valid
        return RankedProbes(np.array([probes]), np.zeros((1, 4)), np.zeros((1, 4)), np.zeros((1, 4), int), flags)

    assert overlap(of([1, 2, 3, 4], 4), of([4, 9, 1, 2], 3))[0] == 0.5
    assert np.isnan(overlap(of([1, 2, 3, 4], 4), of([1, 2, 3, 4], 0))[0])
