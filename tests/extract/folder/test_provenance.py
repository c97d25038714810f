from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from extract.enrichment.census import DEFAULT
from extract.enrichment.pipeline import measure
from extract.folder import provenance
from extract.recording import modality, vocabulary
from tests.builders.extractions import without_edges

if TYPE_CHECKING:
    from extract.network.network import Network


def test_an_extraction_that_measured_nothing_says_nothing(tiny: "Network", tmp_path: Path) -> None:
    assert provenance.measured(without_edges(tiny, tmp_path / "x")) == []


def test_every_measurement_says_by_what_method_on_which_probes_and_how_many(
    tiny: "Network", noise: pa.Table, tmp_path: Path
) -> None:
    extraction, last = without_edges(tiny, tmp_path / "x"), [tiny.architecture.final]
    measure(tiny, extraction, noise, last, progress=False)
    probes = "Top probes, shares, overlaps and differences: 88 probes, 44 pictures and 44 words, from noise. "
    said = provenance.measured(extraction)
    assert said == [
        probes + "Top lists hold at most 16 of the 44 discovery probes.",
        "Verdicts, rises and specificities: 88 of these probes, 11 concepts as pictures and 11 as words, by the "
        f"settings {DEFAULT.hash}.",
    ]
    vocabulary.measure(tiny, extraction, ["red", "blue", "hat"], last, progress=False)
    modality.profile(tiny, extraction, ["red", "blue"], noise, last, progress=False)
    said = provenance.measured(extraction)
    assert len(said) == 4
    assert said[2].startswith("Words and their z: 3 words against 128 random letter strings of their lengths, set as ")
    assert "2 words against random letter strings of their lengths, 2 of them against anagrams" in said[3]
    assert "44 pictures against the same scrambled" in said[3]
