"""`circuits`, the command line: every command is a thin call of the catalog.

A command's file is imported only when the command is called, so that help, completion and mistakes stay quick. An error
that the user can mend is printed in one line on stderr, with exit code 2.
"""

import sys
from importlib import import_module
from importlib.metadata import version
from io import TextIOWrapper
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from app.cli.options import GLOBAL_OPTIONS
from extract.errors import CircuitsError
from extract.printable import printable

# Every command with the first line of its help, as the help of `circuits` lists it. A command or group stands under
# its own name in the module of this name.
COMMANDS = {
    "demo": "Extract the bundled trained CLIP, load it, and show its best enrichment circuits.",
    "extract": "Compute the expanded weights of a network into a folder; an interrupted run resumes.",
    "load": "Load an extraction folder into the database; labels stay, and an interrupted load resumes.",
    "find": "Find enrichment circuits: units that join one facet from the shortcut with another from the conv branch.",
    "search": "Search for units by labels, top probes, words that drive them, and measured numbers.",
    "unit": "Show a unit: its labels, measurements, top probes, and strongest inputs and outputs.",
    "word": "Show which units a word drives furthest above random letter strings of its length.",
    "label": "Label units; every change stays in the history.",
    "flag": "Flag sensitive units, images and words; they are hidden until somebody reveals them.",
    "trace": "Trace what leads to a unit, or where it leads, with the share of its influence in the circuit.",
    "saved": "Show, import, remove and restore saved circuits.",
    "figure": "Draw a unit's neighbourhood, its enrichment circuit or an exported circuit as SVG, PNG or PDF.",
    "export": "Write a unit's neighbourhood or enrichment circuit to a file for other graph tools.",
    "query": "Run named queries, and save your own.",
    "cypher": "Query the database in Cypher; the server refuses queries that write.",
    "app": "Open the catalog in the browser; nothing is sent anywhere.",
    "difference": "Show a word to a network, and list the units whose mean activation rises most over a baseline.",
    "attack": "Write a text on a picture; compare the network's answers and units before and after.",
    "ablate": "Ablate a branch or an edge of a unit; show the change of the unit, the embedding and the logits.",
    "calibrate": "Measure by ablation how well expanded weights predict effects, for each layer pair.",
    "levels": "Show how a unit's activation is distributed; draw images of each level to sort, and record the result.",
    "macroscopic": "Show how contributions between layers are distributed, compared with controls.",
    "reproduce": "Decide every claim of the enrichment circuits article on a network: pass, deviation or undecided.",
    "sensitivity": "Repeat the census of a sum, changing one setting or the probes each time; count the verdicts.",
    "pairings": "Compare the enrichment of a sum with that of randomly paired branches.",
    "selftest": "Check hooks, sums, expanded weights and the embedding's parts on a network and this machine.",
    "doctor": "Show what is installed and which database answers, and check that it holds everything that was loaded.",
    "migrate": "Upgrade a database of an older version; units, edges and labels stay.",
    "remove": "Remove a model from the database; its labels stay for when it is loaded again.",
}
OPTIONS = {  # words in the library's messages, and the options that take their place here
    "or skip them": "or skip them with --skip",
    "(font=": "(--font ",
    "(replace=True)": "(--replace)",
    "(model=...)": "with --model",
    "(columns=...)": "with --columns FIELD=COLUMN",
    "(with_labels=True)": "with --with-labels",
    "(matrices=True)": "(--matrices)",
    "Extract it with probes": "Extract it with --probes",
}
ALIASES = {"kept": "saved"}  # names from an earlier version, which the help does not list


class CircuitsGroup(TyperGroup):
    """A group that imports a command when it is called, and prints an error that the user can mend in one line."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = {name: TyperCommand(name, help=text, callback=None) for name, text in COMMANDS.items()}
        self.commands |= {name: TyperCommand(name, help=COMMANDS[new], hidden=True) for name, new in ALIASES.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the imported command in place of the line that lists it."""
        name, listed, rest = super().resolve_command(ctx, args)
        return name, listed and command(listed.name or ""), rest

    def invoke(self, ctx: Any) -> Any:
        """Run the command; on an error that the user can mend print one line, and exit with code 2."""
        try:
            return super().invoke(ctx)
        except CircuitsError as error:
            message = printable(" ".join(str(error).split()))
            for words, option in OPTIONS.items():
                message = message.replace(words, option)
            typer.echo(f"circuits: {message}", err=True)
            raise typer.Exit(2) from error


def command(name: str) -> Any:
    """Import a command or a group of commands, and return it."""
    content = getattr(import_module(f"app.cli.{ALIASES.get(name, name)}"), ALIASES.get(name, name))
    holder = typer.Typer()
    if isinstance(content, typer.Typer):
        holder.add_typer(content, name=name)
    else:
        holder.command(name)(content)
    return get_group(holder).commands[name]


cli = typer.Typer(cls=CircuitsGroup, no_args_is_help=True, pretty_exceptions_show_locals=False)


def main() -> None:
    """Run the console script `circuits`; a letter that the output's encoding lacks is printed as its code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a pipe that is closed has none
            stream.reconfigure(errors="backslashreplace")
    cli()


def _print_version(show_version: bool) -> None:
    if show_version:
        typer.echo(f"clip-circuits {version('clip-circuits')}")
        raise typer.Exit


@cli.callback()
def global_options(
    user: Annotated[str | None, typer.Option(help="The server's user; by default CIRCUITS_USER, or neo4j.")] = None,
    password: Annotated[
        str | None,
        typer.Option(help="The server's password; safer in CIRCUITS_PASSWORD or .env, since others can see options."),
    ] = None,
    database_name: Annotated[str | None, typer.Option(help="The database's name, on a server with several.")] = None,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """A catalog of the circuits in CLIP's vision ResNets. Begin with `circuits demo`.

    Every option that names a database or a user is also read from CIRCUITS_* variables and from a file .env here.
    """
    options = {"user": user, "password": password, "database_name": database_name}
    GLOBAL_OPTIONS.set({name: value for name, value in options.items() if value is not None})
