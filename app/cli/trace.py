"""`circuits trace`: a circuit followed out of a unit."""

from typing import Annotated

import typer

from app.cli.options import Author, CircuitFile, Database, Json, Model, Reveal, UnitName, open_model
from app.cli.saved import show_circuit

Part = typer.Option(min=0, max=1, help="The part of what is held that pruning leaves; 1 prunes nothing.")


def trace(
    name: UnitName,
    onward: Annotated[bool, typer.Option("--forward", help="Where the unit leads, not what leads to it.")] = False,
    steps: Annotated[int, typer.Option(min=1, help="Edges from the unit to the ends.")] = 3,
    strongest: Annotated[int, typer.Option(min=1, help="Edges followed from each unit.")] = 5,
    least: Annotated[float, typer.Option(min=0, help="Weight of an edge.")] = 0.0,
    nodes: Annotated[float, Part] = 1.0,
    edges: Annotated[float, Part] = 1.0,
    scaled: Annotated[bool, typer.Option("--scaled", help="Weigh edges by their source's activity too.")] = False,
    save: Annotated[str | None, typer.Option(metavar="NAME", help="Save the circuit in the database.")] = None,
    keep: Annotated[str | None, typer.Option(hidden=True)] = None,  # the name of --save in an earlier version
    author: Author = None,
    output: CircuitFile = None,
    database: Database = None,
    model: Model = None,
    reveal: Reveal = False,
    as_json: Json = False,
) -> None:
    """Follow what leads to a unit, or where it leads, and tell how much of its influence the circuit holds.

    Example: circuits trace 4/2/6/34 --steps 4 --save "what feeds 34"
    """
    from catalog.circuits import saved
    from catalog.circuits.export import write
    from catalog.circuits.trace import Tracing, backward, forward
    from catalog.hiding.veil import Veil

    tracing = Tracing(steps, strongest, least, nodes, edges, scaled)
    with open_model(database, model) as (store, card):
        circuit = (forward if onward else backward)(store, card.architecture.unit(name), tracing)
        veil = Veil.of(store, reveal)
        if save or keep:
            saved.save(store, circuit, save or keep or "", author)
    if output:
        write(circuit, output)
    show_circuit(circuit, veil, as_json)
