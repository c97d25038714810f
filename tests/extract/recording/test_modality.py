import hashlib
import json
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from catalog.extraction_network import ExtractionNetwork
from catalog.extraction_view import ExtractionView
from extract.errors import ExtractionError, ProbesError, WordsError
from extract.expansion.atlas import extract
from extract.folder.extraction import Extraction
from extract.folder.provenance import measured
from extract.folder.schemas import SCHEMAS
from extract.network.network import Network
from extract.network.weights import load_network
from extract.probes.rasterised_words import LARGE, rasterise
from extract.probes.scrambled_pictures import scrambled
from extract.probes.table import images
from extract.probes.word_lists import most_common
from extract.recording.channel_means import channel_means
from extract.recording.modality import effect, has_anagrams, profile
from extract.units import Layer
from tests.builders.planted_letters import READERS, SMALL, planted_readers

WORDS = ["cat", "dog", "tea", "milk", "cap", "coffee", "famous", "savage"]


@pytest.fixture(scope="module")
def folder(tiny: Network, tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    path = tmp_path_factory.mktemp("modality") / "tiny.extraction"
    return extract(tiny, path, ["1/0/3"], 1, matrices=False, progress=False)


def cliffs_delta(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.mean([np.sign(a - b) for a, b in product(one.tolist(), other.tolist())]))


def test_the_effect_counts_pairs_won_and_lost() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 6, (13, 4)).astype(float), rng.integers(1, 8, (9, 4)).astype(float)
    expected = [cliffs_delta(one[:, c], other[:, c]) for c in range(4)]
    np.testing.assert_allclose(effect(one, other), expected, atol=1e-12)
    np.testing.assert_allclose(effect(other, one), -np.array(expected), atol=1e-12)


def test_the_effect_runs_from_one_to_minus_one_and_is_zero_for_a_silent_unit() -> None:
    low, high = np.zeros((5, 1)), np.ones((3, 1))
    assert effect(high, low).tolist() == [1.0]
    assert effect(low, high).tolist() == [-1.0]
    assert effect(low, np.zeros((3, 1))).tolist() == [0.0]


def test_pictures_are_compared_with_the_same_pictures_scrambled(
    tiny: Network, folder: Extraction, noise: pa.Table
) -> None:
    layer = Layer(4, 2, 5)
    found = profile(tiny, folder, WORDS, noise, [layer], progress=False)
    pictures = list(images(noise.filter(pc.field("modality") == "picture")))
    mixed = [scrambled(picture, (0, place)) for place, picture in enumerate(pictures)]
    one, other = (channel_means(tiny, some, [layer])[layer] for some in (pictures, mixed))
    expected = [cliffs_delta(one[:, c], other[:, c]) for c in range(256)]
    np.testing.assert_allclose(found["pictures"].to_numpy(), expected, atol=0.01)
    assert set(found["n_pictures"].to_pylist()) == {len(pictures)} == {44}


def test_words_are_compared_with_as_many_letter_strings_of_their_lengths(
    tiny: Network, folder: Extraction, noise: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []

    def note(text: str, *args: object, **options: object) -> object:
        drawn.append(text)
        return rasterise(text, 64, LARGE)

    monkeypatch.setattr("extract.recording.modality.rasterise", note)
    found = profile(tiny, folder, WORDS, noise, [Layer(4, 1, 6)], progress=False)
    words, strings, shuffled = (drawn[first : first + len(WORDS)] for first in (0, len(WORDS), 2 * len(WORDS)))
    assert words == WORDS
    assert [sorted(text) for text in shuffled] == [sorted(text) for text in WORDS]
    assert sorted(map(len, strings)) == sorted(map(len, WORDS))
    assert not set(strings) & set(WORDS)
    one, other = (
        channel_means(tiny, [rasterise(text, 64, LARGE) for text in texts], [Layer(4, 1, 6)])[Layer(4, 1, 6)]
        for texts in (words, strings)
    )
    expected = [cliffs_delta(one[:, c], other[:, c]) for c in range(256)]
    np.testing.assert_allclose(found["words"].to_numpy(), expected, atol=0.04)  # one pair in 64 may be nearly equal
    assert {*found["n_words"].to_pylist(), *found["n_anagrams"].to_pylist()} == {8}


def test_a_unit_that_counts_letters_tells_words_from_letter_strings_and_not_from_anagrams(
    tiny: Network, folder: Extraction, noise: pa.Table
) -> None:
    words = [word for word in most_common(3000) if "th" in word and len(word) < 7]
    readers = planted_readers(tiny, ("h", "th"))
    of_letter, of_pair, *_ = profile(readers, folder, words, noise, [READERS], SMALL, progress=False).to_pylist()
    assert of_letter["words"] > 0.8
    assert of_letter["spelling"] == pytest.approx(0, abs=1e-9)
    assert of_pair["words"] > 0.95
    assert of_pair["spelling"] > 0.8


def test_words_without_anagrams_are_on_neither_side_of_that_comparison(
    tiny: Network, folder: Extraction, noise: pa.Table
) -> None:
    found = [
        profile(tiny, folder, words, noise, [READERS], progress=False)
        for words in (["cat", "coffee"], ["oo", "cat", "no", "a", "on", "coffee"], ["oo", "no", "on"])
    ]
    assert [set(table["n_anagrams"].to_pylist()) for table in found] == [{2}, {2}, {0}]
    assert found[0]["spelling"].equals(found[1]["spelling"])
    assert found[2]["spelling"].null_count == found[2].num_rows


def test_what_an_earlier_version_measured_opens_and_is_measured_again_with_the_words(
    tiny: Network, noise: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extract.recording.modality.probes.read", lambda: noise)  # the demo's are many
    folder = extract(tiny, tmp_path / "x", ["1/0/3"], 1, matrices=False, progress=False)
    assert not has_anagrams(folder)
    profile(tiny, folder, WORDS, noise, [READERS], progress=False)
    assert has_anagrams(folder)
    earlier = without_anagrams(folder)
    assert not has_anagrams(earlier)
    assert earlier.table("modality")["spelling"].null_count == earlier.table("modality").num_rows == 8
    assert "anagrams" not in measured(earlier)[-1]
    ExtractionNetwork(tiny).show_words(ExtractionView(earlier), WORDS, progress=False)
    assert has_anagrams(earlier)


def without_anagrams(folder: Extraction) -> Extraction:
    """The folder as versions before anagrams wrote it."""
    file, manifest = folder.path / "modality.parquet", folder.path / "manifest.json"
    pq.write_table(pq.read_table(file).drop_columns(["spelling", "n_anagrams"]), file)
    record = json.loads(manifest.read_text())
    data = file.read_bytes()
    record["files"][file.name] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    del record["checksum"]
    manifest.write_text(json.dumps(record))
    return Extraction.open(folder.path)


def test_the_table_is_added_and_covers_both_branches_of_every_block(
    tiny: Network, folder: Extraction, noise: pa.Table
) -> None:
    found = profile(tiny, folder, WORDS, noise, progress=False)
    assert found.schema.equals(SCHEMAS["modality"])
    assert Extraction.open(folder.path).table("modality").equals(found)
    layers = ["4/0/5", "4/0/7", "4/0/8", "4/1/5", "4/1/6", "4/2/5", "4/2/6"]
    assert found["layer"].unique().to_pylist() == layers
    assert found["channel"].to_pylist() == list(range(256)) * len(layers)


def test_the_same_seed_gives_the_same_bytes(tiny: Network, folder: Extraction, noise: pa.Table) -> None:
    file, layers = folder.path / "modality.parquet", [Layer(4, 2, 6)]
    contents = []
    for seed in (0, 0, 1):
        profile(tiny, folder, WORDS, noise, layers, seed=seed, progress=False)
        contents.append(file.read_bytes())
    assert contents[0] == contents[1] != contents[2]


def test_what_cannot_be_compared_is_refused(tiny: Network, folder: Extraction, noise: pa.Table, tmp_path: Path) -> None:
    with pytest.raises(ProbesError, match="nothing to compare"):
        profile(tiny, folder, [], noise, progress=False)
    with pytest.raises(ProbesError, match="nothing to compare"):
        profile(tiny, folder, WORDS, noise.filter(pc.field("modality") == "word"), progress=False)
    with pytest.raises(WordsError, match="Give longer words"):
        profile(tiny, folder, "abcdefghijklmnopqrstuvwxyz", noise, progress=False)
    with pytest.raises(ExtractionError, match="other weights"):
        profile(load_network("demo"), folder, WORDS, noise, progress=False)
