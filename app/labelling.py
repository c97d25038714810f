"""`circuits label`: the verbs that label units."""

from typing import Annotated

import typer

from app import tables
from app.options import Author, Database, Json, Model, Reveal, UnitName, opened
from catalog.label_rules import Modality
from catalog.labels import Labels
from catalog.veil import Veil
from graph.schema import Branch

label = typer.Typer(no_args_is_help=True, help="Label units; every change stays in the history.")


@label.command("add")
def add_label(
    name: UnitName,
    text: Annotated[str, typer.Argument(help="What the unit answers to.")],
    author: Author = None,
    branch: Annotated[Branch, typer.Option(help="What the label speaks of.")] = "sum",
    facet: Annotated[str | None, typer.Option(help="One of the things a unit answers to.")] = None,
    modality: Annotated[Modality | None, typer.Option(help="Pictures, or words in pictures.")] = None,
    confidence: Annotated[float | None, typer.Option(help="From 0 to 1.")] = None,
    sensitive: Annotated[bool, typer.Option("--sensitive", help="Hide it until it is asked for.")] = False,
    database: Database = None,
    model: Model = None,
) -> None:
    """Label a unit or one of its branches.

    Example: circuits label add 4/2/6/34 "bloody wound" --branch shortcut --modality picture --sensitive
    """
    with opened(database, model) as (store, card):
        labels = Labels(store, card.id)
        chosen = card.architecture.unit(name)
        added = labels.add(chosen, text, author, branch, facet, modality, confidence=confidence, sensitive=sensitive)
    typer.echo(added.id)


@label.command("withdraw")
def withdraw_label(
    name: UnitName,
    text: Annotated[str, typer.Argument(help="The label's text or id.")],
    author: Author = None,
    database: Database = None,
    model: Model = None,
) -> None:
    """Take a label back; the history keeps it.

    Example: circuits label withdraw 4/2/6/34 "bloody wound"
    """
    with opened(database, model) as (store, card):
        typer.echo(Labels(store, card.id).withdraw(card.architecture.unit(name), text, author).id)


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
        found = Labels(store, card.id).current(chosen, containing)
        tables.show_rows(found, tables.annotations(found, Veil(reveal, store.sensitive(card.id))), as_json)


@label.command("history")
def label_history(
    name: Annotated[str | None, typer.Argument(metavar="UNIT", help="All units if not given.")] = None,
    database: Database = None,
    model: Model = None,
    reveal: Reveal = False,
    as_json: Json = False,
) -> None:
    """List every label and withdrawal, oldest first.

    Example: circuits label history 4/2/6/34
    """
    with opened(database, model) as (store, card):
        found = Labels(store, card.id).history(card.architecture.unit(name) if name else None)
        tables.show_rows(found, tables.annotations(found, Veil(reveal, store.sensitive(card.id))), as_json)
