"""Hash what the probes held when they were shown, so that a later pass notices any that changed.

A change is noticed even if the probe's name and size are the same.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import groupby, islice

import pyarrow as pa
from tqdm import tqdm

from extract.errors import ExtractionError, ProbesError
from extract.folder.extraction import Extraction
from extract.folder.schemas import SCHEMAS
from extract.parallel import ordered_parallel_map
from extract.probes.pictures import UNREADABLE
from extract.probes.probe import Probe, Source
from extract.recording.decoding import DecodedProbe

_TABLE = "contents.parquet"


def hashes(decoded: list[DecodedProbe]) -> pa.Table:
    """Make rows of the contents table, for probes that could not be decoded too."""
    rows = [{"id": each.probe.id, "sha256": each.sha256} for each in decoded]
    return pa.Table.from_pylist(rows, SCHEMAS["contents"])


def is_of_earlier_version(extraction: Extraction) -> bool:
    """Return whether the probes were shown by a version that did not record what they held."""
    return bool(extraction.under("activations")) and not extraction.under(_TABLE)


def compare(extraction: Extraction, source: Source, chunk: int, progress: bool = True) -> None:
    """Raise ExtractionError if a probe that was shown holds something else now; probes not yet shown are not read."""
    parts = {int(name.rpartition("-")[2].removesuffix(".parquet")): name for name in extraction.under(_TABLE)}
    if not parts:
        return
    shown = islice(source, (max(parts) + 1) * chunk)
    with tqdm(desc="probes compared", unit="image", disable=not progress) as bar:
        for number, numbered in groupby(enumerate(shown), key=lambda each: each[0] // chunk):
            if number in parts:
                _compare_chunk(extraction, parts[number], (probe for _, probe in numbered))
                bar.update(chunk)


def unchanged_probes(extraction: Extraction, source: Source) -> Iterator[Probe]:
    """Yield the probes of a source that were shown; loading a probe that changed since raises ProbesError."""
    rows = (row for name in extraction.under(_TABLE) for row in extraction.part(name).to_pylist())
    for probe, row in zip(source, rows, strict=False):
        yield replace(probe, load=partial(_unchanged, probe, row["sha256"]))


def _compare_chunk(extraction: Extraction, name: str, probes: Iterator[Probe]) -> None:
    before = {str(row["id"]): row["sha256"] for row in extraction.part(name).to_pylist()}
    now = dict(ordered_parallel_map(_hashed, probes))
    changed = [id_ for id_ in before.keys() | now.keys() if before.get(id_, "") != now.get(id_, "")]
    if changed:
        raise ExtractionError(
            f"{extraction.path} was measured on other probes: {min(changed)} has changed since. Restore that probe, or "
            "extract into another folder."
        )


def _hashed(probe: Probe) -> tuple[str, str | None]:
    """Return a probe's id and the hash of its bytes, None if they cannot be read."""
    try:
        return probe.id, hashlib.sha256(probe.load()).hexdigest()
    except UNREADABLE:
        return probe.id, None


def _unchanged(probe: Probe, sha256: str | None) -> bytes:
    data = probe.load()
    if sha256 != hashlib.sha256(data).hexdigest():
        raise ProbesError(f"Probe {probe.id} has changed since it was shown. Restore it, and try again.")
    return data
