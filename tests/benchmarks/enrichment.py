"""Does the search find enrichment circuits that were planted, and nothing where there are none?

    python tests/benchmarks/enrichment.py [--seeds 20]

Each seed makes a network whose units' kinds are known (`tests/planted.py`), shows it its images and runs the search.
Precision and recall are of the units that the census calls enriched and of those planted; then for each kind of unit
how many are, and how many double dissociation supports. A null network has no enriched unit: every discovery is false.
"""

import argparse
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

from extract.enrichment.census import DEFAULT
from extract.enrichment.pipeline import measure
from tests.builders.extractions import without_edges
from tests.builders.planted_network import KINDS, planted


def searched(seed: int, null: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Kinds of the units, which are enriched by the census, and which ablation supports."""
    with tempfile.TemporaryDirectory() as place:
        made = planted(Path(place), seed, null)
        network = made.network
        extraction = without_edges(network, Path(place) / "x")
        measure(network, extraction, made.probes, [network.architecture.final], progress=False)
        verdict, ablation = (
            np.array(extraction.table(name)["verdict"].to_pylist(), object) for name in ("census", "dissociation")
        )
    return made.kinds, verdict == "enriched", ablation == "supported"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    seeds = parser.parse_args().seeds
    units, found, supported, both = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    precision, recall, false = list[float](), list[float](), list[int]()
    for seed in range(seeds):
        kinds, candidate, proven = searched(seed, null=False)
        true = kinds == "enriched"
        precision.append(float((candidate & true).sum() / max(1, candidate.sum())))
        recall.append(float((candidate & true).sum() / true.sum()))
        for counter, which in (
            (units, true | ~true),
            (found, candidate),
            (supported, proven),
            (both, candidate & proven),
        ):
            counter.update(kinds[which].tolist())
        false.append(int(searched(seed, null=True)[1].sum()))
        print(
            f"seed {seed}: precision {precision[-1]:.3f}, recall {recall[-1]:.3f}, null {false[-1]} found", flush=True
        )
    print(f"\n{seeds} seeds               mean     least")
    for name, values in (("precision", precision), ("recall", recall)):
        print(f"{name:20} {np.mean(values):8.3f} {min(values):8.3f}")
    print(
        f"null networks with any discovery: {np.mean(np.array(false) > 0):.3f} (false discovery rate {DEFAULT.level})"
    )
    print(f"\n{'kind':12} {'units':>7} {'found':>7} {'supported':>10} {'both':>7}")
    for kind in KINDS:
        print(f"{kind:12} {units[kind]:7} {found[kind]:7} {supported[kind]:10} {both[kind]:7}")


if __name__ == "__main__":
    main()
