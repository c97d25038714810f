"""`circuits demo`: extract the bundled network, load it and search it."""

import typer

from app.cli import printing
from app.cli.find import by_evidence, by_weights
from app.cli.load import load_folder
from app.cli.network_options import default_folder
from app.cli.options import DatabaseOption, Memory, Wide, connect


def demo(database: DatabaseOption = None, memory: Memory = 2**31, wide: Wide = False) -> None:
    """Extract the bundled trained CLIP, load it, and show its best enrichment circuits.

    Example: circuits demo
    """
    from catalog import STRONGEST, open_network  # slow to import, and help does without

    network = open_network("demo")
    extraction = network.extract(default_folder(network.model, database), strongest=STRONGEST, memory=memory)
    network.show_probes(extraction)
    network.show_words(extraction, sorted(set(filter(None, extraction.table("probes")["concept"].to_pylist()))))
    with connect(database) as catalog:
        load_folder(catalog, extraction.path)
        model = catalog.model(network.model)
        veil = model.veil()
        printing.show(by_evidence(model.candidates(limit=10), veil), wide=wide)
        typer.echo(f"\n{model.tally().sentence}\n")
        printing.show(by_weights(model.candidates_by_weights(limit=10), veil), wide=wide)
    typer.echo("\nOpen the app with: uv run circuits app")
