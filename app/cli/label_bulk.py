"""The verbs of `circuits label` that label many units at once: by a list, a query or a file."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli import printing as tables
from app.cli.options import Author, Database, Model, Reason, Reveal, opened
from catalog.hiding.veil import Veil
from catalog.labels import bulk as many
from catalog.labels import files as label_files
from catalog.labels.labels import Labels
from catalog.text_rules import login_name
from graph.records import Branch

LabelFile = Annotated[Path, typer.Argument(metavar="FILE", help="Its name ends in .csv or .json.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be written, and write nothing.")]
Skip = Annotated[bool, typer.Option("--skip", help="Pass over unknown units; else they refuse the whole.")]


def bulk(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The label.")],
    units: Annotated[str | None, typer.Option(help="With commas between, such as 4/2/6/3, 4/2/6/9.")] = None,
    query: Annotated[str | None, typer.Option(help="Cypher that answers with one column of unit ids.")] = None,
    reject: Annotated[bool, typer.Option("--reject", help="Reject this text instead, whoever said it.")] = False,
    reason: Reason = None,
    branch: Annotated[Branch, typer.Option(help="What the label speaks of.")] = "sum",
    author: Author = None,
    dry_run: DryRun = False,
    skip: Skip = False,
    database: Database = None,
    model: Model = None,
    reveal: Reveal = False,
) -> None:
    """Give many units one label, all or none; units of a list or of a query's answer.

    Example: circuits label bulk stripes --query "MATCH (u:Unit {layer: '4/2/6'}) RETURN u.id LIMIT 3" --dry-run
    """
    with opened(database, model) as (store, _):
        labels = Labels(store)
        names = many.units_from(labels, units, query)
        if reject:
            plan = many.rejecting(labels, names, text, author, reason)
        else:
            plan = many.adding(labels, names, text, author, branch)
        _carry_out(labels, plan, dry_run, skip, Veil.of(store, reveal))


def export_labels(
    file: LabelFile,
    history: Annotated[bool, typer.Option("--history", help="Every entry, not only the labels that hold.")] = False,
    database: Database = None,
    model: Model = None,
) -> None:
    """Write the labels of a model as CSV or JSON; what is sensitive is flagged in the file and not hidden.

    Example: circuits label export labels.csv
    """
    with opened(database, model) as (store, card):
        labels = Labels(store)
        found = labels.history() if history else labels.current()
    label_files.write(found, file, history)
    typer.echo(f"{len(found)} labels of {card.id} are in {file}.")


def import_labels(
    file: LabelFile,
    also: Annotated[bool, typer.Option("--also", help="Add what is in conflict beside what is there.")] = False,
    author: Author = None,
    dry_run: DryRun = False,
    skip: Skip = False,
    database: Database = None,
    model: Model = None,
    reveal: Reveal = False,
) -> None:
    """Add the labels of a file, all or none; what contradicts a person's label is reported and left out.

    Example: circuits label import labels.csv --dry-run
    """
    with opened(database, model) as (store, card):
        labels = Labels(store)
        said = label_files.read(file, card.id, author or login_name())
        plan = label_files.importing(labels, said, also)
        _carry_out(labels, plan, dry_run, skip, Veil.of(store, reveal))


def _carry_out(labels: Labels, plan: many.Plan, dry_run: bool, skip: bool, veil: Veil) -> None:
    """Show the plan, and write it unless this is a dry run."""
    if not dry_run:
        many.apply(labels, plan, skip)
    parts = [tables.annotations(plan.new, veil)] if plan.new else []
    parts += [tables.conflicts(plan.conflicts, veil)] if plan.conflicts else []
    if parts:
        tables.show(*parts)
    unknown = f" ({', '.join(plan.unknown)})" if plan.unknown else ""
    typer.echo(f"{plan.sentence}{unknown}. {'Nothing was written.' if dry_run or not plan.new else 'Written.'}")
