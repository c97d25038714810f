"""What decides claims on an extraction and on the authors' files, with planted shares, overlaps and verdicts."""

import hashlib
import shutil
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from catalog.article.claims import claims
from catalog.article.measurements import Measurements
from catalog.article.outcome import CannotRun, Outcome
from catalog.article.published_shares import BLOCKS, read_published
from catalog.article.reproduction import CHECKS, decide
from catalog.errors import ArticleError
from catalog.macroscopic.rank_correlation import rank_correlation
from extract.article.network_measures import NetworkMeasures
from extract.folder.extraction import Extraction
from extract.folder.schemas import SCHEMAS
from extract.network.network import Network
from extract.probes.rasterised_words import Lettering
from extract.recording import vocabulary
from extract.units import Layer
from tests.builders.extractions import without_edges

CLAIMS = {claim.name: claim for claim in claims()}
Fill = Callable[..., Measurements]


@pytest.fixture
def fill(tiny: Network, tmp_path: Path) -> Fill:
    """Measurements of the tiny network with an extraction that holds these rows, and perhaps authors' files."""

    def measurements(authors: Path | None = None, **tables: list[dict[str, Any]]) -> Measurements:
        extraction: Extraction = without_edges(tiny, tmp_path / "x")
        for name, rows in tables.items():
            file = f"{name}.parquet/4-2-6.parquet" if name == "census" else f"{name}.parquet"
            extraction.add({file: pa.Table.from_pylist(rows, SCHEMAS[name])})
        return Measurements(NetworkMeasures(tiny), extraction, read_published(authors) if authors else None)

    return measurements


def rows(layer: str, column: str, values: Any) -> list[dict[str, Any]]:
    return [{"layer": layer, "channel": channel, column: float(value)} for channel, value in enumerate(values)]


def asked(measurements: Measurements, check: str, **numbers: Any) -> Outcome:
    return CHECKS[check](measurements, numbers)


@pytest.mark.parametrize(("high", "verdict"), [(220, "pass"), (150, "deviation")])
def test_the_part_of_units_near_identity_is_compared_with_that_published(fill: Fill, high: int, verdict: str) -> None:
    measurements = fill(evidence=rows("4/2/6", "share_published", [0.95] * high + [0.5] * (256 - high)))
    outcome = decide(CLAIMS["near identity, 4/2, on top probes"], measurements)
    assert (outcome.verdict, outcome.values["part"]) == (verdict, high / 256)


def test_a_share_is_of_the_block_and_the_formula_that_the_claim_names(fill: Fill) -> None:
    last = [row | {"share_exact": 0.95} for row in rows("4/2/6", "share_published", [0.1] * 256)]
    measurements = fill(evidence=[*last, *rows("4/1/6", "share_published", [0.95] * 192 + [0.1] * 64)])
    parts = {
        name: decide(CLAIMS[f"near identity, {name}"], measurements).values.get("part")
        for name in ("4/2, on top probes", "4/2, exact", "4/1, on top probes", "4/1, exact", "4/2, on visualisations")
    }
    assert list(parts.values()) == [0.0, 1.0, 0.75, None, None]


def test_the_share_on_the_top_100_probes_is_decided_beside_that_on_16(fill: Fill) -> None:
    fewer = rows("4/2/6", "share_published", [0.1] * 256)
    names = [
        f"near identity, 4/2, {formula}, top 100 probes" for formula in ("published formula", "exact", "corrected")
    ]
    earlier = fill(evidence=fewer)
    for name in names:
        outcome = decide(CLAIMS[name], earlier)
        assert outcome.verdict == "cannot run"
        assert "recorded by an earlier version, show them again into a new folder" in outcome.finding
    more = rows("4/2/6", "share_published", [0.95] * 224 + [0.1] * 32)
    exact, corrected = ([0.95] * part + [0.1] * (256 - part) for part in (192, 64))
    for row, one, other in zip(more, exact, corrected, strict=True):
        row |= {"share_exact": one, "share_corrected": other}
    measurements = fill(evidence=fewer, top_100_shares=more)
    outcomes = [decide(CLAIMS[name], measurements) for name in ("near identity, 4/2, on top probes", *names)]
    assert [outcome.values["part"] for outcome in outcomes] == [0, 0.875, 0.75, 0.25]
    assert [outcome.verdict for outcome in outcomes] == ["deviation", "pass", "deviation", "deviation"]


def test_an_exact_share_stands_beside_branches_that_are_paired_anew(
    tiny: Network, measured: Extraction, tmp_path: Path
) -> None:
    shutil.copytree(measured.path, tmp_path / "x")
    extraction = Extraction.open(tmp_path / "x")
    shares = rows("4/2/6", "share_exact", [0.95] * 220 + [0.1] * 36)
    extraction.add({"evidence.parquet": pa.Table.from_pylist(shares, SCHEMAS["evidence"])})
    measurements = Measurements(NetworkMeasures(tiny), extraction)
    outcome = decide(CLAIMS["near identity, 4/2, exact"], measurements)
    paired = measurements.paired_shares[Layer(4, 2, 6)]
    assert outcome.verdict == "pass"  # whatever chance gives: the claim is on the share alone
    assert f"; by means {paired.as_it_is:.1%}, paired anew {paired.paired_anew:.1%}" in outcome.finding


@pytest.mark.parametrize(("units", "verdict"), [(7, "cannot run"), (230, "cannot run"), (231, "pass")])
def test_a_few_units_do_not_decide_what_is_said_of_a_layer(
    fill: Fill, tmp_path: Path, units: int, verdict: str
) -> None:
    shares = np.where(np.arange(units) % 7 == 0, 0.5, 0.95)  # six of seven, so 86 %
    folder = authors_files(tmp_path / "a", dict.fromkeys(BLOCKS, np.resize(shares, 256)), [0.1] * 256)
    measurements = fill(folder, evidence=rows("4/2/6", "share_published", shares))
    outcome = decide(CLAIMS["near identity, 4/2, on top probes"], measurements)
    assert outcome.verdict == verdict
    numbers = CLAIMS["unit by unit, 4/2, on top probes"].numbers
    if verdict == "pass":
        assert asked(measurements, "unit_by_unit", **numbers).verdict == "pass"
    else:
        assert f"of the 256 units of 4/2/6; {units} are measured" in outcome.finding
        with pytest.raises(CannotRun, match=f"{units} are measured"):
            asked(measurements, "unit_by_unit", **numbers)


def test_units_of_high_share_have_the_shortcuts_top_probes_or_not(fill: Fill) -> None:
    share = [0.95] * 40 + [0.3] * 12
    overlaps = rows("4/2/6", "overlap_shortcut", [0.8] * 36 + [0.0] * 16)
    for row, conv in zip(overlaps, [0.0] * 30 + [0.1] * 10 + [0.6] * 12, strict=True):
        row["overlap_conv"] = conv
    measurements = fill(evidence=rows("4/2/6", "share_published", share), shares=overlaps)

    same = decide(CLAIMS["units of high share have the shortcut's top probes"], measurements)
    assert (same.verdict, same.values["part"]) == ("pass", 36 / 40)
    learned = decide(CLAIMS["units of low share have conv's top probes"], measurements)
    assert (learned.verdict, learned.values["low_share"]) == ("pass", pytest.approx(0.6))


def test_units_whose_top_probes_are_convs_deviate(fill: Fill) -> None:
    overlaps = [row | {"overlap_conv": 0.9} for row in rows("4/2/6", "overlap_shortcut", [0.1] * 40)]
    measurements = fill(evidence=rows("4/2/6", "share_published", [0.95] * 40), shares=overlaps)
    assert decide(CLAIMS["units of high share have the shortcut's top probes"], measurements).verdict == "deviation"
    too_few = decide(CLAIMS["units of low share have conv's top probes"], measurements)
    assert (too_few.verdict, "there are 0 and 40" in too_few.finding) == ("cannot run", True)


@pytest.mark.parametrize(("risen", "verdict"), [(10, "pass"), (30, "deviation")])
def test_a_facet_is_discarded_where_conv_brings_it_and_the_sum_does_not_rise_on_it(
    fill: Fill, risen: int, verdict: str
) -> None:
    census = rows("4/2/6", "specificity_conv_low", [0.5] * 40 + [-0.1] * 60)  # of the last 60 no facet is sure
    for row in census:
        row["rise_conv_high"] = 0.9 if row["channel"] < risen else 0.1
    measurements = fill(evidence=rows("4/2/6", "share_published", [0.95] * 100), census=census)
    outcome = decide(CLAIMS["conv facets that the sum discards"], measurements)
    assert (outcome.verdict, outcome.values) == (verdict, {"discarded": 40 - risen, "units": 40})


def test_no_common_top_probes_are_no_facet_that_the_sum_discards(fill: Fill) -> None:
    overlaps = [row | {"overlap_conv": 0.0} for row in rows("4/2/6", "overlap_shortcut", [0.8] * 40)]
    census = [row | {"rise_conv_high": 0.1} for row in rows("4/2/6", "specificity_conv_low", [-0.1] * 40)]
    measurements = fill(evidence=rows("4/2/6", "share_published", [0.95] * 40), shares=overlaps, census=census)
    outcome = decide(CLAIMS["conv facets that the sum discards"], measurements)
    assert (outcome.verdict, "there are 0" in outcome.finding) == ("cannot run", True)


def test_a_verdict_of_the_census_is_read_with_its_weakest_link(fill: Fill) -> None:
    judged = [
        {"layer": "4/2/6", "channel": 34, "verdict": "enriched", "weakest_link": "rise on conv"},
        {"layer": "4/2/6", "channel": 11, "verdict": None, "unjudged": "too few concepts"},
    ]
    measurements = fill(census=judged)
    assert asked(measurements, "verdict", unit="4/2/6/34", verdict="enriched").verdict == "pass"
    assert "rise on conv" in asked(measurements, "verdict", unit="4/2/6/34", verdict="not enriched").finding
    assert asked(measurements, "verdict", unit="4/2/6/34", verdict="not enriched").verdict == "deviation"
    for unit, reason in (("4/2/6/11", "too few concepts"), ("4/2/6/12", "its layer was not judged")):
        with pytest.raises(Exception, match=reason):
            asked(measurements, "verdict", unit=unit, verdict="enriched")


def authors_files(folder: Path, shares: dict[str, Any], distances: Any) -> Path:
    folder.mkdir()
    for block in BLOCKS:
        lines = [
            f"Unit {unit} -> (tensor({share:.4f}, device='cuda:0', dtype=torch.float16), {distance})"
            for unit, (share, distance) in enumerate(zip(shares[block], distances, strict=True))
        ]
        (folder / f"relu_conv_bottleneck_{block.replace('/', '_')}.txt").write_text("\n" + "\n".join(lines) + "\n")
    return folder


def test_the_authors_files_are_read_as_they_wrote_them(tmp_path: Path) -> None:
    folder = authors_files(
        tmp_path / "a", {block: [0.9966, 0.0, 0.15] for block in BLOCKS}, [1.1435546875, "nan", 0.05]
    )
    published = read_published(folder)
    block = published.blocks["4/2"]
    np.testing.assert_allclose(block.share, [0.9966, 0, 0.15])
    np.testing.assert_allclose(block.distance, [1.1435546875, np.nan, 0.05])
    assert len(published.sha256["relu_conv_bottleneck_4_0.txt"]) == 64


@pytest.mark.parametrize(("text", "message"), [
    ("Unit 0 -> 0.5\n", "line 1 does not hold a unit"),
    ("", "line 1 does not hold a unit"),
    ("Unit 1 -> (tensor(0.5, dtype=torch.float16), 0.1)\n", "lacks a unit"),
])  # fmt: skip
def test_a_file_that_is_not_the_authors_is_named(tmp_path: Path, text: str, message: str) -> None:
    folder = authors_files(tmp_path / "a", {block: [0.5] for block in BLOCKS}, [0.1])
    (folder / "relu_conv_bottleneck_4_1.txt").write_text(text)
    with pytest.raises(ArticleError, match=message):
        read_published(folder)
    (folder / "relu_conv_bottleneck_4_1.txt").unlink()
    with pytest.raises(ArticleError, match=r"relu_conv_bottleneck_4_1.txt"):
        read_published(folder)


def test_the_articles_counts_are_looked_for_in_the_authors_files(fill: Fill, tmp_path: Path) -> None:
    counts = {"4/0": 296, "4/1": 1683, "4/2": 1761}
    shares = {block: [0.95] * count + [0.3] * (2048 - count) for block, count in counts.items()}
    measurements = fill(authors_files(tmp_path / "a", shares, [0.1] * 2048))
    assert decide(CLAIMS["counts of the authors' files"], measurements).verdict == "pass"
    shares["4/1"][0] = 0.8
    measurements = fill(authors_files(tmp_path / "b", shares, [0.1] * 2048))
    assert decide(CLAIMS["counts of the authors' files"], measurements).verdict == "deviation"


def test_medians_and_zero_shares_are_looked_for_in_the_authors_files(fill: Fill, tmp_path: Path) -> None:
    shares = {"4/0": [0.696] * 2048, "4/1": [0.0] * 36 + [0.946] * 2012, "4/2": [0.0] * 78 + [0.976] * 1970}
    names = ("medians of the authors' files", "counts of the authors' files, above 0")
    measurements = fill(authors_files(tmp_path / "a", shares, [0.1] * 2048))
    assert [decide(CLAIMS[name], measurements).verdict for name in names] == ["pass", "pass"]
    shares["4/0"] = [0.0] + [0.699] * 2047
    measurements = fill(authors_files(tmp_path / "b", shares, [0.1] * 2048))
    assert [decide(CLAIMS[name], measurements).verdict for name in names] == ["deviation", "deviation"]


def test_blocks_are_correlated_unit_by_unit_in_the_authors_files(fill: Fill, tmp_path: Path) -> None:
    one, other = [0.1, 0.2, 0.2, 0.4], [0.2, 0.1, 0.3, 0.4]
    measurements = fill(authors_files(tmp_path / "a", {"4/0": one, "4/1": one, "4/2": other}, [0.1] * 4))
    numbers = {"blocks": ["4/1", "4/2"], "within": 0.001}
    outcome = asked(
        measurements, "published_correlation", correlation=0.632, **numbers
    )  # scipy.stats.spearmanr of both
    assert outcome.verdict == "pass"
    assert asked(measurements, "published_correlation", correlation=0.303, **numbers).verdict == "deviation"


def test_shares_are_compared_unit_by_unit_with_the_authors(fill: Fill, tmp_path: Path) -> None:
    theirs = np.random.default_rng(0).uniform(0, 1, 256)
    folder = authors_files(tmp_path / "a", dict.fromkeys(BLOCKS, theirs), [0.1] * 256)
    numbers: dict[str, Any] = {"block": "4/2", "layer": "4/2/6", "table": "evidence", "column": "share_published"}
    numbers |= {"within": 0.02, "fewest": 100}
    close = fill(folder, evidence=rows("4/2/6", "share_published", theirs + 0.01))
    assert asked(close, "unit_by_unit", by="close", least=0.95, **numbers).verdict == "pass"
    squared = fill(folder, evidence=rows("4/2/6", "share_published", theirs**2))  # in the same order, and not close
    assert asked(squared, "unit_by_unit", by="close", least=0.95, **numbers).verdict == "deviation"
    assert asked(squared, "unit_by_unit", by="rank correlation", least=0.5, **numbers).verdict == "pass"


@pytest.mark.parametrize(("turned", "verdict"), [(0, "pass"), (30, "deviation")])
def test_the_signs_of_the_cosines_are_compared_with_those_of_the_offsets(
    fill: Fill, tmp_path: Path, tiny: Network, turned: int, verdict: str
) -> None:
    network = replace(tiny, clip=deepcopy(tiny.clip))
    norm: Any = network.visual.get_submodule("layer4.2.bn3")
    offsets = np.random.default_rng(0).choice([-2.0, -0.5, 0.5, 2.0], 256)
    with torch.no_grad():
        norm.running_mean.copy_(torch.from_numpy(offsets))
        norm.running_var.fill_(1 - norm.eps)
    signs = np.sign(offsets)
    signs[np.flatnonzero(np.abs(offsets) > 1)[:turned]] *= -1
    measurements = fill(authors_files(tmp_path / "a", {block: [0.5] * 256 for block in BLOCKS}, 1 - 0.6 * signs))
    own = replace(measurements, network=NetworkMeasures(network))
    outcome = asked(own, "offset_signs", layer="4/2/5", block="4/2", least=0.8, fewest=20)
    assert outcome.verdict == verdict
    assert outcome.values["agreeing"] == outcome.values["units"] - turned


def test_words_named_for_units_are_looked_for_among_their_top_words(fill: Fill) -> None:
    words = [
        {"word": word, "layer": "4/2/6", "channel": channel, "value": 1.0, "word_rank": rank}
        for channel, word, rank in ((2, "cap", 1), (2, "famous", 2), (3, "savage", 1), (2, "caps", None))
    ]
    shown = [{"text": word, "kind": "word", "length": len(word)} for word in ("cap", "famous", "savage", "caps")]
    measurements = fill(words=words, vocabulary=shown)
    named = {"2": ["cap", "famous", "savage", "caps", "never shown"]}
    outcome = asked(measurements, "words_of_units", layer="4/2/6", words=named, least=0.5)
    assert (outcome.verdict, outcome.values) == ("pass", {"hits": 2, "words": 4})


def test_the_sum_over_a_list_of_words_counts_repeated_lines_twice(tiny: Network, fill: Fill) -> None:
    lines = ["the", "color", "of", "labor", "color", "and", "cat"]
    measurements, layer = fill(), Layer(4, 2, 6)
    vocabulary.measure(tiny, measurements.extraction, lines, [layer], progress=False)
    means = NetworkMeasures(tiny).word_means([*lines, "eeeeee"], [layer])[layer]  # (lines + 1, channels)
    first, total, baseline = means[:5].sum(axis=0), means[:7].sum(axis=0), means[7]
    norm = np.linalg.norm(first)
    distance = 1 - total @ baseline / np.linalg.norm(total) / np.linalg.norm(baseline)

    distinct = dict.fromkeys(lines)
    listed = {
        "layer": "4/2/6",
        "sha256": hashlib.sha256("\n".join(distinct).encode()).hexdigest(),
        "words": 6,
        "repeated": ["color"],
    }
    published = asked(measurements, "sum_norm", **listed, left_out=2, norm=norm, within=0.001)
    assert (published.verdict, published.values["norm"]) == ("pass", pytest.approx(norm, rel=1e-3))
    assert f", {norm / 5:.2f} a line" in published.finding
    assert asked(measurements, "sum_norm", **listed, left_out=2, norm=1.01 * norm, within=0.005).verdict == "deviation"
    apart = asked(measurements, "sum_distance", **listed, left_out=0, word="eeeeee", distance=distance, within=0.02)
    assert (apart.verdict, apart.values["distance"]) == ("pass", pytest.approx(distance, rel=0.02))
    with pytest.raises(CannotRun, match=r"`--words google-10000-english-usa\.txt` .*; this one has other words"):
        asked(measurements, "sum_norm", **listed | {"sha256": "0"}, left_out=2, norm=norm, within=0.001)


def test_words_that_are_set_otherwise_give_no_sum_of_the_articles(tiny: Network, fill: Fill) -> None:
    measurements = fill()
    vocabulary.measure(tiny, measurements.extraction, ["cat"], [Layer(4, 2, 6)], Lettering(ink="red"), progress=False)
    listed = {"layer": "4/2/6", "sha256": hashlib.sha256(b"cat").hexdigest(), "words": 1, "repeated": []}
    with pytest.raises(CannotRun, match="in the article's lettering"):
        asked(measurements, "sum_norm", **listed, left_out=0, norm=1, within=0.1)


def test_rank_correlation_is_spearmans() -> None:
    one, other = np.array([1.0, 2, 2, 4]), np.array([10.0, 5, 30, 40])
    assert rank_correlation(one, other) == pytest.approx(0.6324555320336759)  # scipy.stats.spearmanr of both
    assert rank_correlation(one, -one) == pytest.approx(-1)
    assert np.isnan(rank_correlation(one, np.ones(4)))
