"""How long the command line and the front door take to start, beside a bare Typer program: medians of ten, in seconds.

python tests/benchmarks/start.py [--before OTHER/.venv/bin/circuits] [--database FOLDER]

`--before` times another version's executable in the same run. Each version loads a synthetic catalog of its own, whose
server runs while `unit` and `find` are timed; `--database` names one that is there, for this version.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from tests.benchmarks.catalogs import furnish, synthetic

ROUNDS = 10
UNIT = "4/2/6/34"
BARE = '''
import typer

app = typer.Typer()


@app.command()
def one(number: int = 1) -> None:
    """One."""


@app.command()
def two(number: int = 1) -> None:
    """Two."""


app()
'''
COMPLETION = {"COMP_WORDS": "PROGRAM --", "COMP_CWORD": "1"}

Call = tuple[list[str], Mapping[str, str]]  # words of a command line, and variables of its environment


def calls(program: list[str], name: str, database: Path | None) -> dict[str, Call]:
    """What is timed of a program; questions only where it has a catalog."""
    completion = {f"_{name.upper()}_COMPLETE": "complete_bash", **COMPLETION}
    timed: dict[str, Call] = {
        "help": ([*program, "--help"], {}),
        "completion": (program, completion),
        "a mistake": ([*program, "no-such-command"], {}),
    }
    if database is not None:
        where = {"CIRCUITS_DATABASE": str(database)}
        timed |= {"unit": ([*program, "unit", UNIT], where), "find": ([*program, "find"], where)}
    return timed


def seconds(call: Call, folder: Path) -> float:
    """How long a call takes, in a folder that holds no version's modules."""
    words, environment = call
    start = perf_counter()
    subprocess.run(words, env=os.environ | environment, cwd=folder, capture_output=True)
    return perf_counter() - start


def medians(timed: Mapping[str, Mapping[str, Call]], folder: Path) -> dict[str, dict[str, float]]:
    """Ten rounds, every call of every program once a round, after one that does not count."""
    times: dict[str, dict[str, list[float]]] = {program: {what: [] for what in of} for program, of in timed.items()}
    for number in range(ROUNDS + 1):
        for program, of in timed.items():
            for what, call in of.items():
                taken = seconds(call, folder)
                times[program][what] += [taken] if number else []
    return {program: {what: median(values) for what, values in of.items()} for program, of in times.items()}


def load(circuits: str, extraction: Path, database: Path) -> Path:
    """Load an extraction into a version's own catalog; its server stops when nobody has asked it for a while."""
    words = [circuits, "load", str(extraction), "--database", str(database)]
    subprocess.run(words, cwd=extraction.parent, check=True, capture_output=True)
    return database


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--before", help="another version's circuits executable")
    options.add_argument("--database", type=Path, help="a catalog for this version")
    asked = options.parse_args()
    here = str(Path(sys.executable).with_name("circuits"))
    with TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "bare.py").write_text(BARE)
        extraction = place / "x.extraction"
        furnish(synthetic(extraction, 20_000), tuple(f"word{n}" for n in range(50)))
        now = asked.database.resolve() if asked.database else load(here, extraction, place / "now")
        timed = {"bare": calls([sys.executable, str(place / "bare.py")], "bare.py", None)}
        if asked.before:
            timed["before"] = calls([asked.before], "circuits", load(asked.before, extraction, place / "before"))
        timed["now"] = calls([here], "circuits", now)
        timed["now"]["import of the front door"] = ([sys.executable, "-c", "import clip_circuits"], {})
        found = medians(timed, place)
    print(f"{'':26}" + "".join(f"{program:>10}" for program in found) + f"{'now / bare':>12}")
    for what, now_seconds in found["now"].items():
        row = "".join(f"{of[what]:10.2f}" if what in of else f"{'':10}" for of in found.values())
        bare = found["bare"].get(what)
        print(f"{what:26}{row}" + (f"{now_seconds / bare:12.1f}" if bare else ""))


if __name__ == "__main__":
    main()
