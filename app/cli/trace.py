"""`circuits trace`: follow a circuit out of a unit."""

from typing import Annotated, Literal

import typer

from app.cli.options import Author, CircuitFile, DatabaseOption, Json, ModelName, Reveal, UnitName, Wide, open_model
from app.cli.saved import show_circuit
from app.cli.writing import writing

Retained = typer.Option(min=0, max=1, help="The fraction of the influence held that pruning keeps; 1 prunes nothing.")


def trace(
    name: UnitName,
    onward: Annotated[
        bool, typer.Option("--forward", help="Trace where the unit leads instead of what leads to it.")
    ] = False,
    steps: Annotated[int, typer.Option(min=1, help="How many steps to follow from the unit.")] = 3,
    strongest: Annotated[int, typer.Option(min=1, help="How many edges to follow from each unit.")] = 5,
    least: Annotated[float, typer.Option(min=0, help="The smallest weight of an edge.")] = 0.0,
    nodes: Annotated[float, Retained] = 1.0,
    edges: Annotated[float, Retained] = 1.0,
    scaled: Annotated[
        bool, typer.Option("--scaled", help="Also weight edges by the activity of their source.")
    ] = False,
    save: Annotated[str | None, typer.Option(metavar="NAME", help="Save the circuit in the database.")] = None,
    keep: Annotated[str | None, typer.Option(hidden=True)] = None,  # the name of --save in an earlier version
    author: Author = None,
    output: CircuitFile = None,
    database: DatabaseOption = None,
    model_name: ModelName = None,
    reveal: Reveal = False,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """Trace what leads to a unit, or where it leads, with the share of its influence in the circuit.

    Example: circuits trace 4/2/6/34 --steps 4 --save "what feeds 34"
    """
    with open_model(database, model_name) as model:
        direction: Literal["forward", "backward"] = "forward" if onward else "backward"
        circuit = model.unit(name).trace(direction, steps, strongest, least, nodes, edges, scaled)
        veil, saved_name = model.veil(reveal), save or keep
        if saved_name:
            circuit.save(saved_name, author)
    if output:
        with writing(output):
            circuit.export(output)
    show_circuit(circuit, veil, as_json, wide)
