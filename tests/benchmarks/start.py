"""How long the command line and the front door take to start, compared with a bare Typer program: medians of ten runs.

    python tests/benchmarks/start.py [--before OTHER/.venv/bin/circuits] [--database FOLDER]

`--before` times the executable of another version's checkout in the same run. Each version loads a synthetic catalog
that its own checkout writes, whose server runs while `unit` and `find` are timed; `--database` names one that is there,
for this version. The first table is the time that one waits, the second the CPU time of the program without its
database server, both in seconds. On a busy machine compare the second. Python keeps the bytecode of what it imports,
whatever PYTHONDONTWRITEBYTECODE says here. Linux and macOS only.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import NamedTuple

from graph.embedded.server import stop

ROUNDS = 10
UNIT = "4/2/6/34"
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
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


WRITTEN = """
import sys
from pathlib import Path
from tests.benchmarks.catalogs import furnish, synthetic

furnish(synthetic(Path(sys.argv[1]), 20_000), tuple(f"word{n}" for n in range(50)))
"""


class Call(NamedTuple):
    """The words of a command line, further environment variables, and its expected exit code."""

    words: list[str]
    environment: Mapping[str, str] = {}
    code: int = 0


class Seconds(NamedTuple):
    """The seconds that a call takes: those waited, and those of CPU."""

    waited: float
    of_cpu: float


def calls(program: list[str], name: str, database: Path | None = None) -> dict[str, Call]:
    """Return the calls of a program that are timed; questions are among them only if the program has a catalog."""
    completion = {f"_{name.upper()}_COMPLETE": "complete_bash", "COMP_WORDS": f"{name} --", "COMP_CWORD": "1"}
    timed = {
        "help": Call([*program, "--help"]),
        "completion": Call(program, completion),
        "a mistake": Call([*program, "no-such-command"], code=2),
    }
    if database is not None:
        where = {"CIRCUITS_DATABASE": str(database)}
        timed |= {"unit": Call([*program, "unit", UNIT], where), "find": Call([*program, "find"], where)}
    return timed


def seconds(call: Call, folder: Path) -> Seconds:
    """Time a call, in a folder that holds no version's modules; SystemExit if its exit code is not the expected one."""
    cpu, start = cpu_of_children(), perf_counter()
    answer = subprocess.run(
        call.words, env={**ENVIRONMENT, **call.environment}, cwd=folder, capture_output=True, text=True
    )
    taken = Seconds(perf_counter() - start, cpu_of_children() - cpu)
    if answer.returncode != call.code:
        sys.exit(f"{' '.join(call.words)} ended with {answer.returncode}:\n{answer.stdout}{answer.stderr}")
    return taken


def cpu_of_children() -> float:
    """Return the CPU seconds of all child processes that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def medians(timed: Mapping[str, Mapping[str, Call]], folder: Path) -> dict[str, dict[str, Seconds]]:
    """Return the medians of ten rounds, after one that does not count; a round makes every call of every program."""
    times: dict[str, dict[str, list[Seconds]]] = {program: {what: [] for what in of} for program, of in timed.items()}
    for number in range(ROUNDS + 1):
        for program, of in timed.items():
            for what, call in of.items():
                taken = seconds(call, folder)
                times[program][what] += [taken] if number else []
    return {
        program: {what: Seconds(*map(median, zip(*values, strict=True))) for what, values in of.items()}
        for program, of in times.items()
    }


@contextmanager
def loaded(circuits: Path, folder: Path) -> Iterator[Path]:
    """Load what a version's checkout writes into a new database, and yield it; stop its server at the end."""
    extraction, database = folder / "x.extraction", folder / "database"
    folder.mkdir()
    checkout = circuits.parents[2]
    seconds(Call([str(circuits.with_name("python")), "-c", WRITTEN, str(extraction)]), checkout)
    seconds(Call([str(circuits), "load", str(extraction), "--database", str(database)]), folder)
    try:
        yield database
    finally:
        stop(database)


def measure(before: str | None, database: Path | None, folder: Path) -> dict[str, dict[str, Seconds]]:
    """Return the medians of the bare program, of the version before and of this one."""
    here, bare = Path(sys.executable).with_name("circuits"), folder / "bare.py"
    bare.write_text(BARE)
    timed = {"bare": calls([sys.executable, str(bare)], bare.name)}
    with ExitStack() as catalogs:
        if before:
            catalog = catalogs.enter_context(loaded(Path(before).absolute(), folder / "before"))
            timed["before"] = calls([before], "circuits", catalog)
        now = database or catalogs.enter_context(loaded(here, folder / "now"))
        timed["now"] = calls([str(here)], "circuits", now)
        timed["now"]["import of the front door"] = Call([sys.executable, "-c", "import clip_circuits"])
        return medians(timed, folder)


def show(title: str, times: Mapping[str, Mapping[str, float]]) -> None:
    """Print a table: a row for what is timed, a column for each program, and how this version compares."""
    print(f"{title:26}" + "".join(f"{program:>10}" for program in times) + f"{'now / bare':>12}")
    for what, now in times["now"].items():
        row = "".join(f"{of[what]:10.2f}" if what in of else f"{'':10}" for of in times.values())
        bare = times["bare"].get(what)
        print(f"{what:26}{row}" + (f"{now / bare:12.1f}" if bare else ""))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--before", help="another version's circuits executable, CHECKOUT/.venv/bin/circuits")
    options.add_argument("--database", type=Path, help="a catalog for this version")
    asked = options.parse_args()
    with TemporaryDirectory() as folder:
        times = measure(asked.before, asked.database and asked.database.resolve(), Path(folder))
    for title, field in (("waited", "waited"), ("CPU", "of_cpu")):
        show(title, {program: {what: getattr(t, field) for what, t in of.items()} for program, of in times.items()})


if __name__ == "__main__":
    main()
