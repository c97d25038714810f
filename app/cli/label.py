"""`circuits label`: label one unit or many, show what became of labels, and exchange labels as files."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli import printing
from app.cli.options import (
    Author,
    DatabaseOption,
    Json,
    ModelName,
    Reveal,
    UnitName,
    Wide,
    assignments,
    open_model,
    path,
)
from app.cli.writing import writing
from extract.printable import printable
from graph.records import Branch, Modality

if TYPE_CHECKING:
    from catalog import Conflict, Plan, Veil
    from graph.records import Annotation

LabelName = Annotated[str, typer.Argument(metavar="LABEL", help="The label's text or id.")]
LabelText = Annotated[str, typer.Argument(metavar="TEXT", help="What the unit responds to.")]
LabelFile = Annotated[Path, typer.Argument(parser=path, metavar="FILE", help="Its name ends in .csv or .json.")]
AnyUnit = Annotated[str | None, typer.Argument(metavar="UNIT", help="By default all units.")]
ReasonOption = Annotated[str | None, typer.Option("--reason", help="Why the label is wrong: a short text or a link.")]
EvidenceOption = Annotated[
    str | None, typer.Option("--evidence", help="Why the label is right: a short text or a link.")
]
Facet = Annotated[str | None, typer.Option("--facet", help="The facet that the label names.")]
Responds = Annotated[
    Modality | None, typer.Option("--modality", help="Whether the unit responds to pictures or to words.")
]
Confidence = Annotated[float | None, typer.Option("--confidence", help="From 0 to 1.")]
FileColumns = Annotated[
    list[str] | None,
    typer.Option(
        "--columns", metavar="FIELD=COLUMN", help="Which column of the file holds a field of labels; repeatable."
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be written without writing it.")]
Skip = Annotated[
    bool, typer.Option("--skip", help="Skip unknown units; by default they refuse the whole file or list.")
]

label = typer.Typer(no_args_is_help=True, help="Label units; every change stays in the history.")


@label.command("add")
def add_label(
    name: UnitName,
    text: LabelText,
    author: Author = None,
    branch: Annotated[Branch, typer.Option(help="What the label describes.")] = "sum",
    facet: Facet = None,
    modality: Responds = None,
    confidence: Confidence = None,
    evidence: EvidenceOption = None,
    sensitive: Annotated[bool, typer.Option("--sensitive", help="Hide the label until somebody reveals it.")] = False,
    database: DatabaseOption = None,
    model_name: ModelName = None,
) -> None:
    """Label a unit or one of its branches.

    Example: circuits label add 4/2/6/34 "bloody wound" --branch shortcut --modality picture --sensitive
    """
    details: Any = {"branch": branch, "facet": facet, "modality": modality, "confidence": confidence}
    details |= {"evidence": evidence, "sensitive": sensitive}
    with open_model(database, model_name) as model:
        typer.echo(model.unit(name).label(text, author=author, **details).id)


@label.command("amend")
def amend_label(
    name: UnitName,
    old: LabelName,
    text: Annotated[str | None, typer.Argument(metavar="[TEXT]", help="The new text.")] = None,
    author: Author = None,
    branch: Annotated[Branch | None, typer.Option(help="What the label describes.")] = None,
    facet: Facet = None,
    modality: Responds = None,
    confidence: Confidence = None,
    evidence: EvidenceOption = None,
    sensitive: Annotated[
        bool | None, typer.Option("--sensitive/--not-sensitive", help="Whether the label is sensitive.")
    ] = None,
    database: DatabaseOption = None,
    model_name: ModelName = None,
) -> None:
    """Change a label's text or details; the history keeps the old one.

    Example: circuits label amend 4/2/6/34 "bloody wound" "wound" --confidence 0.8
    """
    details: Any = {"branch": branch, "facet": facet, "modality": modality, "confidence": confidence}
    details |= {"evidence": evidence, "sensitive": sensitive}
    changes = {name: value for name, value in details.items() if value is not None}
    with open_model(database, model_name) as model:
        typer.echo(model.unit(name).amend(old, text, author, **changes).id)


@label.command("reject")
def reject_label(
    name: UnitName,
    text: LabelName,
    reason: ReasonOption = None,
    author: Author = None,
    database: DatabaseOption = None,
    model_name: ModelName = None,
) -> None:
    """Reject somebody's label; the history keeps it, with your name and reason.

    Example: circuits label reject 4/2/6/34 "bloody wound" --reason "it is the colour"
    """
    with open_model(database, model_name) as model:
        typer.echo(model.unit(name).reject(text, reason, author).id)


@label.command("withdraw")
def withdraw_label(
    name: UnitName,
    text: LabelName,
    author: Author = None,
    database: DatabaseOption = None,
    model_name: ModelName = None,
) -> None:
    """Withdraw your own label; the history keeps it.

    Example: circuits label withdraw 4/2/6/34 "bloody wound"
    """
    with open_model(database, model_name) as model:
        typer.echo(model.unit(name).withdraw(text, author).id)


@label.command("undo")
def undo_label(
    name: UnitName,
    entry: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="An entry's id in the history; by default the last.")
    ] = None,
    author: Author = None,
    database: DatabaseOption = None,
    model_name: ModelName = None,
) -> None:
    """Undo the last change of a unit's labels, or one entry by its id; an undo can be undone too.

    Example: circuits label undo 4/2/6/34
    """
    with open_model(database, model_name) as model:
        typer.echo(model.unit(name).undo(entry, author).id)


@label.command("list")
def list_labels(
    name: AnyUnit = None,
    containing: Annotated[str, typer.Option(help="Only texts that contain this, ignoring case.")] = "",
    database: DatabaseOption = None,
    model_name: ModelName = None,
    reveal: Reveal = False,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """List the current labels.

    Example: circuits label list --containing hat
    """
    with open_model(database, model_name) as model:
        current = model.labels.current(model.unit(name).id if name else None, containing)
        printing.show_rows(current, _annotations(current, model.veil(reveal)), as_json, wide)


@label.command("history")
def label_history(
    name: AnyUnit = None,
    database: DatabaseOption = None,
    model_name: ModelName = None,
    reveal: Reveal = False,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """List every entry of the labels' history, oldest first.

    Example: circuits label history 4/2/6/34
    """
    with open_model(database, model_name) as model:
        history = model.labels.history(model.unit(name).id if name else None)
        printing.show_rows(history, _annotations(history, model.veil(reveal)), as_json, wide)


@label.command("bulk")
def label_many(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The label.")],
    units: Annotated[str | None, typer.Option(help="Comma-separated, such as 4/2/6/3, 4/2/6/9.")] = None,
    query: Annotated[str | None, typer.Option(help="Cypher that answers with one column of unit ids.")] = None,
    reject: Annotated[
        bool, typer.Option("--reject", help="Reject labels with this text instead, whoever wrote them.")
    ] = False,
    reason: ReasonOption = None,
    branch: Annotated[Branch, typer.Option(help="What the label describes.")] = "sum",
    author: Author = None,
    dry_run: DryRun = False,
    skip: Skip = False,
    database: DatabaseOption = None,
    model_name: ModelName = None,
    reveal: Reveal = False,
    wide: Wide = False,
) -> None:
    """Label many units at once, from a list or from a query; all of them or none.

    Example: circuits label bulk stripes --query "MATCH (u:Unit {layer: '4/2/6'}) RETURN u.id LIMIT 3" --dry-run
    """
    with open_model(database, model_name) as model:
        labels = model.labels
        names = labels.units_from(units, query)
        if reject:
            plan = labels.plan_rejections(names, text, author, reason)
        else:
            plan = labels.plan_labels(names, text, author, branch)
        if not dry_run:
            labels.write(plan, skip)
        _show_plan(plan, dry_run, model.veil(reveal), wide)


@label.command("export")
def export_labels(
    file: LabelFile,
    history: Annotated[
        bool, typer.Option("--history", help="Write every entry of the history, not only current labels.")
    ] = False,
    database: DatabaseOption = None,
    model_name: ModelName = None,
) -> None:
    """Write the labels of a model as CSV or JSON; sensitive labels are flagged in the file, not hidden.

    Example: circuits label export labels.csv
    """
    with open_model(database, model_name) as model:
        with writing(file):
            count = model.labels.export(file, history)
        typer.echo(f"{count} labels of {model.id} are in {file}.")


@label.command("import")
def import_labels(
    file: LabelFile,
    also: Annotated[bool, typer.Option("--also", help="Add contradicting labels beside the existing ones.")] = False,
    columns: FileColumns = None,
    author: Author = None,
    dry_run: DryRun = False,
    skip: Skip = False,
    database: DatabaseOption = None,
    model_name: ModelName = None,
    reveal: Reveal = False,
    wide: Wide = False,
) -> None:
    """Add the labels of a file, all or none; labels that contradict a person's are reported and left out.

    Example: circuits label import descriptions.csv --columns text=description --columns confidence=similarity --dry-run
    """
    names = assignments(columns, "does not name a column. Write field=column, such as text=description.")
    with open_model(database, model_name) as model:
        plan = model.labels.plan_import(file, author, also, columns=names)
        if not dry_run:
            model.labels.write(plan, skip)
        _show_plan(plan, dry_run, model.veil(reveal), wide)


def _show_plan(plan: "Plan", dry_run: bool, veil: "Veil", wide: bool) -> None:
    """Print the labels that a plan writes, those in conflict, and whether the plan was written."""
    printing.show(_annotations(plan.new, veil), _conflicts(plan.conflicts, veil), wide=wide)
    unknown = f" ({', '.join(map(printable, plan.unknown))})" if plan.unknown else ""
    typer.echo(f"{plan.sentence}{unknown}. {'Nothing was written.' if dry_run or not plan.new else 'Written.'}")


def _annotations(annotations: "Iterable[Annotation]", veil: "Veil") -> printing.TerminalTable:
    """Make a table of labels, or of the history of labels; sensitive texts are hidden."""
    rows = []
    for a in annotations:
        text, facet, evidence = (veil.annotation_text(a, part) for part in (a.text, a.facet, a.evidence))
        details = a.modality, a.author, a.source, a.confidence, evidence, f"{a.at:%Y-%m-%d %H:%M}", a.id
        rows.append((a.unit, a.action, text, a.branch, facet, *details))
    columns = ("unit", "", "text", "branch", "facet", "modality", "author", "source")
    decisive = ("unit", "", "text", "author", "branch", "at", "facet")
    return printing.table("Labels", (*columns, "confidence", "evidence", "at", "id"), rows, decisive)


def _conflicts(conflicts: "Iterable[Conflict]", veil: "Veil") -> printing.TerminalTable:
    """Make a table of a file's labels, each beside the catalog's label that it contradicts."""
    rows = []
    for conflict in conflicts:
        entry, current = conflict.entry, conflict.current
        text, facet = (veil.annotation_text(current, part) for part in (current.text, current.facet))
        contradicted = "changed here since" if conflict.changed_since else text, current.author, current.branch
        rows.append(
            (entry.unit, veil.annotation_text(entry, entry.text), entry.author, *contradicted, facet, current.id)
        )
    columns = ("unit", "file", "by", "catalog", "by", "branch", "facet", "id")
    return printing.table("In conflict", columns, rows)
