"""`circuits saved`: list, show and remove circuits that were saved in the database under a name."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from app.cli import printing
from app.cli.confirmation import Yes, confirm
from app.cli.options import Author, CircuitFile, DatabaseOption, Json, ModelName, Reveal, Version, Wide, open_model
from app.cli.writing import writing
from extract.printable import printable

if TYPE_CHECKING:
    from catalog import CircuitView, Veil

saved = typer.Typer(no_args_is_help=True, help="Show, import, remove and restore saved circuits.")

StudiesSource = Literal["article"]
CircuitName = Annotated[str, typer.Argument(metavar="NAME", help="The saved circuit's name.")]


@saved.command("list")
def list_saved(
    database: DatabaseOption = None, model_name: ModelName = None, wide: Wide = False, as_json: Json = False
) -> None:
    """List the saved circuits.

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
    """Show a saved circuit with the current labels of its units, or write it to a file.

    Example: circuits saved show "what feeds 34" --output 34.graphml
    """
    with open_model(database, model_name) as model:
        circuit, veil = model.open_circuit(name), model.veil(reveal)
    if output:
        with writing(output):
            circuit.export(output)
    show_circuit(circuit, veil, as_json, wide)


@saved.command("import")
def import_saved(
    source: Annotated[
        StudiesSource, typer.Argument(help="article: the case studies of the enrichment circuits article.")
    ],
    labels: Annotated[
        bool, typer.Option("--labels", help="Label the units too, under the names of the article's authors.")
    ] = False,
    author: Author = None,
    database: DatabaseOption = None,
    model_name: ModelName = None,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """Save the article's circuits with your network's weights; importing again adds nothing twice.

    Example: circuits saved import article
    """
    with open_model(database, model_name) as model:
        imported = model.import_case_studies(author, labels)
        name = model.id
    if as_json:
        printing.show_json(imported)
        return
    edges = [edge for study in imported.studies for edge in study.edges]
    rows = [(e.source, e.target, e.article, e.magnitude, e.mean, e.rank_in, e.weights) for e in edges]
    columns = ("source", "target", "article says", "magnitude", "mean", "rank", "weights")
    printing.show(printing.table("Edges of the article", columns, rows), wide=wide)
    for study in imported.studies:
        left_out = ", ".join(map(str, study.left_out))
        lacking = f"; left out, since {printable(name)} lacks them: {len(study.left_out)} ({left_out})"
        typer.echo(f"{study.circuit}: {study.outcome}, {study.units} units{lacking if left_out else ''}.")
    if labels:
        typer.echo(f"{imported.labels} labels were added.")
    if not imported.network_of_article:
        typer.echo(
            f"{printable(name)} is not the article's network, so what the article says of units does not hold here."
        )


@saved.command("remove")
@saved.command("drop", hidden=True)  # its name in an earlier version
def remove_saved(
    name: CircuitName,
    author: Author = None,
    yes: Yes = False,
    database: DatabaseOption = None,
    model_name: ModelName = None,
) -> None:
    """Remove a saved circuit; its units stay, and `circuits saved restore` brings it back.

    Example: circuits saved remove "what feeds 34"
    """
    with open_model(database, model_name) as model:
        units = len(model.open_circuit(name).units)  # raises for a name that is not there
        confirm(f"{printable(name)}, {units} units, is removed for all who use this database; it can be restored.", yes)
        model.remove_circuit(name, author)


@saved.command("history")
def saved_history(
    database: DatabaseOption = None, model_name: ModelName = None, wide: Wide = False, as_json: Json = False
) -> None:
    """List the saved circuits that were replaced or removed, latest first; each can be restored.

    Example: circuits saved history
    """
    with open_model(database, model_name) as model:
        earlier = model.earlier_circuits
    rows = [
        (c.name, c.kind, c.units, c.author, c.removed_by, f"{c.removed_at:%Y-%m-%d %H:%M}", c.version) for c in earlier
    ]
    columns = ("name", "kind", "units", "by", "replaced or removed by", "at", "version")
    printing.show_rows(earlier, printing.table("Replaced or removed", columns, rows), as_json, wide)


@saved.command("restore")
def restore_saved(
    name: CircuitName,
    version: Version = None,
    author: Author = None,
    database: DatabaseOption = None,
    model_name: ModelName = None,
) -> None:
    """Restore a saved circuit that was replaced or removed; a current one of its name joins the history.

    Example: circuits saved restore "what feeds 34"
    """
    with open_model(database, model_name) as model:
        restored = model.restore_circuit(name, version, author)
    typer.echo(f"{printable(restored.name)} by {printable(restored.author)} is saved again.")


def show_circuit(circuit: "CircuitView", veil: "Veil", as_json: bool, wide: bool) -> None:
    """Print a circuit's edges and a sentence on it; the most influential edges come first if influence was measured."""
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
    notes = [(node.id, veil.over(node.id).label(node.note)) for node in circuit.units if node.note]
    names = printing.table("What the source calls its units", ("unit", "name"), notes)
    printing.show(printing.table(circuit.name, columns, rows, decisive), names, wide=wide)
    typer.echo(f"\n{circuit.sentence}")
