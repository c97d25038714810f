"""`circuits reproduce`: decide the claims of the enrichment circuits article on any network."""

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import printing
from app.cli.network_options import NetworkName, Pretrained
from app.cli.options import Json, Wide, at_home, path
from app.cli.readings import print_reading
from app.cli.writing import writing
from extract.printable import printable

if TYPE_CHECKING:
    from catalog import Report

VisualisationFolders = Annotated[
    Path | None,
    typer.Option(
        parser=path,
        metavar="PATH",
        help="A folder of feature visualisations such as channel34.png of the last sum, or of folders that end in "
        "4_2_6, 4_1_6 and 4_0_8.",
    ),
]


def reproduce(
    name: NetworkName,
    pretrained: Pretrained = None,
    extraction: Annotated[
        Path | None,
        typer.Option(
            parser=path,
            metavar="PATH",
            help="An extraction folder of this network. It is read; --probes and --visualisations are added to it, and "
            "a layer's visualisations replace all its earlier ones.",
        ),
    ] = None,
    probes: Annotated[
        str | None,
        typer.Option(parser=at_home, metavar="TEXT", help="Images to show to the network first, as for `extract`."),
    ] = None,
    visualisations: VisualisationFolders = None,
    authors: Annotated[
        Path | None,
        typer.Option(parser=path, metavar="PATH", help="A folder with the authors' relu_conv_bottleneck_4_2.txt etc."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(parser=path, metavar="PATH", help="Write the report: a name in .html or .json.")
    ] = None,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """Decide every claim of the enrichment circuits article on a network: pass, deviation or undecided.

    A deviation is a result, so the exit code is 0 whatever the verdicts are.

    Example: circuits reproduce RN50 --pretrained openai --extraction rn50.extraction --output report.html
    """
    from catalog import open_extraction, open_network, report_form  # slow to import, and help does without

    if output:
        report_form(output)  # checked before anything is computed
        _check_folder(output)
    folder = open_extraction(extraction) if extraction else None
    command = shlex.join(["circuits", *sys.argv[1:]])
    report = open_network(name, pretrained).reproduce(folder, probes, visualisations, authors, command)
    for reading in report.readings:
        print_reading(reading)
    if as_json:
        printing.show_json(report.record)
    else:
        _show(report, wide)
    if output:
        with writing(output):
            report.write(output)


def _check_folder(output: Path) -> None:
    """Raise BadParameter for a report whose folder does not exist."""
    if not os.path.isdir(output.parent):  # noqa: PTH112, which raises no error for a name that no file can have
        raise typer.BadParameter(
            f"{printable(str(output.parent))} is not a folder, so no report can be written into it. Make that folder, "
            "or name another."
        )


def _show(report: "Report", wide: bool) -> None:
    """Print the claims that pass or deviate, then those that cannot run, grouped by what they need."""
    rows, needs = list[tuple[object, ...]](), dict[str, list[str]]()
    for result in report.results:
        claim, outcome = result.claim, result.outcome
        if outcome.verdict == "cannot run":
            needs.setdefault(outcome.finding, []).append(claim.name)
        else:
            rows.append((claim.name, outcome.verdict, outcome.finding, claim.published, claim.tolerance))
    columns = ("claim", "verdict", "here", "published", "tolerance")
    verdicts = printing.table("Claims of the article", columns, rows, ("claim", "verdict", "here", "published"))
    lacks = [(need, len(names), "; ".join(names)) for need, names in needs.items()]
    printing.show(verdicts, printing.table("Cannot run", ("why", "claims", "names"), lacks), wide=wide)
    typer.echo(f"\n{report.sentence}")
