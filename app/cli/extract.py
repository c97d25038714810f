"""`circuits extract`: a network's expanded weights into a folder."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.network_options import NetworkName, folder_of
from app.cli.options import Memory
from extract.printable import printable


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
    device: Annotated[str, typer.Option(help="Where torch computes the weights: cpu, cuda, cuda:1.")] = "cpu",
    probes: Annotated[str | None, typer.Option(help="Pictures, a folder a concept; shards; a table; or demo.")] = None,
    visualisations: Annotated[
        Path | None, typer.Option(help="Feature visualisations of the last sum, such as channel34.png.")
    ] = None,
    words: Annotated[str | None, typer.Option(help="So many of the most common words, or a file, one a line.")] = None,
) -> None:
    """Compute the expanded weights of a network into a folder; an interrupted run goes on where it stopped.

    Example: circuits extract RN50 --pretrained openai --targets "4/*" --output rn50.extraction
    """
    from catalog import open_network  # slow to import, and help does without

    network = open_network(name, pretrained, seed)
    source = network.probes(probes) if probes else None
    vocabulary = network.words(int(words) if words.isdecimal() else Path(words)) if words else None
    patterns = [pattern.strip() for pattern in targets.split(",")] if targets else None
    folder = output or folder_of(network.model)
    extraction = network.extract(folder, patterns, strongest, matrices, memory, device=device)
    unread = [] if source is None else network.show_probes(extraction, source)
    for probe in unread:
        typer.echo(f"circuits: {printable(probe)} is no picture that can be read; left out.", err=True)
    for reason in network.visualise(extraction, visualisations) if visualisations else ():
        typer.echo(f"circuits: {printable(reason)}; left out.", err=True)
    if vocabulary is not None:
        network.show_words(extraction, vocabulary)
    typer.echo(f"{printable(extraction.model)} is in {folder}. Load it with: circuits load {folder}")
