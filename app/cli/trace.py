"""`circuits trace`, and `circuits kept`: circuits followed out of a unit, and those that were kept under a name."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli import printing as tables
from app.cli.options import Author, Database, Json, Model, Reveal, UnitName, opened
from catalog.circuits import export
from catalog.circuits import saved as keeping
from catalog.circuits.circuit import Circuit
from catalog.circuits.trace import USUAL, Tracing, backward, forward
from catalog.hiding.veil import Veil

kept = typer.Typer(no_args_is_help=True, help="Circuits that were kept under a name.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Of a kept circuit.")]
Part = typer.Option(min=0, max=1, help="The part of what is held that pruning leaves; 1 prunes nothing.")


def trace(
    name: UnitName,
    onward: Annotated[bool, typer.Option("--forward", help="Where the unit leads, not what leads to it.")] = False,
    steps: Annotated[int, typer.Option(min=1, help="Edges from the unit to the ends.")] = USUAL.steps,
    strongest: Annotated[int, typer.Option(min=1, help="Edges followed from each unit.")] = USUAL.strongest,
    least: Annotated[float, typer.Option(min=0, help="Weight of an edge.")] = USUAL.least,
    nodes: Annotated[float, Part] = USUAL.nodes,
    edges: Annotated[float, Part] = USUAL.edges,
    scaled: Annotated[bool, typer.Option("--scaled", help="Weigh edges by their source's activity too.")] = False,
    keep: Annotated[str | None, typer.Option(metavar="NAME", help="Keep the circuit in the database.")] = None,
    author: Author = None,
    output: Annotated[Path | None, typer.Option(help="Write the circuit; .json, .graphml or .zip.")] = None,
    database: Database = None,
    model: Model = None,
    reveal: Reveal = False,
    as_json: Json = False,
) -> None:
    """Follow what leads to a unit, or where it leads, and tell how much of its influence the circuit holds.

    Example: circuits trace 4/2/6/34 --steps 4 --keep "what feeds 34"
    """
    tracing = Tracing(steps, strongest, least, nodes, edges, scaled)
    with opened(database, model) as (store, card):
        traced = (forward if onward else backward)(store, card.architecture.unit(name), tracing)
        veil = Veil.of(store, reveal)
        if keep:
            keeping.keep(store, traced, keep, author)
    if output:
        export.write(traced, output)
    _show(traced, veil, as_json)


@kept.command("list")
def list_kept(database: Database = None, model: Model = None, as_json: Json = False) -> None:
    """List the circuits that were kept.

    Example: circuits kept list
    """
    with opened(database, model) as (store, _):
        found = keeping.kept(store)
    tables.show_rows(found, tables.kept(found), as_json)


@kept.command("show")
def show_kept(
    name: Name,
    output: Annotated[Path | None, typer.Option(help="Write the circuit; .json, .graphml or .zip.")] = None,
    database: Database = None,
    model: Model = None,
    reveal: Reveal = False,
    as_json: Json = False,
) -> None:
    """Show a kept circuit with its units' labels as they are now, or write it to a file.

    Example: circuits kept show "what feeds 34" --output 34.graphml
    """
    with opened(database, model) as (store, _):
        found, veil = keeping.reopened(store, name), Veil.of(store, reveal)
    if output:
        export.write(found, output)
    _show(found, veil, as_json)


@kept.command("drop")
def drop_kept(name: Name, database: Database = None, model: Model = None) -> None:
    """Take a kept circuit away; its units stay.

    Example: circuits kept drop "what feeds 34"
    """
    with opened(database, model) as (store, _):
        keeping.drop(store, name)


def _show(circuit: Circuit, veil: Veil, as_json: bool) -> None:
    if as_json:
        tables.show_json(circuit)
        return
    tables.show(tables.circuit(circuit, veil))
    typer.echo(f"\n{circuit.sentence}")
