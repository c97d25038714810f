"""`circuits saved`: circuits that stand in the database under a name."""

from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import printing
from app.cli.options import CircuitFile, DatabaseOption, Json, ModelName, Reveal, Wide, open_model

if TYPE_CHECKING:
    from catalog import CircuitView, Veil

saved = typer.Typer(no_args_is_help=True, help="Circuits that were saved under a name.")

CircuitName = Annotated[str, typer.Argument(metavar="NAME", help="Of a saved circuit.")]


@saved.command("list")
def list_saved(
    database: DatabaseOption = None, model_name: ModelName = None, wide: Wide = False, as_json: Json = False
) -> None:
    """List the circuits that were saved.

    Example: circuits saved list
    """
    with open_model(database, model_name) as model:
        circuits = model.saved_circuits
    rows = [(c.name, c.kind, c.units, c.author, f"{c.at:%Y-%m-%d %H:%M}") for c in circuits]
    printing.show_rows(circuits, printing.table("Saved", ("name", "kind", "units", "by", "at"), rows), as_json, wide)


@saved.command("show")
def show_saved(
    name: CircuitName,
    output: CircuitFile = None,
    database: DatabaseOption = None,
    model_name: ModelName = None,
    reveal: Reveal = False,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """Show a saved circuit with its units' labels as they are now, or write it to a file.

    Example: circuits saved show "what feeds 34" --output 34.graphml
    """
    with open_model(database, model_name) as model:
        circuit, veil = model.open_circuit(name), model.veil(reveal)
    if output:
        circuit.export(output)
    show_circuit(circuit, veil, as_json, wide)


@saved.command("remove")
@saved.command("drop", hidden=True)  # its name in an earlier version
def remove_saved(name: CircuitName, database: DatabaseOption = None, model_name: ModelName = None) -> None:
    """Remove a saved circuit; its units stay.

    Example: circuits saved remove "what feeds 34"
    """
    with open_model(database, model_name) as model:
        model.remove_circuit(name)


def show_circuit(circuit: "CircuitView", veil: "Veil", as_json: bool, wide: bool) -> None:
    """Print a circuit's edges, the most influential first where that was measured, and its sentence."""
    if as_json:
        printing.show_json(circuit.record)
        return
    labels = {node.id: veil.over(node.id).labels(node.labels) for node in circuit.units}
    rows = [
        (edge.source, labels[edge.source], edge.target, labels[edge.target], edge.branch)
        + (("", "") if edge.kind == "ADDS" else (edge.magnitude, edge.mean))
        + (edge.influence,)
        for edge in sorted(circuit.edges, key=lambda edge: -(edge.influence or 0.0))
    ]
    columns = ("source", "labels", "target", "labels", "adds", "magnitude", "mean", "influence")
    decisive = ("source", "target", "influence", "magnitude", "adds", "labels")
    printing.show(printing.table(circuit.name, columns, rows, decisive), wide=wide)
    typer.echo(f"\n{circuit.sentence}")
