"""Export circuits as files for other graph tools; each file reads back as the same circuit.

json      node-link JSON as networkx, D3 and sigma read it, with the edges under `edges`
graphml   GraphML for Gephi, Cytoscape, yEd, igraph and networkx
csv       a zip of nodes.csv and edges.csv for spreadsheets, pandas and LOAD CSV, and circuit.json (name and settings)

All formats hold `Circuit.graph()`: plain attributes, unknown ones left out, and the flag `sensitive` on every unit.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

from pydantic import ValidationError

from catalog.circuits.circuit import Circuit
from catalog.errors import ExportError
from catalog.text_rules import broken
from extract.files import read_file, replace_file
from extract.unique_names import doubles_refused

Format = Literal["json", "graphml", "csv"]
FORMATS: tuple[Format, ...] = get_args(Format)
SUFFIXES: Mapping[str, Format] = {".json": "json", ".graphml": "graphml", ".zip": "csv"}

READABLE: Mapping[str, Format] = {**SUFFIXES, ".cyjs": "json"}  # Cytoscape's own JSON too
_LONGEST_REASON = 200  # characters

# `file_formats` imports networkx, which takes 0.3 s, so it is imported only where a file is written or read.


def write(circuit: Circuit, path: Path, form: Format | None = None) -> None:
    """Write a circuit; if `form` is None, the suffix of the file's name decides the format. Raises ExportError."""
    replace_file(path, encode(circuit, form or _format(path)), ExportError)


def read(path: Path, form: Format | None = None) -> Circuit:
    """Read a circuit from a file that `write` wrote, even if another tool saved the file again.

    Raises ExportError for a file without a circuit.
    """
    form = form or _format(path, READABLE)
    data = read_file(path, ExportError)
    try:
        return decode(data, form)
    except ExportError as error:
        raise ExportError(f"{path}: {error}") from error


def encode(circuit: Circuit, form: Format) -> bytes:
    """Encode a circuit as the bytes of a file; equal circuits give equal bytes."""
    from catalog.circuits import file_formats  # networkx, which only files need

    return file_formats.encode(circuit, form)


def decode(data: bytes, form: Format) -> Circuit:
    """Decode the circuit in a file's bytes. Raises ExportError for bytes without a circuit."""
    from catalog.circuits import file_formats  # networkx, which only files need

    try:
        with doubles_refused(ExportError, "In this circuit"):
            return file_formats.decode(data, form)
    except file_formats.UNREADABLE as error:
        raise ExportError(
            f"No circuit can be read from this as {form}: {_reason(error)}. It has another format, or another tool "
            "left out parts of it. Name a file that `circuits export` wrote."
        ) from error


def _reason(error: Exception) -> str:
    """Describe an error in words."""
    if isinstance(error, ValidationError):
        return broken(error)
    if isinstance(error, KeyError):
        return f"it lacks {error}"
    return " ".join(str(error).split())[:_LONGEST_REASON].strip(".") or "it cannot be read"


def _format(path: Path, suffixes: Mapping[str, Format] = SUFFIXES) -> Format:
    suffix = path.suffix.casefold()
    if suffix not in suffixes:
        endings = ", ".join(f"{suffix} ({name})" for suffix, name in SUFFIXES.items())
        raise ExportError(
            f"The name {path.name!r} does not show the format. Name the format, or end the name in one of {endings}."
        )
    return suffixes[suffix]
