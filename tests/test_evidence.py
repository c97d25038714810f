from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import rankdata

from extract.activations import LENGTH, Responses, tops
from extract.errors import ExtractionError, ProbesError
from extract.evidence import TABLES, Shown, evidence, measure, percentiles
from extract.extraction import Extraction, Manifest, Settings
from extract.units import Layer
from extract.weights import Network

CONCEPTS, FACET = 200, 4  # concepts, each with 4 discovery and 4 held-out probes a modality; concepts of a facet


@dataclass(frozen=True)
class World:
    """Probes whose embedding is their concept, and what units would do on them."""

    shown: Shown
    concept: np.ndarray

    def facet(self, first: int, *, words: bool) -> np.ndarray:
        """1 on the probes of FACET concepts from `first` on in one modality, else 0."""
        inside = (self.concept >= first) & (self.concept < first + FACET) & (self.shown.words == words)
        return np.asarray(inside, np.float32)

    def noise(self, scale: float = 0.01) -> np.ndarray:
        return np.random.default_rng(1).normal(0, scale, len(self.concept)).astype(np.float32)

    def measures(self, shortcut: np.ndarray, conv: np.ndarray, output: np.ndarray | None = None) -> dict[str, float]:
        """The evidence of one unit with flat maps."""
        total = shortcut + conv if output is None else output
        fired = np.maximum(total, 0)
        columns = (shortcut, conv, fired, np.where(total > 0, shortcut, 0), total > 0, np.abs(shortcut), np.abs(conv))
        responses = Responses(*(column.astype(np.float32)[:, None] for column in columns))
        found = evidence(self.shown, responses, tops(responses, self.shown.held_out))
        return {name: float(values[0]) for name, values in found.items()}


@pytest.fixture(scope="module")
def world() -> World:
    concept, words, held_out, _ = (
        grid.ravel() for grid in np.meshgrid(np.arange(CONCEPTS), [False, True], [False, True], range(4), indexing="ij")
    )
    embeddings = np.eye(CONCEPTS, dtype=np.float32)[concept]
    return World(Shown(words, held_out, concept * 2 + words, embeddings), concept)


def test_a_unit_that_joins_two_facets_shows_it_in_every_measure(world: World) -> None:
    found = world.measures(world.facet(0, words=False) + world.noise(), world.facet(50, words=True))
    assert found["overlap"] == 0
    assert found["concept_difference"] == pytest.approx(1)
    assert (found["words_shortcut"], found["words_conv"], found["modality_difference"]) == (0, 1, 1)
    assert found["reach_shortcut"] > 0.98
    assert found["reach_conv"] > 0.98
    assert found["share_exact"] == pytest.approx(0.5, abs=0.6)


def test_one_facet_over_both_branches_shows_no_difference(world: World) -> None:
    same = world.facet(0, words=True) + world.noise()
    found = world.measures(same, 2 * same)
    assert found["overlap"] == 1
    assert found["concept_difference"] == pytest.approx(0, abs=1e-6)
    assert found["modality_difference"] == 0
    assert found["share_exact"] == pytest.approx(1 / 3, rel=1e-3)


def test_two_concepts_in_one_modality_differ_in_concept_alone(world: World) -> None:
    found = world.measures(world.facet(0, words=False) + world.noise(), world.facet(2, words=False))
    assert found["concept_difference"] == pytest.approx(0.5)  # two of four concepts in common
    assert found["overlap"] == pytest.approx(0.5)
    assert found["modality_difference"] == 0


def test_a_facet_that_the_sum_discards_does_not_reach(world: World) -> None:
    kept = world.facet(50, words=True)
    found = world.measures(world.facet(0, words=False), kept, output=kept + world.noise())
    assert found["reach_conv"] > 0.98
    assert found["reach_shortcut"] == pytest.approx(0.5, abs=0.15)


def test_a_facet_that_the_sum_opposes_reaches_below_a_half(world: World) -> None:
    kept = world.facet(50, words=True)
    found = world.measures(world.facet(0, words=False), kept, output=kept - world.facet(0, words=False) + 1)
    assert found["reach_shortcut"] < 0.02


def test_reach_asks_held_out_probes_alone(world: World) -> None:
    """A branch that only learned its discovery images by heart reaches nothing."""
    heart = world.facet(0, words=False) * ~world.shown.held_out
    found = world.measures(heart, world.facet(50, words=True) + world.noise())
    assert found["reach_shortcut"] == pytest.approx(0.5, abs=0.15)


def test_a_random_branch_reaches_nothing_and_differs_from_any_other(world: World) -> None:
    generator = np.random.default_rng(5)
    reaches = [
        world.measures(*(generator.normal(size=(2, len(world.concept))) + 5))["reach_conv"] for _ in range(20)
    ]  # a random conv branch is half of its sum, and yet no more than chance on held-out images
    assert np.mean(reaches) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("dead", [0.0, 0.7])
def test_a_dead_branch_gives_no_number(world: World, dead: float) -> None:
    found = world.measures(np.full(len(world.concept), dead, np.float32), world.facet(0, words=True))
    for name in ("overlap", "concept_difference", "modality_difference", "words_shortcut", "reach_shortcut"):
        assert np.isnan(found[name]), name
    assert found["reach_conv"] > 0.98
    assert found["words_conv"] == 1


def test_a_concept_is_another_facet_as_a_word_than_as_a_picture(noise: pa.Table) -> None:
    shown = Shown.of(noise, np.ones((noise.num_rows, 2), np.float32))
    columns = zip(noise["modality"].to_pylist(), noise["concept"].to_pylist(), strict=True)
    facets = set(zip(columns, shown.facets.tolist(), strict=True))
    assert len(facets) == len(set(shown.facets.tolist())) == 22  # 11 concepts in 2 modalities


def test_percentiles_count_equals_half() -> None:
    values = np.random.default_rng(0).integers(0, 5, (50, 3)).astype(np.float32)
    expected = (rankdata(values, axis=0) - 0.5) / 50
    np.testing.assert_allclose(percentiles(values), expected)
    np.testing.assert_allclose(percentiles(np.zeros((7, 1))), 0.5)


LAYERS = [Layer(4, 1, 6), Layer(4, 2, 6)]


def extraction(path: Path, network: Network) -> Extraction:
    shape = network.architecture
    manifest = Manifest(
        model=network.model, weights_sha256=network.sha256, blocks=shape.blocks, width=shape.width,
        image_size=shape.image_size, settings=Settings(targets=(), strongest=1, matrices=False), tools={},
    )  # fmt: skip
    return Extraction.create(path, manifest)


def test_measuring_twice_gives_the_same_bytes(tiny: Network, noise: pa.Table, tmp_path: Path) -> None:
    for name in "ab":
        measure(tiny, extraction(tmp_path / name, tiny), noise, LAYERS, progress=False)
    for table in TABLES:
        assert (tmp_path / "a" / table).read_bytes() == (tmp_path / "b" / table).read_bytes()


def test_measured_tables_cover_every_unit_and_branch(tiny: Network, noise: pa.Table, tmp_path: Path) -> None:
    folder = extraction(tmp_path / "x", tiny)
    measure(tiny, folder, noise, progress=False)
    opened = Extraction.open(tmp_path / "x")
    units = [
        (str(layer), c) for layer, channels in folder.layers.items() if layer.role == "sum" for c in range(channels)
    ]
    table = opened.table("evidence")
    assert list(zip(table["layer"].to_pylist(), table["channel"].to_pylist(), strict=True)) == units
    assert opened.table("probes").equals(noise)
    held_out = {row["id"] for row in noise.to_pylist() if row["split"] == "held-out"}
    rows = [row for row in opened.table("examples").to_pylist() if row["layer"] == "4/2/6"]
    assert {row["branch"] for row in rows} == {"sum", "shortcut", "conv"}
    assert max(row["rank"] for row in rows) == LENGTH
    assert not held_out & {row["probe"] for row in rows}


def test_a_dead_branch_is_null_in_the_table(tiny: Network, noise: pa.Table, tmp_path: Path) -> None:
    norm = tiny.visual.get_submodule("layer4.2.bn3")
    weight = norm.get_parameter("weight")
    before = weight[1].clone()
    weight[1] = 0
    try:
        measure(tiny, extraction(tmp_path / "x", tiny), noise, LAYERS, progress=False)
    finally:
        weight[1] = before
    rows = Extraction.open(tmp_path / "x").table("evidence").to_pylist()
    dead = next(row for row in rows if (row["layer"], row["channel"]) == ("4/2/6", 1))
    assert dead["reach_conv"] is None
    assert dead["overlap"] is None
    assert dead["reach_shortcut"] is not None


def test_what_is_measured_is_not_measured_again(tiny: Network, noise: pa.Table, tmp_path: Path) -> None:
    folder = extraction(tmp_path / "x", tiny)
    measure(tiny, folder, noise, LAYERS, progress=False)
    stamps = [(tmp_path / "x" / table).stat().st_mtime_ns for table in TABLES]
    measure(tiny, Extraction.open(tmp_path / "x"), noise, LAYERS, progress=False)
    assert [(tmp_path / "x" / table).stat().st_mtime_ns for table in TABLES] == stamps


def test_other_probes_layers_or_weights_are_refused(tiny: Network, noise: pa.Table, tmp_path: Path) -> None:
    folder = extraction(tmp_path / "x", tiny)
    measure(tiny, folder, noise, LAYERS, progress=False)
    for probes, layers in ((noise.slice(1), LAYERS), (noise, LAYERS[:1])):
        with pytest.raises(ExtractionError, match="other probes or layers"):
            measure(tiny, folder, probes, layers, progress=False)
    with pytest.raises(ExtractionError, match="other weights"):
        measure(replace(tiny, sha256="0" * 64), folder, noise, LAYERS, progress=False)


def test_unsound_probes_change_nothing(tiny: Network, noise: pa.Table, tmp_path: Path) -> None:
    folder = extraction(tmp_path / "x", tiny)
    with pytest.raises(ProbesError):
        measure(tiny, folder, noise.slice(0, 0), LAYERS, progress=False)
    assert not folder.manifest.files
