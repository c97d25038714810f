"""`circuits app`: open the catalog in the browser."""

import os
from typing import Annotated

import typer

from app.cli.options import DatabaseOption, overrides


def app(
    headless: Annotated[bool, typer.Option("--headless", help="Do not open a browser.")] = False,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port of the app.")] = 8501,
    address: Annotated[str, typer.Option(help="The network address to listen on; 0.0.0.0 for all.")] = "localhost",
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="Another host name of the app, such as a proxy's; repeatable."),
    ] = None,
    database: DatabaseOption = None,
) -> None:
    """Open the catalog in the browser; nothing is sent anywhere.

    Example: circuits app --headless --port 8600
    """
    from app.web.serve import serve  # Streamlit, which no other command needs

    os.environ.update({f"CIRCUITS_{name.upper()}": value for name, value in overrides(database).items()})
    serve(address, port, allow_host or (), launch=None if headless else typer.launch)
