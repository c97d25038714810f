"""Extractions of the tiny network in processes that may be killed; torch is imported once for all of them."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from extract.errors import ExtractionError
from extract.folder.extraction import Extraction
from graph.loading.load import refuse_unfinished
from tests.builders.contents import contents

FORK = """
import os, signal, sys, time
from pathlib import Path
from extract.enrichment.pipeline import measure
from extract.errors import CircuitsError
from extract.expansion.atlas import extract
from tests.builders.tiny_network import noise_probes, tiny_network

network, probes = tiny_network(Path(sys.argv[1])), noise_probes()

def run(folder):
    extraction = extract(network, folder, ["4/2/*"], strongest=3, progress=False)
    measure(network, extraction, probes, [network.architecture.final], progress=False, chunk=22)

print(flush=True)
for line in sys.stdin:
    seconds, folder = line.rstrip("\\n").split(" ", 1)
    began, child = time.monotonic(), os.fork()
    if child == 0:
        try:
            run(Path(folder))
        except CircuitsError as error:
            print(error, file=sys.stderr)
            os._exit(2)
        os._exit(0)
    if float(seconds) < float("inf"):
        time.sleep(float(seconds))
        os.kill(child, signal.SIGKILL)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(ended, time.monotonic() - began, flush=True)
"""


@dataclass(frozen=True)
class ForkedExtracts:
    """A process that has loaded the network, and forks a child for each extraction."""

    _process: "subprocess.Popen[str]"

    def run(self, folder: Path, killed_after: float = float("inf")) -> tuple[int, float]:
        """Extract into a folder and measure, or be killed after some seconds; return exit code and seconds taken.

        The exit code is 2 for a CircuitsError.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(killed_after, folder, file=self._process.stdin, flush=True)
        code, seconds = self._process.stdout.readline().split()
        return int(code), float(seconds)


@contextmanager
def forked_extracts(folder: Path) -> Iterator[ForkedExtracts]:
    """Start the process that forks; the network's configuration is written into the folder."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}  # torch forks safely while it has started no threads
    command, pipe = [sys.executable, "-c", FORK, str(folder)], subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        yield ForkedExtracts(process)
        process.stdin.close()


def is_honest(folder: Path, whole: dict[str, bytes]) -> bool:
    """Return whether a folder is what its manifest says, and can be loaded only if it is finished.

    The files that the manifest names have the checksums in it, and the weights among them are those of `whole`, the
    files of an undisturbed extraction. The folder can be loaded if and only if the manifest names all files of weights.
    """
    try:
        extraction = Extraction.open(folder)
        refuse_unfinished(extraction)
    except ExtractionError:
        may_be_loaded = False
    else:
        may_be_loaded = True
    found = contents(folder)
    if "manifest.json" not in found:
        return not may_be_loaded
    recorded = Extraction.open(folder).manifest.files
    weights = {name for name in whole if name.startswith(("units", "edges", "sweeps", "matrices"))}
    written = all(hashlib.sha256(found[name]).hexdigest() == file.sha256 for name, file in recorded.items())
    same = all(found[name] == whole[name] for name in weights & recorded.keys())  # probes get their thumbnails later
    return written and same and (weights <= recorded.keys()) == may_be_loaded
