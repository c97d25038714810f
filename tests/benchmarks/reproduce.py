"""Does `circuits reproduce` confirm claims that are planted, and none that are not?

    python -m tests.benchmarks.reproduce [--seeds 20]

Each seed plants each effect of `tests/builders/planted_article.py` by itself. Printed for each claim: how many of the
worlds in which it holds confirm it, and how many of those in which it does not hold. Of the latter only those count
that have the measurements on which the claim is decided.
"""

import argparse
import tempfile
from collections import Counter
from pathlib import Path
from time import perf_counter

from catalog.article.claims import claims
from catalog.article.reproduction import decide
from tests.builders.planted_article import CLAIMS, EFFECTS, planted_article, planted_shape


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    seeds = parser.parse_args().seeds
    table, start = {claim.name: claim for claim in claims()}, perf_counter()
    confirmed, worlds = Counter[tuple[str, bool]](), Counter[tuple[str, bool]]()
    with tempfile.TemporaryDirectory() as place:
        network = planted_shape(Path(place))
        for seed in range(seeds):
            for effect, holding in EFFECTS.items():
                evidence = planted_article(Path(place) / f"{seed} {effect}", network, effect, seed)
                for name in CLAIMS:
                    key, verdict = (name, name in holding), decide(table[name], evidence).verdict
                    worlds[key] += name in holding or verdict != "cannot run"
                    confirmed[key] += verdict == "pass"
    print(f"{'claim':58} {'confirmed where it holds':>26} {'where it does not':>20}")
    for name in CLAIMS:
        held, absent = (f"{confirmed[name, key]} of {worlds[name, key]}" for key in (True, False))
        print(f"{name:58} {held:>26} {absent:>20}")
    print(f"{seeds} seeds, {perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
