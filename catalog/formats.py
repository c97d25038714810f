"""Look up a number's title, meaning and format, for pages, terminals and notebooks.

All come from the table in `extract.folder.statistics`; a name that the table lacks is its own title, without a meaning.
"""

from extract.folder.statistic import Statistic
from extract.folder.statistics import BY_NAME, FINDINGS, SEARCHABLE, STATISTICS
from extract.folder.statistics import interval as interval_of

__all__ = [
    "PROPERTIES",
    "SEARCHABLE",
    "column_format",
    "coverage",
    "has_bar",
    "header",
    "interval",
    "meaning",
    "printed",
    "title",
]

PROPERTIES = (*STATISTICS, *FINDINGS)  # of a unit, in the graph

_PRINTED = {"share": ".1%", "rate": ".2g", "count": ".0f"}
_COLUMNS = {"share": "percent", "rate": "%.2g", "number": "%.3f", "count": "%d"}  # as Streamlit writes them


def title(column: str) -> str:
    """Return a number's title on pages."""
    return _statistic(column).title


def header(column: str) -> str:
    """Return a number's column header in the terminal."""
    return _statistic(column).header or column.replace("_", " ")


def meaning(column: str) -> str:
    """Return a sentence that explains a number; empty if the title says enough."""
    return _statistic(column).meaning


def interval(column: str) -> tuple[str, str] | None:
    """Return the names of the two ends of a number's interval; None if the number has no interval."""
    return interval_of(_statistic(column))


def coverage(column: str) -> int:
    """Return the coverage of a number's interval, in percent."""
    return _statistic(column).coverage


def has_bar(column: str) -> bool:
    """Check whether a number is drawn as a bar from 0 to 1."""
    return _statistic(column).bar


def printed(column: str, value: float, number: str = ".3f") -> str:
    """Format a number as text; `number` is the format of numbers that are not shares, rates or counts."""
    return format(value, _PRINTED.get(_statistic(column).format, number))


def column_format(column: str) -> str:
    """Return the format in which Streamlit's tables print a number."""
    return _COLUMNS[_statistic(column).format]


def _statistic(column: str) -> Statistic:
    return BY_NAME.get(column) or Statistic(column, column)
