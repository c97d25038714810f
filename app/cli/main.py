"""`circuits`, the command line: every verb a thin call of what the rooms below do.

Whatever the user can mend ends in one line on stderr and exit code 2.
"""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from app.cli import printing as tables
from app.cli.ablate import ablate, calibrate
from app.cli.difference import attack, difference
from app.cli.extract import demo, extract, load, migrate
from app.cli.figure import draw
from app.cli.flag import flag
from app.cli.label import label
from app.cli.label_bulk import bulk, export_labels, import_labels
from app.cli.levels import levels
from app.cli.options import (
    BEFORE_THE_VERB,
    Database,
    Json,
    Limit,
    Model,
    Reveal,
    UnitName,
    chosen,
    connected,
    given,
    opened,
)
from app.cli.query import cypher, query
from app.cli.search import search
from app.cli.trace import kept, trace
from catalog import enrichment
from catalog.circuits import export
from catalog.circuits.local import enrichment_circuit, neighbourhood
from catalog.hiding.veil import Veil
from catalog.top_probes import top_probes
from extract.errors import CircuitsError
from graph.records import Measure
from graph.store import Store


class _Circuits(TyperGroup):
    """Turns what the user can mend into one line and exit code 2."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except CircuitsError as error:
            typer.echo(f"circuits: {' '.join(str(error).split())}", err=True)
            raise typer.Exit(2) from error


cli = typer.Typer(
    cls=_Circuits,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
for name, act in (("bulk", bulk), ("export", export_labels), ("import", import_labels)):
    label.command(name)(act)
cli.add_typer(label, name="label")
cli.add_typer(kept, name="kept")
cli.add_typer(flag, name="flag")
cli.add_typer(query, name="query")
cli.command("figure")(draw)
for verb in (demo, extract, load, migrate, search, difference, attack, ablate, calibrate, levels, trace, cypher):
    cli.command()(verb)


def main() -> None:
    """The console script `circuits`."""
    cli()


@cli.callback()
def before_the_verb(
    user: Annotated[str | None, typer.Option(help="Of a server; CIRCUITS_USER, or neo4j, if not given.")] = None,
    password: Annotated[
        str | None, typer.Option(help="Better in CIRCUITS_PASSWORD or .env: options can be seen by others.")
    ] = None,
    database_name: Annotated[str | None, typer.Option(help="On a server that has several.")] = None,
) -> None:
    """A catalog of the circuits in CLIP's vision ResNets. Begin with `circuits demo`.

    Every option that names a database or a user is also read from CIRCUITS_* variables and from a file .env here.
    """
    asked = {"user": user, "password": password, "database_name": database_name}
    BEFORE_THE_VERB.set({name: value for name, value in asked.items() if value is not None})


@cli.command()
def find(
    by: Annotated[
        Literal["evidence", "weights"], typer.Option(help="Measured on probes, or from weights alone.")
    ] = "evidence",
    layer: Annotated[str | None, typer.Option(help="Of sums; the last if not given.")] = None,
    rate: Annotated[float, typer.Option("--q", min=0, max=1, help="False discovery rate of the tests.")] = enrichment.Q,
    limit: Limit = 20,
    database: Database = None,
    model: Model = None,
    reveal: Reveal = False,
    as_json: Json = False,
) -> None:
    """Find enrichment circuits: units that join one facet over the shortcut with another from the conv branch.

    Example: circuits find --by weights --limit 5
    """
    with opened(database, model) as (store, card):
        chosen = card.architecture.layer(layer) if layer else None
        veil = Veil.of(store, reveal)
        if by == "evidence":
            measured = enrichment.by_evidence(store, chosen, limit, rate)
            tables.show_rows(measured, tables.by_evidence(measured, veil), as_json)
            if not as_json:
                typer.echo(f"\n{enrichment.tally(store, chosen, rate).sentence}\n")
                tables.show(tables.measured(card))
        else:
            wired = enrichment.by_weights(store, chosen, limit=limit)
            tables.show_rows(wired, tables.by_weights(wired, veil), as_json)


@cli.command()
def unit(
    name: UnitName,
    by: Annotated[
        Measure, typer.Option(help="Which contributions are strongest: by magnitude, or by mean.")
    ] = "magnitude",
    limit: Limit = 5,
    database: Database = None,
    model: Model = None,
    reveal: Reveal = False,
    as_json: Json = False,
) -> None:
    """Show a unit: its labels, what was measured on it, its top examples, strongest inputs and outputs.

    Example: circuits unit 4/2/6/34
    """
    with opened(database, model) as (store, card):
        chosen = card.architecture.unit(name)
        facts, adds = store.unit(chosen), store.adds(chosen)
        inputs, outputs = (ask(chosen, limit=limit, by=by) for ask in (store.inputs, store.outputs))
        seen, read = top_probes(store, chosen, limit), store.words(chosen, limit=limit)
        veil = Veil.of(store, reveal)
    if as_json:
        added = {branch: str(source) for branch, source in adds.items()}
        tables.show_json(
            vars(facts)
            | {"adds": added, "inputs": inputs, "outputs": outputs, "examples": seen, "words": read}
            | {"measured": card.measured}
        )
        return
    own = veil.over(str(chosen))
    tables.show(tables.unit(facts, adds, veil), tables.examples(seen, adds, own), tables.words(read, veil))
    if facts.histogram is not None:
        tables.show(tables.spread(facts.histogram))
    tables.show(
        tables.contributions("Inputs", inputs, True, veil), tables.contributions("Outputs", outputs, False, veil)
    )
    tables.show(tables.measured(card))


@cli.command()
def word(
    text: Annotated[str, typer.Argument(metavar="WORD", help="One of those shown to the network.")],
    layer: Annotated[str | None, typer.Option(help="Of the units; all that were measured if not given.")] = None,
    limit: Limit = 10,
    database: Database = None,
    model: Model = None,
    reveal: Reveal = False,
    as_json: Json = False,
) -> None:
    """Show which units a word drives furthest above random letter strings of its length.

    Example: circuits word anchor --layer 4/2/6
    """
    with opened(database, model) as (store, card):
        found = store.readers(text, card.architecture.layer(layer) if layer else None, limit)
        veil = Veil.of(store, reveal)
    tables.show_rows(found, tables.readers(found, veil), as_json)


@cli.command("export")
def export_circuit(
    name: UnitName,
    output: Annotated[Path, typer.Option(help="The file; .json, .graphml or .zip tells the format.")],
    form: Annotated[export.Format | None, typer.Option("--format", help="csv is a zip with two tables.")] = None,
    circuit: Annotated[bool, typer.Option("--circuit", help="The enrichment circuit, not the neighbourhood.")] = False,
    limit: Limit = 10,
    database: Database = None,
    model: Model = None,
) -> None:
    """Write a unit's neighbourhood or enrichment circuit as a file for other graph tools.

    Example: circuits export 4/2/6/34 --circuit --output unit-34.graphml
    """
    with opened(database, model) as (store, card):
        trace = enrichment_circuit if circuit else neighbourhood
        traced = trace(store, card.architecture.unit(name), limit)
    export.write(traced, output, form)
    typer.echo(f"{traced.name}: {len(traced.units)} units and {len(traced.edges)} edges are in {output}.")


@cli.command()
def app(
    headless: Annotated[bool, typer.Option("--headless", help="Open no browser.")] = False,
    port: Annotated[int, typer.Option(help="Where the app listens.")] = 8501,
    address: Annotated[str, typer.Option(help="For whom it listens; 0.0.0.0 for all.")] = "localhost",
    database: Database = None,
) -> None:
    """Open the catalog in the browser; nothing is sent anywhere.

    Example: circuits app --headless --port 8600
    """
    from app.web.serve import serve

    os.environ.update({f"CIRCUITS_{name.upper()}": value for name, value in given(database).items()})
    listening = [f"--server.headless={headless}", f"--server.port={port}", f"--server.address={address}"]
    serve(*listening, "--browser.gatherUsageStats=false")


@cli.command()
def doctor(database: Database = None) -> None:
    """Say what is installed, which database answers, and whether it holds all that was loaded.

    Example: circuits doctor
    """
    names = ("clip-circuits", "torch", "open_clip_torch", "neo4j", "arcadedb-embedded", "streamlit")
    facts = [("python", platform.python_version()), *map(_installed, names), ("database", str(chosen(database).place))]
    tables.show(tables.table("Installed", ("", ""), facts))
    with connected(database) as connection:
        tables.show(tables.server(connection.version, connection.capabilities))
        store = Store(connection)
        held = [(card, _verified(store, card.id)) for card in store.models()]
        if not held:
            store.model(None)  # says why: nothing was loaded yet, or not to the end
        tables.show(tables.models(held))
    if any(problem for _, problem in held):
        raise typer.Exit(2)


def _verified(store: Store, model: str) -> str:
    """What is wrong with a model, or nothing."""
    try:
        store.verify(model)
    except CircuitsError as error:
        return str(error)
    return ""


def _installed(name: str) -> tuple[str, str]:
    try:
        return name, version(name)
    except PackageNotFoundError:
        return name, "not installed"
