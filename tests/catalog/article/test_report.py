import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from catalog import open_network
from catalog.article.claims import Claim
from catalog.article.figures import Figure
from catalog.article.outcome import Outcome
from catalog.article.report import Report, Result
from catalog.errors import ExportError

HOSTILE = "<script>alert('1')</script> & \"2\""


class Tags(HTMLParser):
    """The tags and addresses of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags, self.addresses = list[str](), list[str]()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]


def result(verdict: str, name: str = "a claim") -> Result:
    claim = Claim(name, "article", HOSTILE, HOSTILE, HOSTILE, HOSTILE, "extremes", (), {"places": 3})
    return Result(claim, Outcome(verdict, HOSTILE, {"mean": float("nan"), "places": {3: 1}}))  # type: ignore[arg-type]


@pytest.fixture
def report() -> Report:
    verdicts = ("pass", "pass", "deviation", "cannot run")
    results = tuple(result(verdict, HOSTILE) for verdict in verdicts)
    return Report({"model": HOSTILE, "command": f"circuits {HOSTILE}"}, results, (Figure(HOSTILE, "<svg></svg>"),))


def test_the_page_escapes_names_and_needs_no_other_file(report: Report) -> None:
    page = Tags(report.html)
    assert "script" not in page.tags
    assert page.addresses == []
    assert page.tags.count("svg") == 1
    assert report.html.count("&lt;script&gt;") > 20
    assert "Of 4 claims 2 pass, 1 deviate and 1 cannot be decided" in report.html


def test_the_json_holds_claims_and_what_was_measured(report: Report, tmp_path: Path) -> None:
    report.write(tmp_path / "report.json")
    content = json.loads((tmp_path / "report.json").read_text())
    assert content["counts"] == {"pass": 2, "deviation": 1, "cannot run": 1}
    first = content["claims"][0]
    assert (first["verdict"], first["numbers"], first["values"]) == (
        "pass", {"places": 3}, {"mean": None, "places": {"3": 1}},
    )  # fmt: skip


@pytest.mark.parametrize("name", ["report.html", "report.json"])
def test_settings_that_no_file_can_hold_are_replaced(report: Report, tmp_path: Path, name: str) -> None:
    settings = {"model": "caf\udce9", "command": "circuits \x1b[31m \udce9", "extraction": "\udce9.extraction"}
    replace(report, settings=settings).write(tmp_path / name)
    content = (tmp_path / name).read_text()
    assert "\x1b" not in content
    assert "u001b" not in content
    assert "udce9" not in content


def test_a_name_that_tells_no_format_is_refused(report: Report, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="does not show the report's format"):
        report.write(tmp_path / "report.pdf")
    report.write(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")


def test_a_network_is_asked_and_named_with_its_weights_and_the_command(tmp_path: Path) -> None:
    live = open_network("demo")
    report = live.reproduce(command="circuits reproduce demo")
    assert len(report.results) == sum(report.counts.values())
    assert report.settings["model"] == "demo:emoji"
    assert report.settings["command"] == "circuits reproduce demo"
    assert len(report.settings["weights, SHA-256"]) == 64
    decided = [result.claim.name for result in report.results if result.outcome.verdict != "cannot run"]
    assert decided == ["magnitude and |mean| order inputs alike"]
