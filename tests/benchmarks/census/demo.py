"""The census of the demo's last sum: nulls made of its maps, the number of concepts, held-out vendors and fonts."""

from collections import Counter
from dataclasses import replace
from itertools import product
from time import perf_counter

import numpy as np
import pyarrow as pa

from extract.enrichment.attribution import attribution
from extract.enrichment.census import DEFAULT, CensusWays, census, judge, judge_all, measure
from extract.enrichment.census_probes import CensusProbes
from extract.enrichment.census_settings import CensusSettings
from extract.enrichment.concept_table import concept_table
from extract.enrichment.probe_covariates import covariates
from extract.network.weights import load_network
from extract.probes.table import images, read
from extract.recording.branch_maps import BranchMaps, branch_maps

VERDICTS = ("enriched", "not enriched", "facets alike", "open")
SIZES = (6, 8, 12, 16, 24, 32)


def measured() -> tuple[BranchMaps, pa.Table, pa.Table]:
    """Return the demo's maps, its probes without images, and their covariates."""
    probes, network = read(), load_network("demo")
    maps = branch_maps(network, images(probes), network.architecture.final)
    return maps, probes.drop(["image"]), covariates(probes)


def line(name: str, table: pa.Table) -> str:
    counts = Counter(table["verdict"].to_pylist())
    return f"{name:34}" + "".join(f"{counts[verdict]:14}" for verdict in VERDICTS)


def nulls(maps: BranchMaps, seed: int = 0) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return both branches' maps, with conv's facets taken out, weakened or made like the shortcut's, keyed by name."""
    rng = np.random.default_rng(seed)
    r, b = maps.shortcut, maps.conv
    mean = b.mean(axis=(0, 2), keepdims=True)
    shuffled, other = b[rng.permutation(len(b))], r[rng.permutation(len(r))]
    deviation = [part - part.mean(axis=(0, 2), keepdims=True) for part in (r, b)]
    share = np.sqrt((deviation[1] ** 2).mean(axis=(0, 2)) / (deviation[0] ** 2).mean(axis=(0, 2)))[:, None]
    return {
        "conv taken out": (r, np.broadcast_to(mean, b.shape)),
        "conv at a tenth": (r, mean + 0.1 * deviation[1]),
        "conv shuffled": (r, shuffled),
        "both shuffled": (other, shuffled),
        "conv half the shortcut": (r, mean + 0.5 * deviation[0]),
        "the same, and conv shuffled": (r, 0.5 * deviation[0] + shuffled),
        "conv at 0.3": (r, mean + 0.3 * deviation[1]),
        "broad conv": (r, mean + deviation[1] + share * deviation[0]),
        "broad shortcut": (np.maximum(r + deviation[1] / share.clip(1e-3), 0), b),
    }


def print_nulls(maps: BranchMaps, probes: pa.Table) -> None:
    for name, (shortcut, conv) in nulls(maps).items():
        print(line(name, census(shortcut, conv, probes, maps.embeddings)), flush=True)


def print_census(maps: BranchMaps, probes: pa.Table, shown: pa.Table) -> None:
    """Print the census for each setting, and for each choice of probes that it is taken on."""
    print(f"\n{'the demo, 4/2/6':34}" + "".join(f"{verdict:>14}" for verdict in VERDICTS))
    start = perf_counter()
    brought = attribution(maps.shortcut, maps.conv)
    print(f"attribution of {maps.conv.shape[1]} units on {len(maps.conv)} images: {perf_counter() - start:.1f} s")
    start = perf_counter()
    known, plain = CensusProbes.of(probes, maps.embeddings, shown), CensusProbes.of(probes, maps.embeddings)
    table = concept_table(known.concepts, brought.shortcut, brought.conv)
    final = judge(table, known)
    print(line("the same, in one split alone", final) + f"   {perf_counter() - start:.1f} s")
    start, ways = perf_counter(), CensusWays.of(probes, maps.embeddings, shown)
    recurring = judge_all([measure(brought, ways)], ways)
    print(line("settings as they are", recurring) + f"   {perf_counter() - start:.1f} s, {len(ways.turned)} ways")
    print(
        f"low-level {np.count_nonzero(final['low_level'])}; enriched by BY {(final['q_by'].to_numpy() <= 0.05).sum()}"
    )
    print(line("without covariates", judge(table, plain)))
    for size in SIZES:
        print(line(f"{size} concepts a facet", judge(table, known, replace(DEFAULT, sizes=(size,)))))
    for rho, delta in ((0.1, 0.25), (0.15, 0.25), (0.35, 0.25), (0.5, 0.25), (0.25, 0.1), (0.25, 0.5)):
        print(line(f"rho {rho}, delta {delta}", judge(table, known, CensusSettings(rho=rho, delta=delta))))
    for modality in ("picture", "word"):
        own = np.array(probes["modality"].to_pylist()) == modality
        parts = maps.shortcut[own], maps.conv[own], probes.filter(own), maps.embeddings[own], shown.filter(own)
        print(line(f"{modality}s alone", census(*parts)))


def print_rotation(maps: BranchMaps, probes: pa.Table, shown: pa.Table) -> None:
    """Print the census with every vendor and font held out in turn, and how often each verdict recurs."""
    brought = attribution(maps.shortcut, maps.conv)
    modality, source = (np.array(probes[name].to_pylist()) for name in ("modality", "source"))
    verdicts = []
    for pair in product(*(sorted(set(source[modality == name])) for name in ("picture", "word"))):
        split = np.where(np.isin(source, pair), "held-out", "discovery")
        turned = probes.set_column(probes.column_names.index("split"), "split", pa.array(split))
        known = CensusProbes.of(turned, maps.embeddings, shown)
        table = judge(concept_table(known.concepts, brought.shortcut, brought.conv), known)
        print(line("held out: " + ", ".join(pair), table), flush=True)
        verdicts.append(table["verdict"].to_pylist())
    all_ways = np.array(verdicts)  # (ways, units)
    for verdict in ("enriched", "not enriched"):
        times = (all_ways == verdict).sum(axis=0)
        print(f"{verdict}: ever {(times > 0).sum()}, in 5 of 9 {(times >= 5).sum()}, in all {(times == 9).sum()}")
    both = (all_ways == "enriched").any(axis=0) & (all_ways == "not enriched").any(axis=0)
    print(f"enriched in one way and not in another: {both.sum()}")
