"""The report of a reproduction, for a paper's appendix: one HTML file that needs no other file, or JSON."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from catalog.article.claims import Claim
from catalog.article.figures import Figure
from catalog.article.outcome import VERDICTS, ClaimVerdict, Outcome
from catalog.article.report_form import report_form
from catalog.cards import framed
from catalog.errors import ExportError
from extract.files import at_home, replace_file
from extract.printable import printable
from extract.read_report import Reading

_TITLES = {"pass": "Pass", "deviation": "Deviate", "cannot run": "Cannot be decided on what is at hand"}
_NOTE = (
    "Every tolerance was fixed before anything was measured. A deviation is a result: of the network, of the probes "
    "or of the article. Quotations are from the enrichment circuits article (Hough, Liu and Ryan 2021) and its "
    "repository (MIT), and from the Multimodal Neurons article's repository (Goh et al. 2021, CC BY 4.0)."
)


@dataclass(frozen=True)
class Result:
    """A claim and its outcome."""

    claim: Claim
    outcome: Outcome


@dataclass(frozen=True)
class Report:
    """Every claim with its outcome on one network.

    `settings` names the network, the extraction and the versions, as text keyed by name. `readings` say which probes
    and pictures were shown to the network first, and which were left out.
    """

    settings: Mapping[str, str]
    results: tuple[Result, ...]
    figures: tuple[Figure, ...] = field(default=(), repr=False)
    readings: tuple[Reading, ...] = ()

    @property
    def counts(self) -> dict[ClaimVerdict, int]:
        """The number of claims with each verdict."""
        verdicts = [result.outcome.verdict for result in self.results]
        return {verdict: verdicts.count(verdict) for verdict in VERDICTS}

    @property
    def sentence(self) -> str:
        """The counts in a sentence."""
        passed, deviations, rest = self.counts.values()
        total = len(self.results)
        return f"Of {total} claims {passed} pass, {deviations} deviate and {rest} cannot be decided on what is at hand."

    @property
    def html(self) -> str:
        """The report with its figures, as a page that needs no other file."""
        return _page(self)

    def write(self, path: Path | str) -> None:
        """Write the report into a file whose name ends in .html or .json. Raises ExportError."""
        file = at_home(path)
        text = self.html if report_form(file) == "html" else json.dumps(self.record, indent=1) + "\n"
        replace_file(file, text.encode(), ExportError)

    @property
    def record(self) -> dict[str, Any]:
        """The settings, counts and claims as plain data, without the figures."""
        rows = [vars(result.claim) | _plain(vars(result.outcome)) for result in self.results]
        return {"settings": _printable(self.settings), "counts": self.counts, "claims": rows}


def _page(report: Report) -> str:
    css = files("catalog.article").joinpath("report.css").read_text(encoding="utf-8")
    model = escape(_printable(report.settings).get("model", "a network"))
    tables = "".join(
        _table(_TITLES[verdict], [result for result in report.results if result.outcome.verdict == verdict])
        for verdict in VERDICTS
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>The article on {model}</title>'
        f"<style>{css}</style></head><body>"
        f"<h1>The enrichment circuits article on {model}</h1><p>{escape(report.sentence)} {escape(_NOTE)}</p>"
        f"<h2>Settings</h2>{_settings(report)}{tables}{_figures(report.figures)}</body></html>\n"
    )


def _settings(report: Report) -> str:
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>"
        for name, value in _printable(report.settings).items()
    )
    return f"<table>{rows}</table>"


def _printable(settings: Mapping[str, str]) -> dict[str, str]:
    """Replace characters of settings that no file can hold: an argument or a folder's name may be invalid Unicode."""
    return {name: printable(value.encode(errors="replace").decode()) for name, value in settings.items()}


def _table(title: str, results: list[Result]) -> str:
    if not results:
        return ""
    head = "".join(f"<th>{name}</th>" for name in ("Claim", "Statistic", "Published", "Tolerance", "Here", "Verdict"))
    return f"<h2>{title} ({len(results)})</h2><table><tr>{head}</tr>{''.join(map(_row, results))}</table>"


def _row(result: Result) -> str:
    claim, outcome = result.claim, result.outcome
    sentence = f"<blockquote>{escape(claim.sentence)}</blockquote>"
    name = f"<b>{escape(claim.name)}</b> ({escape(claim.source)}){sentence}"
    cells = map(escape, (claim.statistic, claim.published, claim.tolerance, outcome.finding))
    verdict = f'<td class="verdict {outcome.verdict.replace(" ", "-")}">{outcome.verdict}</td>'
    return f"<tr><td>{name}</td>{''.join(f'<td>{cell}</td>' for cell in cells)}{verdict}</tr>"


def _figures(figures: Iterable[Figure]) -> str:
    content = "".join(
        f"<figure>{figure.chart}<figcaption>{escape(figure.caption)}</figcaption></figure>" for figure in figures
    )
    note = "<p>The height of a bar is the square root of its number of units.</p>"
    return f"<h2>Figures</h2>{note}" + framed(f'<div class="figures">{content}</div>') if content else ""


def _plain(value: Any) -> Any:
    """Convert values to plain data: keys to text, numpy's numbers to Python's, and NaN and infinity to None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value
