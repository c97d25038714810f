"""`circuits flag`: say what is sensitive and what is not."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import printing
from app.cli.options import Author, DatabaseOption, Json, ModelName, Reveal, UnitName, Wide, open_model

if TYPE_CHECKING:
    from catalog import Veil
    from graph.records import Flag, FlagKind

Clear = Annotated[bool, typer.Option("--clear", help="Mark it as not sensitive: show it again.")]

flag = typer.Typer(
    no_args_is_help=True, help="Flag sensitive units, images and words; they are hidden until somebody reveals them."
)


@flag.command("unit")
def flag_unit(
    name: UnitName,
    clear: Clear = False,
    author: Author = None,
    database: DatabaseOption = None,
    model_name: ModelName = None,
) -> None:
    """Hide a unit's pictures and labels everywhere; --clear shows them again.

    Example: circuits flag unit 4/2/6/34
    """
    _flag("unit", name, clear, author, database, model_name)


@flag.command("image")
def flag_image(
    name: Annotated[str, typer.Argument(metavar="IMAGE", help="Its id, as in `circuits unit UNIT --json`.")],
    clear: Clear = False,
    author: Author = None,
    database: DatabaseOption = None,
    model_name: ModelName = None,
) -> None:
    """Blur an image everywhere; --clear shows it again.

    Example: circuits flag image "wound/3.jpg"
    """
    _flag("image", name, clear, author, database, model_name)


@flag.command("word")
def flag_word(
    name: Annotated[str, typer.Argument(metavar="WORD", help="Any word, in upper or lower case.")],
    clear: Clear = False,
    author: Author = None,
    database: DatabaseOption = None,
    model_name: ModelName = None,
) -> None:
    """Hide a word, with the labels and word images that contain it; --clear shows a hidden word again.

    Example: circuits flag word cock --clear
    """
    _flag("word", name, clear, author, database, model_name)


@flag.command("list")
def list_flags(
    database: DatabaseOption = None,
    model_name: ModelName = None,
    reveal: Reveal = False,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """List every flag, oldest first; the last one of each name is in force.

    Example: circuits flag list
    """
    with open_model(database, model_name) as model:
        flags, veil = model.flags, model.veil(reveal)
    printing.show_rows(flags, flags_table(flags, veil), as_json, wide)


def flags_table(flags: "Iterable[Flag]", veil: "Veil") -> printing.TerminalTable:
    """Make a table of flags, with who set each and when; sensitive words are hidden."""
    rows = [
        (
            veil.label(f.name) if f.kind == "word" else f.name,
            f.kind,
            "sensitive" if f.sensitive else "cleared",
            f.author,
            f"{f.at:%Y-%m-%d %H:%M}",
        )
        for f in flags
    ]
    return printing.table("Flags", ("name", "kind", "", "by", "at"), rows)


def _flag(
    kind: "FlagKind", name: str, clear: bool, author: str | None, database: str | None, model_name: str | None
) -> None:
    """Flag a unit, an image or a word as sensitive, or clear the flag."""
    with open_model(database, model_name) as model:
        flagged = model.flag(kind, name, not clear, author)
    typer.echo(f"{flagged.name} is {'not sensitive' if clear else 'sensitive'} from now on.")
