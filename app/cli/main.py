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
    "figure": "Draw a unit's neighbourhood, its enrichment circuit or an exported circuit as SVG, PNG or PDF.",
    "demo": "Extract the bundled trained CLIP, load it, and show its best enrichment circuits.",
    "extract": "Compute the expanded weights of a network into a folder; an interrupted run goes on where it stopped.",
    "load": "Load an extraction folder into the database; people's labels stay, and an interrupted load goes on.",
    "remove": "Remove a model from the database; its labels stay, and are back when it is loaded again.",
    "migrate": "Bring a database of an older version up to this one; units, edges and labels stay.",
    "search": "Search for units by labels, by what their top examples show, by words that drive them, and by numbers.",
    "difference": "Show a word to a network: the units whose mean activation rises most over a baseline.",
    "attack": "Write a text on a picture: what the network takes it for before and after, and the units that change "
    "most.",
    "ablate": "Take a branch or an edge away from a unit: what that changes of the unit, the embedding and the logits.",
    "calibrate": "Measure by ablation how far expanded weights can be believed, layer pair by layer pair.",
    "selftest": "Check on a network, on this machine, that hooks, sums, expanded weights and the embedding's parts are "
    "right.",
    "reproduce": "Decide every claim of the enrichment circuits article on a network: pass, deviation, or what it "
    "needs.",
    "macroscopic": "Show how contributions between layers are distributed, beside those of randomised weights and "
    "shuffled ones.",
    "sensitivity": "Take the census of a sum again with one thing changed at a time, and count the verdicts.",
    "pairings": "Compare a sum's enrichment with that of its branches paired anew.",
    "levels": "Show how a unit's activation is distributed; draw images of its levels to sort, and store how they were "
    "sorted.",
    "trace": "Follow what leads to a unit, or where it leads, and tell how much of its influence the circuit holds.",
    "cypher": "Ask the database in Cypher; the server refuses whatever writes.",
    "find": "Find enrichment circuits: units that join one facet over the shortcut with another from the conv branch.",
    "unit": "Show a unit: its labels, what was measured on it, its top examples, strongest inputs and outputs.",
    "word": "Show which units a word drives furthest above random letter strings of its length.",
    "export": "Write a unit's neighbourhood or enrichment circuit as a file for other graph tools.",
    "app": "Open the catalog in the browser; nothing is sent anywhere.",
    "doctor": "Say what is installed, which database answers, and whether it holds all that was loaded.",
    "label": "Label units; every change stays in the history.",
    "saved": "Circuits that were saved under a name.",
    "flag": "Say what is sensitive; it is hidden until somebody reveals it.",
    "query": "Ask by name; save queries of your own.",
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
    user: Annotated[str | None, typer.Option(help="Of a server; CIRCUITS_USER, or neo4j, if not given.")] = None,
    password: Annotated[
        str | None, typer.Option(help="Better in CIRCUITS_PASSWORD or .env: options can be seen by others.")
    ] = None,
    database_name: Annotated[str | None, typer.Option(help="On a server that has several.")] = None,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """A catalog of the circuits in CLIP's vision ResNets. Begin with `circuits demo`.

    Every option that names a database or a user is also read from CIRCUITS_* variables and from a file .env here.
    """
    options = {"user": user, "password": password, "database_name": database_name}
    GLOBAL_OPTIONS.set({name: value for name, value in options.items() if value is not None})
