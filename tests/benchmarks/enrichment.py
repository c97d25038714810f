"""Does the search find enrichment circuits that were planted, and nothing where there are none?

    python -m tests.benchmarks.enrichment [--seeds 20] [--first 0]

Each seed makes a network whose units' kinds are known (`tests/builders/planted_network.py`), shows it its images and
runs the search. Printed for each kind of unit: how many the census calls enriched, and how many ablation supports and
contradicts, on the census's facets and on new concepts nearby. A null network has no enriched unit, so every discovery
and every support in it is false. Printed of the planted enriched units that the census misses: their weakest links, and
the covariates that explain a facet of theirs.
"""

import argparse
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from extract.enrichment.pipeline import measure
from tests.benchmarks.census.rates import upper
from tests.builders.extractions import without_edges
from tests.builders.planted_network import KINDS, planted

STATES = {  # what is counted: table, column, state
    "enriched": ("census", "verdict", "enriched"),
    "supported": ("ablation", "state", "supported"),
    "contradicted": ("ablation", "state", "contradicted"),
    "nearby": ("ablation", "nearby_state", "supported"),
    "contradicted nearby": ("ablation", "nearby_state", "contradicted"),
}


@dataclass(frozen=True)
class Searched:
    """What the search says of a network's units, as arrays (units,): kinds, states, weakest links and covariates."""

    kinds: np.ndarray
    states: dict[str, np.ndarray]  # bool
    links: np.ndarray
    low_level: np.ndarray  # which covariate explains which facet; None where none does

    @property
    def missed(self) -> np.ndarray:
        """The planted enriched units that the census does not call enriched, bool (units,)."""
        return np.asarray((self.kinds == "enriched") & ~self.states["enriched"])


def searched(seed: int, null: bool) -> Searched:
    with tempfile.TemporaryDirectory() as place:
        made = planted(Path(place), seed, null)
        extraction = without_edges(made.network, Path(place) / "x")
        measure(made.network, extraction, made.probes, [made.network.architecture.final], progress=False)
        columns = {name: extraction.table(table)[column].to_pylist() for name, (table, column, _) in STATES.items()}
        judged = extraction.table("census")
    states = {name: np.array(columns[name]) == state for name, (_, _, state) in STATES.items()}
    return Searched(made.kinds, states, *(np.array(judged[name].to_pylist()) for name in ("weakest_link", "low_level")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    options, start = parser.parse_args(), perf_counter()
    units, counts = Counter[str](), {name: Counter[str]() for name in STATES}
    links, explaining = Counter[str](), Counter[str]()
    for seed in range(options.first, options.first + options.seeds):
        for null in (False, True):
            of_seed = searched(seed, null)
            units.update(of_seed.kinds.tolist())
            for name, own in of_seed.states.items():
                counts[name].update(of_seed.kinds[own].tolist())
            links.update(of_seed.links[of_seed.missed].tolist())
            explaining.update(text for text in of_seed.low_level[of_seed.missed] if text)
            print(f"seed {seed}{', null' if null else ''}: {perf_counter() - start:.0f} s", flush=True)
    print(f"\n{'kind':12}{'units':>7}" + "".join(f"{name:>21}" for name in STATES))
    for kind in KINDS:
        print(f"{kind:12}{units[kind]:7}" + "".join(f"{counts[name][kind]:21}" for name in STATES))
    true, others = units["enriched"], sum(units[kind] for kind in KINDS[1:])
    for name in ("enriched", "supported", "nearby"):
        false = sum(counts[name][kind] for kind in KINDS[1:])
        power = counts[name]["enriched"] / max(1, true)
        print(f"{name:12} power {power:.3f}, false {false} of {others}, upper 95 % bound {upper(false, others):.4f}")
    print_counts("planted units that are missed, by their weakest link", links)
    print_counts("and by what explains a facet of theirs", explaining)


def print_counts(title: str, counts: Counter[str]) -> None:
    print(f"\n{title}")
    for name, count in counts.most_common(12):
        print(f"{count:6}  {name}")


if __name__ == "__main__":
    main()
