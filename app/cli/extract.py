"""`circuits extract`: a network's expanded weights into a folder."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.network_options import NetworkName, folder_of, probes_at
from app.cli.options import Memory

if TYPE_CHECKING:
    from extract.folder.extraction import Extraction
    from extract.network.network import Network
    from extract.probes.word_lists import Words


def extract(
    name: NetworkName,
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
    from catalog.errors import torch_needed

    with torch_needed():
        from extract.enrichment import pipeline
        from extract.expansion import atlas
        from extract.network import weights
    network = weights.load_network(name, pretrained, seed)
    folder = output or folder_of(network.model)
    patterns = [pattern.strip() for pattern in targets.split(",")] if targets else None
    source, vocabulary = probes_at(probes) if probes else None, _word_list(words) if words else None
    extraction = atlas.extract(network, folder, patterns, strongest, matrices, memory)
    if source is not None:
        pipeline.measure(network, extraction, source)
        for row in extraction.table("skipped").to_pylist():
            typer.echo(f"circuits: {row['id']} is no picture that can be read; left out.", err=True)
    if visualisations is not None:
        _show_visualisations(network, extraction, visualisations)
    if vocabulary is not None:
        show_words(network, extraction, vocabulary)
    typer.echo(f"{network.model} is in {folder}. Load it with: circuits load {folder}")


def show_words(network: "Network", extraction: "Extraction", words: Iterable[str]) -> None:
    """Show the network words, and measure the units' selectivity where that was not done."""
    from extract.recording import modality, vocabulary

    vocabulary.measure(network, extraction, words)
    if not extraction.has("modality.parquet"):
        modality.profile(network, extraction, words)


def _show_visualisations(network: "Network", extraction: "Extraction", folder: Path) -> None:
    """Show the network feature visualisations of the last sum, and print which were left out."""
    from extract.recording.visualisations import visualise

    for reason in visualise(network, extraction, folder, network.architecture.final):
        typer.echo(f"circuits: {reason}; left out.", err=True)


def _word_list(name: str) -> "Words":
    """So many of the most common words, or the lines of a file."""
    from extract.probes.word_lists import from_file, most_common

    return most_common(int(name)) if name.isdecimal() else from_file(Path(name))
