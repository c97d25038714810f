from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from extract.errors import ExtractionError, UnknownUnit, WordsError
from extract.expansion.atlas import extract
from extract.folder.extraction import Extraction, WordKind
from extract.folder.schemas import SCHEMAS
from extract.network.network import Network
from extract.network.weights import load_network
from extract.probes.rasterised_words import ARTICLE, LARGE, rasterise
from extract.recording import vocabulary
from extract.recording.channel_means import channel_means
from extract.recording.vocabulary import STRINGS, TABLES, TOP, measure, string_statistics, table
from extract.units import Layer

WORDS = ["cat", "dog", "tea", "milk", "cap", "a", "coffee", "famous", "savage", "anchor", "eye", "hat"] + [
    f"{a}{b}{c}" for a in "bcd" for b in "aeiou" for c in "lmn"
]
LAYERS = [Layer(4, 1, 5), Layer(4, 2, 6)]
KINDS: tuple[WordKind, ...] = ("length", "mean", "sd")


@pytest.fixture
def folder(tiny: Network, tmp_path: Path) -> Extraction:
    return extract(tiny, tmp_path / "tiny.extraction", ["1/0/3"], 1, matrices=False, progress=False)


def show(network: Network, extraction: Extraction, words: list[str] = WORDS, **options: Any) -> None:
    measure(network, extraction, words, options.pop("layers", LAYERS), progress=False, **options)


def column(extraction: Extraction, kind: str) -> list[str]:
    return [str(row["text"]) for row in extraction.table("vocabulary").to_pylist() if row["kind"] == kind]


def contents(extraction: Extraction) -> dict[str, bytes]:
    return {name: (extraction.path / name).read_bytes() for name in extraction.manifest.files}


def test_the_matrix_holds_every_word_in_the_order_given(tiny: Network, folder: Extraction) -> None:
    show(tiny, folder)
    assert column(folder, "word") == WORDS
    expected = channel_means(tiny, [rasterise(word, 64, LARGE) for word in WORDS], LAYERS)
    for layer in LAYERS:
        found = Extraction.open(folder.path).words(layer)
        assert found is not None
        assert found.dtype == np.float16
        assert found.shape == (len(WORDS), 256)
        np.testing.assert_allclose(found, expected[layer], rtol=1e-3, atol=1e-3)
    assert folder.words(Layer(4, 0, 5)) is None


def test_z_counts_deviations_from_letter_strings_of_the_words_length(tiny: Network, folder: Extraction) -> None:
    show(tiny, folder)
    strings = column(folder, "letters")
    assert sum(len(text) == 3 for text in strings) == STRINGS
    assert not set(strings) & set(WORDS)
    for layer in LAYERS:
        on_words, on_strings = (
            channel_means(tiny, [rasterise(text, 64, LARGE) for text in texts], [layer])[layer].astype(float)
            for texts in (WORDS, strings)
        )
        rows = [row for row in folder.table("words").to_pylist() if row["layer"] == str(layer)]
        assert len(rows) > 1000
        for row in rows[::97]:
            same = on_strings[[len(text) == len(row["word"]) for text in strings], row["channel"]]
            value = on_words[WORDS.index(row["word"]), row["channel"]]
            assert row["value"] == pytest.approx(value, abs=2e-5)
            assert row["z"] == pytest.approx((value - same.mean()) / same.std(ddof=1), rel=2e-2, abs=2e-2)


def test_the_mean_and_deviation_over_letter_strings_are_kept(tiny: Network, folder: Extraction) -> None:
    show(tiny, folder)
    strings = [text for text in column(folder, "letters") if len(text) == 6]
    values = channel_means(tiny, [rasterise(text, 64, LARGE) for text in strings], LAYERS)[LAYERS[0]]
    lengths, mean, sd = (folder.words(LAYERS[0], kind) for kind in KINDS)
    assert lengths is not None
    assert mean is not None
    assert sd is not None
    assert lengths.tolist() == [1, 3, 4, 6]
    np.testing.assert_allclose(mean[3], values.mean(axis=0), atol=2e-5)
    np.testing.assert_allclose(sd[3], values.std(axis=0, ddof=1), rtol=1e-2, atol=1e-5)


def test_ranks_are_those_of_sorted_values_and_z() -> None:
    rng = np.random.default_rng(0)
    values, z = rng.normal(5, 1, (9, 7)).astype(np.float32), rng.normal(1, 1, (9, 7)).astype(np.float32)
    words = np.array(list("abcdefghi"))
    found = table(Layer(4, 2, 6), words, values, z, top=3)
    assert found.schema.equals(SCHEMAS["words"])
    rows = {(row["word"], row["channel"]): row for row in found.to_pylist()}
    for channel in range(7):
        best = sorted(words, key=lambda word: -values[words == word, channel].item())[:3]
        ranked = {row["word_rank"]: key[0] for key, row in rows.items() if key[1] == channel and row["word_rank"]}
        assert ranked == dict(enumerate(best, start=1))
    for place, word in enumerate(words):
        units = [channel for channel in np.argsort(-z[place])[:3].tolist() if z[place, channel] > 0]
        ranked = {row["unit_rank"]: key[1] for key, row in rows.items() if key[0] == word and row["unit_rank"]}
        assert ranked == dict(enumerate(units, start=1))
    assert all(row["word_rank"] or row["unit_rank"] for row in rows.values())


def test_a_unit_that_answers_to_one_word_alone_lists_one() -> None:
    values = np.zeros((50, 2), np.float32)
    values[7, 0] = 2
    found = table(Layer(4, 2, 6), np.array([f"word {n}" for n in range(50)]), values, np.full((50, 2), np.nan))
    assert found.to_pylist() == [
        {"word": "word 7", "layer": "4/2/6", "channel": 0, "value": 2.0, "z": None, "word_rank": 1, "unit_rank": None}
    ]


def test_units_that_do_not_tell_letter_strings_apart_have_no_deviation() -> None:
    values = np.array([[1, 0], [1, 2], [1, 4], [1, 9]], np.float32)
    lengths, mean, sd = string_statistics(values, np.array([3, 3, 3, 5]), np.array([3, 5, 6]))
    assert lengths.tolist() == [3, 5, 6]
    np.testing.assert_array_equal(mean, np.array([[1, 2], [np.nan] * 2, [np.nan] * 2], np.float32))
    np.testing.assert_array_equal(sd, np.array([[np.nan, 2], [np.nan] * 2, [np.nan] * 2], np.float32))


def test_the_last_stages_branches_and_sums_are_shown_unless_told_otherwise(tiny: Network, folder: Extraction) -> None:
    measure(tiny, folder, ["cat", "dog"], progress=False)
    layers = folder.table("words")["layer"].unique().to_pylist()
    assert layers == ["4/0/5", "4/0/8", "4/1/5", "4/1/6", "4/2/5", "4/2/6"]
    assert all(folder.words(Layer.parse(str(layer))) is not None for layer in layers)


class Interrupted(Exception):
    pass


def stops_after(chunks: int, show: Callable[..., Any], shown: list[int]) -> Callable[..., Any]:
    def limited(network: Network, images: Any, *rest: Any) -> Any:
        if len(shown) == chunks:
            raise Interrupted
        some = list(images)
        shown.append(len(some))
        return show(network, some, *rest)

    return limited


def test_an_interrupted_run_goes_on_where_it_stopped_to_the_same_bytes(
    tiny: Network, folder: Extraction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = extract(tiny, tmp_path / "whole.extraction", ["1/0/3"], 1, matrices=False, progress=False)
    show(tiny, whole, chunk=50)
    first, second = list[int](), list[int]()
    monkeypatch.setattr(vocabulary, "channel_means", stops_after(2, channel_means, first))
    with pytest.raises(Interrupted):
        show(tiny, folder, chunk=50)
    assert not folder.has(*TABLES)
    monkeypatch.setattr(vocabulary, "channel_means", stops_after(99, channel_means, second))
    opened = Extraction.open(folder.path)
    show(tiny, opened, chunk=50)
    texts = opened.table("vocabulary").num_rows
    assert first == [50, 50]
    assert sum(first + second) == texts
    assert contents(opened) == contents(whole)
    assert not any("part" in file.name for file in (folder.path / "words").iterdir())


def test_a_run_begun_with_other_words_is_not_gone_on_with(
    tiny: Network, folder: Extraction, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(vocabulary, "channel_means", stops_after(1, channel_means, []))
        with pytest.raises(Interrupted):
            show(tiny, folder, WORDS[::-1], chunk=50)
    show(tiny, folder, chunk=50)
    expected = channel_means(tiny, [rasterise(word, 64, LARGE) for word in WORDS], LAYERS)[LAYERS[1]]
    np.testing.assert_allclose(folder.words(LAYERS[1]), expected, rtol=1e-3, atol=1e-3)  # type: ignore[arg-type]
    assert not any("part" in file.name for file in (folder.path / "words").iterdir())


def test_once_done_it_is_not_done_again_and_other_settings_are_refused(
    tiny: Network, folder: Extraction, monkeypatch: pytest.MonkeyPatch
) -> None:
    show(tiny, folder)
    before = contents(folder)
    monkeypatch.setattr(vocabulary, "channel_means", stops_after(0, channel_means, []))
    show(tiny, folder)
    for words, options in (
        (WORDS[1:], {}),
        (WORDS, {"layers": LAYERS[:1]}),
        (WORDS, {"seed": 1}),
        (WORDS, {"lettering": ARTICLE}),
    ):
        with pytest.raises(ExtractionError, match="holds other words, letter strings or layers"):
            show(tiny, folder, words, **options)
    assert contents(folder) == before


def test_what_cannot_be_shown_is_refused_and_changes_nothing(tiny: Network, folder: Extraction, tmp_path: Path) -> None:
    before = contents(folder)
    with pytest.raises(WordsError, match="no word to show"):
        show(tiny, folder, [])
    with pytest.raises(WordsError, match="takes"):
        show(tiny, folder, ["cat", "w" * 30], lettering=ARTICLE)
    with pytest.raises(UnknownUnit, match="no layer 4/7/6"):
        show(tiny, folder, layers=[Layer(4, 7, 6)])
    with pytest.raises(ExtractionError, match="other weights"):
        show(load_network("demo"), folder)
    assert contents(folder) == before


def test_lists_are_no_longer_than_they_should_be(tiny: Network, folder: Extraction) -> None:
    show(tiny, folder)
    rows = folder.table("words").to_pylist()
    for name in ("word_rank", "unit_rank"):
        ranks = {row[name] for row in rows if row[name]}
        assert ranks == set(range(1, TOP + 1))
