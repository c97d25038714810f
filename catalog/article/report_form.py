"""Decide from the name of a report's file whether the report is HTML or JSON."""

from pathlib import Path
from typing import Literal

from catalog.errors import ExportError


def report_form(file: Path) -> Literal["html", "json"]:
    """Return the form that the suffix of a report's file stands for. Raises ExportError for any other suffix."""
    match file.suffix.casefold():
        case ".html":
            return "html"
        case ".json":
            return "json"
    raise ExportError(f"The name {file.name!r} does not show the report's format. End it in .html or .json.")
