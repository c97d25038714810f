"""`circuits flag`: the verbs that say what is sensitive, and what is not."""

from typing import Annotated

import typer

from app.cli import printing as tables
from app.cli.options import Author, Database, Json, Model, Reveal, UnitName, opened
from catalog.hiding.flags import Flags
from catalog.hiding.veil import Veil

Clear = Annotated[bool, typer.Option("--clear", help="It is not sensitive, whatever was said before.")]

flag = typer.Typer(no_args_is_help=True, help="Say what is sensitive; it is hidden until somebody reveals it.")


@flag.command("unit")
def flag_unit(
    name: UnitName, clear: Clear = False, author: Author = None, database: Database = None, model: Model = None
) -> None:
    """Hide a unit's pictures and labels wherever they are shown, or show them again.

    Example: circuits flag unit 4/2/6/34
    """
    _flag("unit", name, clear, author, database, model)


@flag.command("image")
def flag_image(
    name: Annotated[str, typer.Argument(metavar="IMAGE", help="Its id, as in `circuits unit UNIT --json`.")],
    clear: Clear = False,
    author: Author = None,
    database: Database = None,
    model: Model = None,
) -> None:
    """Blur an image wherever it is an example, or show it again.

    Example: circuits flag image "wound/3.jpg"
    """
    _flag("image", name, clear, author, database, model)


@flag.command("word")
def flag_word(
    name: Annotated[str, typer.Argument(metavar="WORD", help="Any word, in any case.")],
    clear: Clear = False,
    author: Author = None,
    database: Database = None,
    model: Model = None,
) -> None:
    """Hide a word, and the labels and word images that have it, or show them although it is on the list of words.

    Example: circuits flag word cock --clear
    """
    _flag("word", name, clear, author, database, model)


@flag.command("list")
def list_flags(database: Database = None, model: Model = None, reveal: Reveal = False, as_json: Json = False) -> None:
    """List every flag, oldest first; of one name the last holds.

    Example: circuits flag list
    """
    with opened(database, model) as (store, _):
        found, veil = Flags(store).history(), Veil.of(store, reveal)
    tables.show_rows(found, tables.flags(found, veil), as_json)


def _flag(kind: str, name: str, clear: bool, author: str | None, database: str | None, model: str | None) -> None:
    with opened(database, model) as (store, _):
        said = Flags(store).set(kind, name, not clear, author)
    typer.echo(f"{said.name} is {'not sensitive' if clear else 'sensitive'} from now on.")
