"""Write the table of statistics as docs/glossary.md: `python -m extract.folder.glossary > docs/glossary.md`."""

import sys
from collections.abc import Iterator

from extract.folder.statistic import Statistic
from extract.folder.statistics import TABLE, interval

SUBJECTS = {
    "unit": (
        "Units",
        "You find them in `circuits unit`, on the unit page, as bounds of a search and as properties of `(:Unit)`.",
    ),
    "edge": ("Edges", "They describe an expanded weight, as properties of `[:CONTRIBUTES]`."),
    "candidate": (
        "Candidates",
        "You find them in `circuits find` and on the Enrichment page, beside the numbers of the unit.",
    ),
}
OWNERS = {"all": "every unit", "sums": "sums", "norms": "batch norms"}


def glossary() -> str:
    """Write every statistic as Markdown: name, title, meaning, range, and the units that have it."""
    return "\n".join(["# Statistics", "", "These are all numbers that the catalog stores or computes.", *_sections()])


def _sections() -> Iterator[str]:
    ends = {name for row in TABLE for name in interval(row) or ()}
    for subject, (heading, place) in SUBJECTS.items():
        yield from ("", f"## {heading}", "", place, "", "| Name | Title | Meaning | Range | Units |", f"|{5 * '---|'}")
        yield from (_line(row) for row in TABLE if row.subject == subject and row.name not in ends)
    yield ""


def _line(row: Statistic) -> str:
    title = "" if row.title == row.name else row.title
    owner = OWNERS[row.of] if row.subject == "unit" else ""
    return f"| `{row.name}` | {title} | {'; '.join(_remarks(row))} | {_range(row)} | {owner} |"


def _remarks(row: Statistic) -> Iterator[str]:
    if text := row.meaning or row.definition:
        yield text
    if ends := interval(row):
        yield "{} % interval: `{}` to `{}`".format(row.coverage, *ends)
    if row.since > 1:
        yield f"since version {row.since} of the graph's schema"


def _range(row: Statistic) -> str:
    if row.low is None:
        return ""
    return f"from {row.low:g}" if row.high is None else f"{row.low:g} to {row.high:g}"


if __name__ == "__main__":
    sys.stdout.write(glossary())
