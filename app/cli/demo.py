"""`circuits demo`: the bundled network, extracted, loaded and searched."""

import typer

from app.cli import printing
from app.cli.extract import show_words
from app.cli.find import by_evidence, by_weights
from app.cli.load import load_folder
from app.cli.network_options import default_folder
from app.cli.options import Database, Memory, open_model


def demo(database: Database = None, memory: Memory = 2**31) -> None:
    """Extract the bundled trained CLIP, load it, and show its best enrichment circuits.

    Example: circuits demo
    """
    from catalog import enrichment
    from catalog.errors import torch_needed
    from catalog.hiding.veil import Veil

    with torch_needed():
        from extract.enrichment import pipeline
        from extract.expansion import atlas
        from extract.network import weights
    network = weights.load_network("demo")
    folder = default_folder(network.model, database)
    extraction = atlas.extract(network, folder, strongest=enrichment.STRONGEST, memory=memory)
    pipeline.measure(network, extraction)
    show_words(network, extraction, sorted(set(filter(None, extraction.table("probes")["concept"].to_pylist()))))
    load_folder(folder, database)
    with open_model(database, network.model) as (store, _):
        veil = Veil.of(store)
        printing.show(by_evidence(enrichment.by_evidence(store, limit=10), veil))
        typer.echo(f"\n{enrichment.tally(store).sentence}\n")
        printing.show(by_weights(enrichment.by_weights(store, limit=10), veil))
    typer.echo("\nOpen the app with: uv run circuits app")
