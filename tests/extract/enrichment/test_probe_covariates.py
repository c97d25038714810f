from io import BytesIO

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from extract.enrichment.probe_covariates import covariates
from extract.folder.schemas import SCHEMAS


def probe(modality: str, concept: str, pixels: np.ndarray) -> dict[str, object]:
    stream = BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(stream, "png")
    return {"id": f"{modality}/{concept}", "modality": modality, "concept": concept, "source": "here"} | {
        "split": "discovery",
        "sensitive": False,
        "image": stream.getvalue(),
    }


@pytest.fixture(scope="module")
def measured() -> pa.Table:
    page = np.full((10, 20, 3), 255)
    lettering, red = page.copy(), page.copy()
    lettering[3:5, 2:9] = 0  # 2 high, 7 wide
    red[:5] = (255, 0, 0)
    words = [probe("word", name, lettering) for name in ("banana", "band", "bank", "bandit", "urban", "turban", "ox")]
    return covariates(pa.Table.from_pylist([probe("picture", "banana", red), *words], schema=SCHEMAS["probes"]))


def test_ink_and_colours_are_the_means_of_pixels(measured: pa.Table) -> None:
    assert measured["ink"].to_pylist()[:2] == pytest.approx([0.5 * 2 / 3, 14 / 200])
    assert [measured[name][0].as_py() for name in ("red", "green", "blue")] == pytest.approx([1, 0.5, 0.5])
    assert measured["red"][1].as_py() is None


def test_the_size_of_lettering_and_the_letters_are_those_of_words_alone(measured: pa.Table) -> None:
    assert measured["width"].to_pylist()[:2] == [None, 7]
    assert measured["height"].to_pylist()[:2] == [None, 2]
    assert measured["letters"].to_pylist() == [None, 6, 4, 4, 6, 5, 6, 2]


def test_letters_and_bigrams_of_six_words_are_counted(measured: pa.Table) -> None:
    assert measured["'a' in the word"].to_pylist() == [None, 3, 1, 1, 1, 1, 1, 0]
    assert measured["'an' in the word"].to_pylist() == [None, 2, 1, 1, 1, 1, 1, 0]
    assert "'nd' in the word" not in measured.column_names  # of two words
