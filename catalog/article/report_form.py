"""Tell the form of a report by the name of its file."""

from pathlib import Path
from typing import Literal

from catalog.errors import ExportError


def report_form(file: Path) -> Literal["html", "json"]:
    """Return the form that the name ends in. Raises ExportError for any other."""
    match file.suffix.casefold():
        case ".html":
            return "html"
        case ".json":
            return "json"
    raise ExportError(f"The name {file.name!r} tells no format of a report. End it in .html or .json.")
