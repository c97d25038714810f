"""Is the census of enrichment right? Planted worlds, wrong implementations, a boundary test, and the demo.

    python -m tests.benchmarks.census [rates] [wrong] [boundary] [demo] [dissociation] [pairings]
        [--seeds 20] [--first 5000]
    python -m tests.benchmarks.census cost [--network RN50] [--every 1] [--whole]

rates     verdicts by kind and by true ratio of effect to need, on fresh worlds of 240 units; coverage of the bounds,
          also where vendors differ; kinds whose facets only some sources have, with every source held out in turn
wrong     the same for wrong implementations, on development worlds: which promised rates each of them misses
boundary  concept tables in which nine tenths of the units lie on the boundary of a size: false discoveries of either
          verdict
demo      the demo's last sum: nulls made of its maps, the number of concepts, other settings, held-out vendor and font
dissociation  what ablation supports and contradicts on fresh worlds, on the census's facets and on new concepts
pairings  the prevalence compared with branches paired anew: on planted worlds, two a seed, and on the demo's last sum
cost      what a network's last sum costs, or all sums (--whole), on every n-th concept of the bundled probes

Seeds below 5000 are for development; the reported ones were run once. The need is the size that an effect must exceed.
"""

import argparse
from collections.abc import Callable
from time import perf_counter

from extract.enrichment.census import DEFAULT
from extract.enrichment.concept_table import ProbeConcepts
from tests.benchmarks.census import boundary, cost, demo, dissociation, pairings, rates, wrong
from tests.builders.planted_arrays import BY_SOURCE, World, world

DEVELOPMENT = 2000  # the first seed for development
VENDORS = 0.15  # sd of a vendor's or font's gain of a branch


def print_rates(first: int, seeds: int) -> None:
    units = rates.judged(world(first + n) for n in range(seeds))
    rates.print_kinds(units)
    rates.print_ratios(units)
    rates.print_coverage(units)
    print("missed: " + ("; ".join(rates.failures(units)) or "nothing"))
    print("\nfacets of some vendors and fonts alone:")
    rates.print_kinds(rates.judged(by_source(first, max(1, seeds // 2))))
    print(f"\nvendors and fonts that differ by {VENDORS} of a branch's drive:")
    rates.print_coverage(rates.judged(world(first + n, vendor_sd=VENDORS) for n in range(max(1, seeds // 4))))


def by_source(first: int, seeds: int) -> list[World]:
    """Make worlds of the kinds whose facets only some sources have."""
    return [world(first + n, 12 * len(BY_SOURCE), tuple(BY_SOURCE)) for n in range(seeds)]


def print_wrong(seeds: int) -> None:
    worlds, sources = [world(DEVELOPMENT + n) for n in range(seeds)], by_source(DEVELOPMENT, max(1, seeds // 2))
    for name in wrong.PARTS:
        with wrong.implemented(name) as settings:
            units = rates.judged(worlds, settings=settings)
            missed = rates.failures(units) + rates.false_failures(rates.judged(sources, settings=settings))
            missed += boundary.failures(settings, runs=12)
            incomplete = wrong.completeness(worlds[0].shortcut, worlds[0].conv)
        missed += [f"attributions miss the sum by {incomplete:.2f} sd"] if incomplete > 1e-9 else []
        print(f"{name:20} {'; '.join(missed) or 'misses nothing'}", flush=True)


def print_boundary() -> None:
    for name, verdict, mean, error in boundary.false_rates(DEFAULT):
        print(f"{name:36} {verdict:14} false {mean:.3f}, two standard errors {2 * error:.3f}", flush=True)


def print_demo() -> None:
    measured = demo.measured()
    print(f"{'nulls of the demo':34}" + "".join(f"{verdict:>14}" for verdict in demo.VERDICTS))
    demo.print_nulls(*measured[:2])
    demo.print_census(*measured)
    demo.print_rotation(*measured)


def print_pairings(first: int, seeds: int) -> None:
    pairings.print_planted(first, 2 * seeds)
    maps, probes, _ = demo.measured()
    print("\nthe demo, 4/2/6")
    pairings.print_pairings(maps.shortcut, maps.conv, ProbeConcepts.of(probes))


def main() -> None:
    parser = argparse.ArgumentParser(description="Is the census of enrichment right?")
    parser.add_argument("parts", nargs="*", default=["rates", "wrong", "boundary", "demo", "dissociation", "pairings"])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=5000)
    parser.add_argument("--network", default="RN50", help="of cost")
    parser.add_argument("--every", type=int, default=1, help="concepts of cost")
    parser.add_argument("--whole", action="store_true", help="cost of all sums")
    options = parser.parse_args()
    parts: dict[str, Callable[[], None]] = {
        "rates": lambda: print_rates(options.first, options.seeds),
        "wrong": lambda: print_wrong(max(1, options.seeds // 5)),
        "boundary": print_boundary,
        "demo": print_demo,
        "dissociation": lambda: dissociation.print_ablated(world(options.first + n) for n in range(options.seeds)),
        "pairings": lambda: print_pairings(options.first, options.seeds),
        "cost": lambda: cost.print_cost(options.network, options.every, options.whole),
    }
    for part in options.parts:
        start = perf_counter()
        print(f"\n{part}\n")
        parts[part]()
        print(f"{part}: {perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
