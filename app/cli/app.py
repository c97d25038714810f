"""`circuits app`: the catalog in the browser."""

import os
from typing import Annotated

import typer

from app.cli.options import DatabaseOption, overrides


def app(
    headless: Annotated[bool, typer.Option("--headless", help="Open no browser.")] = False,
    port: Annotated[int, typer.Option(help="Where the app listens.")] = 8501,
    address: Annotated[str, typer.Option(help="For whom it listens; 0.0.0.0 for all.")] = "localhost",
    database: DatabaseOption = None,
) -> None:
    """Open the catalog in the browser; nothing is sent anywhere.

    Example: circuits app --headless --port 8600
    """
    from app.web.serve import serve  # Streamlit, which no other command needs

    os.environ.update({f"CIRCUITS_{name.upper()}": value for name, value in overrides(database).items()})
    listening = [f"--server.headless={headless}", f"--server.port={port}", f"--server.address={address}"]
    serve(*listening, "--browser.gatherUsageStats=false")
