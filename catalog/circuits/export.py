"""Circuits as files that other graph tools read, each of which reads back as the same circuit.

json      node-link JSON as networkx, D3 and sigma read it, the edges under `edges`
graphml   GraphML for Gephi, Cytoscape, yEd, igraph and networkx
csv       a zip with nodes.csv and edges.csv for spreadsheets, pandas and LOAD CSV, and circuit.json: name and settings

All hold `Circuit.graph()`: plain attributes, nothing for what is not known, the flag `sensitive` on every unit.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

from catalog.circuits.circuit import Circuit
from catalog.errors import ExportError
from extract.files import replace_file

Format = Literal["json", "graphml", "csv"]
FORMATS: tuple[Format, ...] = get_args(Format)
SUFFIXES: Mapping[str, Format] = {".json": "json", ".graphml": "graphml", ".zip": "csv"}

# networkx takes 0.3 s to import, so `file_formats` is imported where a file is written or read.


def write(circuit: Circuit, path: Path, form: Format | None = None) -> None:
    """Write a circuit; the format is that of the name's suffix where it is not given. Raises ExportError."""
    replace_file(path, encode(circuit, form or _format(path)), ExportError)


def read(path: Path, form: Format | None = None) -> Circuit:
    """The circuit that `write` wrote; ExportError for a file that holds none."""
    chosen = form or _format(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ExportError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        return decode(data, chosen)
    except ExportError as error:
        raise ExportError(f"{path}: {error}") from error


def encode(circuit: Circuit, form: Format) -> bytes:
    """A circuit as the bytes of a file; equal circuits give equal bytes."""
    from catalog.circuits.file_formats import written

    return written(circuit, form)


def decode(data: bytes, form: Format) -> Circuit:
    """The circuit in a file's bytes; ExportError where there is none."""
    from catalog.circuits.file_formats import UNREADABLE, circuit_in

    try:
        return circuit_in(data, form)
    except UNREADABLE as error:
        raise ExportError(
            f"This holds no circuit as {form} ({type(error).__name__}). "
            "It is of another format or was altered: export again."
        ) from error


def _format(path: Path) -> Format:
    if path.suffix not in SUFFIXES:
        known = ", ".join(f"{suffix} ({name})" for suffix, name in SUFFIXES.items())
        raise ExportError(f"The name {path.name!r} tells no format. Name the format, or end it in one of {known}.")
    return SUFFIXES[path.suffix]
