"""Vendors and fonts held out in turn: the splits, and which verdicts recur."""

import numpy as np
import pyarrow as pa
import pytest

from extract.enrichment.census import census
from extract.enrichment.held_out_sources import fails_to_recur, recurrence, rotations
from tests.benchmarks.census.wrong import implemented
from tests.builders.planted_arrays import BY_SOURCE, World, world

PICTURES, WORDS = ("fluent", "noto", "twemoji"), ("lora", "nunito", "sans")


@pytest.fixture(scope="module")
def planted() -> World:
    return world(3, units=24, kinds=("clear", "one facet"))


def with_sources(planted: World) -> pa.Table:
    """The probes with a source each, the held-out one a vendor or a font of its own."""
    seen = dict[tuple[str, str], int]()
    names = []
    for row in planted.probes.to_pylist():
        sources = PICTURES if row["modality"] == "picture" else WORDS
        key = (row["modality"], row["concept"])
        seen[key] = seen.get(key, -1) + (row["split"] == "discovery")
        names.append(sources[2] if row["split"] == "held-out" else sources[max(0, seen[key]) % 2])
    return planted.probes.append_column("source", pa.array(names))


def test_every_pair_of_a_vendor_and_a_font_is_held_out_once(planted: World) -> None:
    probes = with_sources(planted)
    turned = rotations(probes, planted.embeddings)
    source = np.array(probes["source"].to_pylist())
    held_out = [frozenset(source[ways.concepts.places[1] >= 0]) for ways in turned]
    assert sorted(map(sorted, held_out)) == sorted(sorted((p, w)) for p in PICTURES for w in WORDS)
    for ways in turned:
        assert not (ways.concepts.places >= 0).all(axis=0).any()  # no probe is in both splits


def test_nothing_is_turned_where_there_is_one_source_or_one_for_every_image(planted: World) -> None:
    count = planted.probes.num_rows
    for names in (["one"] * count, [f"image {n}" for n in range(count)]):
        assert rotations(planted.probes.append_column("source", pa.array(names)), planted.embeddings) == []
    assert rotations(planted.probes, planted.embeddings) == []


def test_what_one_vendor_and_font_alone_show_is_not_enriched_and_says_why(planted: World) -> None:
    probes = with_sources(planted)
    table = census(planted.shortcut, planted.conv, probes, planted.embeddings)
    clear = planted.kinds == "clear"
    assert np.mean(np.array(table["verdict"].to_pylist())[clear] == "enriched") >= 0.9
    assert min(table["recurrence"].to_numpy()[clear]) > 0.5
    assert set(table["ways"].to_pylist()) == {9}
    source = np.array(probes["source"].to_pylist())
    weak = np.isin(source, (PICTURES[0], WORDS[0]))  # half of discovery: conv brings a smaller facet there
    mean = planted.conv.mean(axis=(0, 2), keepdims=True)
    conv = np.where(weak[:, None, None], mean + 0.3 * (planted.conv - mean), planted.conv)
    partly = np.isin(source, (PICTURES[1], WORDS[1]))
    conv = np.where(partly[:, None, None], mean + 0.35 * (planted.conv - mean), conv)
    once = census(planted.shortcut, conv, probes, planted.embeddings)
    alone = census(planted.shortcut, conv, planted.probes, planted.embeddings)
    links = np.array(once["weakest_link"].to_pylist())
    demoted = links == "it recurs where other vendors and fonts are held out"
    assert set(np.array(alone["verdict"].to_pylist())[demoted]) == {"enriched"}
    assert demoted[clear].sum() >= 3
    assert set(np.array(once["verdict"].to_pylist())[demoted]) == {"open"}


@pytest.fixture(scope="module")
def by_source() -> World:
    return world(3, units=2 * len(BY_SOURCE), kinds=tuple(BY_SOURCE))


def enriched_kinds(shown: World) -> set[str]:
    """The kinds of the units that are called enriched."""
    table = census(shown.shortcut, shown.conv, shown.probes, shown.embeddings)
    return set(shown.kinds[np.array(table["verdict"].to_pylist()) == "enriched"])


def test_only_facets_that_every_vendor_and_font_has_are_enriched(by_source: World) -> None:
    assert enriched_kinds(by_source) == {"every source"}


@pytest.mark.parametrize(
    ("name", "missed"),
    [("no majority", {"overtaken shortcut", "overtaken conv"}), ("no recurrence", {"two sources"})],
)
def test_a_census_without_majorities_or_recurrence_shows_on_planted_units(
    by_source: World, name: str, missed: set[str]
) -> None:
    with implemented(name):
        assert enriched_kinds(by_source) == {"every source"} | missed


def test_recurrence_is_the_share_of_ways_with_the_same_verdict() -> None:
    verdict = np.array(["enriched", "open", "enriched"], object)
    turned = [np.array(each, object) for each in (["enriched", "open", "open"], ["open", "open", "not enriched"])]
    assert recurrence(verdict, turned).tolist() == [0.5, 1, 0]
    assert np.isnan(recurrence(verdict, [])).all()
    assert fails_to_recur(verdict, np.array([0.5, 0.1, 0.6])).tolist() == [True, False, False]
    assert not fails_to_recur(verdict, np.full(3, np.nan)).any()
