"""The verbs that fill a catalog: extract a network, load what was extracted, bring a database up to date."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import printing as tables
from app.cli.options import Database, Folder, Memory, chosen, connected, opened
from catalog import enrichment
from catalog.errors import torch_needed
from catalog.hiding.veil import Veil
from extract.demo import MODEL as DEMO
from extract.folder.extraction import Extraction
from graph.loading.load import load as loaded
from graph.loading.migration import migrate as migrated
from graph.loading.neo4j_import import write_csv
from graph.schema import VERSION

if TYPE_CHECKING:
    from extract.network.network import Network
    from extract.probes.sources import Source
    from extract.probes.word_lists import Words


def demo(database: Database = None, memory: Memory = 2**31) -> None:
    """Extract the bundled trained CLIP, load it, and show its best enrichment circuits.

    Example: circuits demo
    """
    with torch_needed():
        from extract.enrichment import pipeline
        from extract.expansion import atlas
        from extract.network import weights
    network = weights.load_network("demo")
    folder = default_folder(network.model, database)
    extraction = atlas.extract(network, folder, strongest=enrichment.STRONGEST, memory=memory)
    pipeline.measure(network, extraction)
    _show_words(network, extraction, sorted(set(filter(None, extraction.table("probes")["concept"].to_pylist()))))
    _load(folder, database)
    with opened(database, network.model) as (store, _):
        veil = Veil.of(store)
        tables.show(tables.by_evidence(enrichment.by_evidence(store, limit=10), veil))
        typer.echo(f"\n{enrichment.tally(store).sentence}\n")
        tables.show(tables.by_weights(enrichment.by_weights(store, limit=10), veil))
    typer.echo("\nOpen the app with: uv run circuits app")


def extract(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Such as RN50, demo, or an open_clip configuration file.")
    ],
    output: Annotated[Path | None, typer.Option(help="Where to; NAME-PRETRAINED.extraction if not given.")] = None,
    pretrained: Annotated[
        str | None, typer.Option(help="A tag such as openai, or a weights file; else random.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of random weights.")] = 0,
    targets: Annotated[str | None, typer.Option(help="Target layers or patterns, comma between; else all.")] = None,
    strongest: Annotated[int, typer.Option(min=1, help="Edges kept a unit, layer, sign and direction.")] = 20,
    matrices: Annotated[bool, typer.Option(help="Keep the dense matrices too.")] = True,
    memory: Memory = 2**31,
    probes: Annotated[str | None, typer.Option(help="Pictures, a folder a concept; shards; a table; or demo.")] = None,
    visualisations: Annotated[
        Path | None, typer.Option(help="Feature visualisations of the last sum, such as channel34.png.")
    ] = None,
    words: Annotated[str | None, typer.Option(help="So many of the most common words, or a file, one a line.")] = None,
) -> None:
    """Compute the expanded weights of a network into a folder; an interrupted run goes on where it stopped.

    Example: circuits extract RN50 --pretrained openai --targets "4/*" --output rn50.extraction
    """
    with torch_needed():
        from extract.enrichment import pipeline
        from extract.expansion import atlas
        from extract.network import weights
    network = weights.load_network(name, pretrained, seed)
    folder = output or _named_after(network.model)
    patterns = [pattern.strip() for pattern in targets.split(",")] if targets else None
    shown, listed = probes_at(probes) if probes else None, _words(words) if words else None
    extraction = atlas.extract(network, folder, patterns, strongest, matrices, memory)
    if shown is not None:
        pipeline.measure(network, extraction, shown)
        for row in extraction.table("skipped").to_pylist():
            typer.echo(f"circuits: {row['id']} is no picture that can be read; left out.", err=True)
    if visualisations is not None:
        _visualise(network, extraction, visualisations)
    if listed is not None:
        _show_words(network, extraction, listed)
    typer.echo(f"{network.model} is in {folder}. Load it with: circuits load {folder}")


def load(
    folder: Folder,
    offline_csv: Annotated[
        Path | None, typer.Option("--offline-csv", metavar="DIR", help="Write files for neo4j-admin there instead.")
    ] = None,
    database: Database = None,
) -> None:
    """Load an extraction folder into the database; people's labels stay, and an interrupted load goes on.

    Example: circuits load rn50.extraction
    """
    if offline_csv is None:
        _load(folder, database)
        return
    command = write_csv(Extraction.open(folder), offline_csv)
    typer.echo(f"Stop the server, import into an empty database, start it, and load again to finish:\n\n{command}")


def migrate(database: Database = None) -> None:
    """Bring a database of an older version up to this one; units, edges and labels stay.

    Example: circuits migrate
    """
    with connected(database) as connection:
        before = migrated(connection)
    typer.echo(f"The schema is of version {VERSION}" + (f"; it was of {before}." if before < VERSION else "."))


def _load(folder: Path, database: str | None) -> None:
    extraction, place = Extraction.open(folder), chosen(database).place
    if isinstance(place, Path):
        card = loaded(extraction, place)
    else:
        with connected(database) as connection:
            card = loaded(extraction, connection)
    typer.echo(f"{card.id} is loaded: {card.units:,} units, {card.edges:,} edges, {card.images:,} images.")


def default_folder(model: str, database: str | None) -> Path:
    """Where a model's extraction lies if nobody said otherwise; the demo's is where `circuits demo` puts it."""
    return chosen(database).home / "demo.extraction" if model == DEMO else _named_after(model)


def _named_after(model: str) -> Path:
    return Path(re.sub(r"[^\w.-]+", "-", model) + ".extraction")


def probes_at(chosen: str) -> "Source":
    """The probes at a path, or the demo's."""
    from extract.demo import PROBES
    from extract.probes.sources import source

    return source(PROBES if chosen == "demo" else chosen)


def _visualise(network: "Network", extraction: Extraction, folder: Path) -> None:
    from extract.recording.visualisations import visualise

    for reason in visualise(network, extraction, folder, network.architecture.final):
        typer.echo(f"circuits: {reason}; left out.", err=True)


def _words(chosen: str) -> "Words":
    from extract.probes.word_lists import from_file, most_common

    return most_common(int(chosen)) if chosen.isdecimal() else from_file(Path(chosen))


def _show_words(network: "Network", extraction: Extraction, words: Iterable[str]) -> None:
    from extract.recording import modality, vocabulary

    vocabulary.measure(network, extraction, words)
    if not extraction.has("modality.parquet"):
        modality.profile(network, extraction, words)
