"""What a number is called, what it means and how it is printed, on pages, in terminals and in notebooks.

All of it comes from `extract.folder.statistics`; a name that the table lacks is its own title, without a meaning.
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
    """What a number is called on a page."""
    return _statistic(column).title


def header(column: str) -> str:
    """What a number is called at the head of a column in the terminal."""
    return _statistic(column).header or column.replace("_", " ")


def meaning(column: str) -> str:
    """A sentence that explains a number; empty where the title says it all."""
    return _statistic(column).meaning


def interval(column: str) -> tuple[str, str] | None:
    """The names of the ends of a number's interval, where it has one."""
    return interval_of(_statistic(column))


def coverage(column: str) -> int:
    """How often a number's interval holds the true value, in percent."""
    return _statistic(column).coverage


def has_bar(column: str) -> bool:
    """Whether a number is drawn as a part of its highest value, 1."""
    return _statistic(column).bar


def printed(column: str, value: float, number: str = ".3f") -> str:
    """A number as text; `number` is the format of one that is neither a share, nor a rate, nor a count."""
    return format(value, _PRINTED.get(_statistic(column).format, number))


def column_format(column: str) -> str:
    """How a page's table prints a number."""
    return _COLUMNS[_statistic(column).format]


def _statistic(column: str) -> Statistic:
    return BY_NAME.get(column) or Statistic(column, column)
