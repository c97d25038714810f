"""`circuits label`: the verbs that label units."""

from typing import Annotated, Any

import typer

from app.cli import printing as tables
from app.cli.options import (
    Author,
    Confidence,
    Database,
    Evidence,
    Facet,
    Json,
    LabelName,
    LabelText,
    Model,
    Reason,
    Reveal,
    Seen,
    UnitName,
    opened,
)
from catalog.hiding.veil import Veil
from catalog.labels.labels import Labels
from graph.records import Branch

label = typer.Typer(no_args_is_help=True, help="Label units; every change stays in the history.")


@label.command("add")
def add_label(
    name: UnitName,
    text: LabelText,
    author: Author = None,
    branch: Annotated[Branch, typer.Option(help="What the label speaks of.")] = "sum",
    facet: Facet = None,
    modality: Seen = None,
    confidence: Confidence = None,
    evidence: Evidence = None,
    sensitive: Annotated[bool, typer.Option("--sensitive", help="Hide it until it is asked for.")] = False,
    database: Database = None,
    model: Model = None,
) -> None:
    """Label a unit or one of its branches.

    Example: circuits label add 4/2/6/34 "bloody wound" --branch shortcut --modality picture --sensitive
    """
    with opened(database, model) as (store, card):
        chosen, labels = card.architecture.unit(name), Labels(store)
        more: dict[str, Any] = {"branch": branch, "facet": facet, "modality": modality, "confidence": confidence}
        added = labels.add(chosen, text, author, **more, evidence=evidence, sensitive=sensitive)
    typer.echo(added.id)


@label.command("amend")
def amend_label(
    name: UnitName,
    old: LabelName,
    text: Annotated[str | None, typer.Argument(metavar="[TEXT]", help="What it says from now on.")] = None,
    author: Author = None,
    branch: Annotated[Branch | None, typer.Option(help="What the label speaks of.")] = None,
    facet: Facet = None,
    modality: Seen = None,
    confidence: Confidence = None,
    evidence: Evidence = None,
    sensitive: Annotated[bool | None, typer.Option("--sensitive/--not-sensitive", help="Hide it, or not.")] = None,
    database: Database = None,
    model: Model = None,
) -> None:
    """Put a label in other words, or change what else it says; the history keeps the old one.

    Example: circuits label amend 4/2/6/34 "bloody wound" "wound" --confidence 0.8
    """
    given = {"branch": branch, "facet": facet, "modality": modality, "confidence": confidence, "evidence": evidence}
    details: Any = {detail: value for detail, value in (given | {"sensitive": sensitive}).items() if value is not None}
    with opened(database, model) as (store, card):
        typer.echo(Labels(store).amend(card.architecture.unit(name), old, text, author, **details).id)


@label.command("reject")
def reject_label(
    name: UnitName,
    text: LabelName,
    reason: Reason = None,
    author: Author = None,
    database: Database = None,
    model: Model = None,
) -> None:
    """Say that somebody's label is wrong: it holds no more; the history keeps it, and who objected and why.

    Example: circuits label reject 4/2/6/34 "bloody wound" --reason "it is the colour"
    """
    with opened(database, model) as (store, card):
        typer.echo(Labels(store).reject(card.architecture.unit(name), text, reason, author).id)


@label.command("withdraw")
def withdraw_label(
    name: UnitName, text: LabelName, author: Author = None, database: Database = None, model: Model = None
) -> None:
    """Take a label of one's own back; the history keeps it.

    Example: circuits label withdraw 4/2/6/34 "bloody wound"
    """
    with opened(database, model) as (store, card):
        typer.echo(Labels(store).withdraw(card.architecture.unit(name), text, author).id)


@label.command("undo")
def undo_label(
    name: UnitName,
    entry: Annotated[str | None, typer.Argument(metavar="[ID]", help="Of the history; the last if not given.")] = None,
    author: Author = None,
    database: Database = None,
    model: Model = None,
) -> None:
    """Undo the last change of a unit's labels, or the entry of this id, be it an undo itself.

    Example: circuits label undo 4/2/6/34
    """
    with opened(database, model) as (store, card):
        undone = Labels(store).undo(card.architecture.unit(name), entry, author)
    typer.echo(undone.id)


@label.command("list")
def list_labels(
    name: Annotated[str | None, typer.Argument(metavar="UNIT", help="All units if not given.")] = None,
    containing: Annotated[str, typer.Option(help="Only texts that contain this, in any case.")] = "",
    database: Database = None,
    model: Model = None,
    reveal: Reveal = False,
    as_json: Json = False,
) -> None:
    """List the labels that hold now.

    Example: circuits label list --containing hat
    """
    with opened(database, model) as (store, card):
        chosen = card.architecture.unit(name) if name else None
        found = Labels(store).current(chosen, containing)
        tables.show_rows(found, tables.annotations(found, Veil.of(store, reveal)), as_json)


@label.command("history")
def label_history(
    name: Annotated[str | None, typer.Argument(metavar="UNIT", help="All units if not given.")] = None,
    database: Database = None,
    model: Model = None,
    reveal: Reveal = False,
    as_json: Json = False,
) -> None:
    """List every label and what became of it, oldest first.

    Example: circuits label history 4/2/6/34
    """
    with opened(database, model) as (store, card):
        found = Labels(store).history(card.architecture.unit(name) if name else None)
        tables.show_rows(found, tables.annotations(found, Veil.of(store, reveal)), as_json)
