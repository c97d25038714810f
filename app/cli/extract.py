"""`circuits extract`: compute a network's expanded weights into a folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from app.cli.network_options import Font, NetworkName, folder_of
from app.cli.options import Memory, at_home, path
from app.cli.readings import print_reading
from extract.printable import printable

if TYPE_CHECKING:
    from catalog import ExtractionView, LiveNetwork

ProbesOption = Annotated[
    str | None,
    typer.Option(
        parser=at_home, metavar="TEXT", help="A folder of pictures (one folder per concept), shards, a table, or demo."
    ),
]
Visualisations = Annotated[
    Path | None,
    typer.Option(parser=path, metavar="PATH", help="Feature visualisations of the last sum, such as channel34.png."),
]


Output = Annotated[
    Path | None,
    typer.Option(parser=path, metavar="PATH", help="The folder to write; by default NAME-PRETRAINED.extraction."),
]
Pretrained = Annotated[
    str | None,
    typer.Option(
        parser=at_home, metavar="TEXT", help="A tag such as openai, or a weights file; by default random weights."
    ),
]
Seed = Annotated[int, typer.Option(help="The seed of random weights.")]
Targets = Annotated[str | None, typer.Option(help="Target layers or patterns, comma-separated; by default all.")]
Strongest = Annotated[
    int, typer.Option(min=1, help="Edges to keep for each unit, layer and direction, by magnitude and by mean.")
]
Matrices = Annotated[bool, typer.Option(help="Also keep the dense matrices.")]
Device = Annotated[str, typer.Option(help="Where torch computes the weights: cpu, cuda, cuda:1.")]
PrecisionOption = Annotated[
    Literal["float32", "bfloat16", "tf32"],
    typer.Option(help="The sweeps' precision; the error of a lower one is measured on a sample. TF32 needs a card."),
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS", help="The address of a Ray cluster that computes the weights, or `local` to start Ray here."
    ),
]
Threads = Annotated[int | None, typer.Option(min=1, help="Threads of each task with --ray; by default 1.")]
Words = Annotated[
    str | None,
    typer.Option(
        parser=at_home,
        metavar="TEXT",
        help="How many of the most common words to show, or a file with one word per line.",
    ),
]


def extract(
    name: NetworkName,
    output: Output = None,
    pretrained: Pretrained = None,
    seed: Seed = 0,
    targets: Targets = None,
    strongest: Strongest = 20,
    matrices: Matrices = True,
    memory: Memory = 2**31,
    device: Device = "cpu",
    precision: PrecisionOption = "float32",
    ray: RayAddress = None,
    threads: Threads = None,
    probes: ProbesOption = None,
    visualisations: Visualisations = None,
    words: Words = None,
    font: Font = None,
) -> None:
    """Compute the expanded weights of a network into a folder; an interrupted run resumes.

    Example: circuits extract RN50 --pretrained openai --targets "4/*" --output rn50.extraction
    """
    from catalog import open_network  # slow to import, and help does without

    network = open_network(name, pretrained, seed)
    source = network.probes(probes) if probes else None
    vocabulary = _vocabulary(network, words, font) if words else None
    if visualisations:
        network.check_visualisations(visualisations)
    folder = output or folder_of(network.model)
    extraction = network.extract(
        folder,
        targets.split(",") if targets else None,
        strongest,
        matrices,
        memory=memory,
        device=device,
        precision=precision,
        ray=ray,
        threads=threads,
        announce=_announce,
    )
    _describe(network, extraction)
    if source is not None:
        print_reading(network.show_probes(extraction, source), folder / "skipped.parquet")
    if visualisations:
        print_reading(network.visualise(extraction, visualisations))
    if vocabulary is not None:
        network.show_words(extraction, vocabulary, font=font)
    typer.echo(f"{printable(extraction.model)} is in {folder}. Load it with: circuits load {folder}")


def _announce(forecast: object) -> None:
    typer.echo(f"circuits: {forecast}", err=True)


def _describe(network: "LiveNetwork", extraction: "ExtractionView") -> None:
    _print_deviations(extraction)
    typer.echo(f"circuits: {printable(network.description)}", err=True)


def _print_deviations(extraction: "ExtractionView") -> None:
    if not extraction.deviations:
        return
    by_distance = (f"{row.blocks}: {row.median:.2%} ({row.percentile_99:.1%})" for row in extraction.deviations)
    typer.echo(
        f"circuits: deviation of {extraction.precision} from float32, by blocks between two layers, median (99th "
        f"percentile): {', '.join(by_distance)}",
        err=True,
    )


def _vocabulary(network: "LiveNetwork", words: str, font: Path | None) -> tuple[str, ...]:
    """Return the words that `words` asks for, by a number or a file. Raises WordsError if one cannot be rendered."""
    vocabulary = network.words(int(words)) if words.isdecimal() else _listed(network, words)
    network.check_words(vocabulary, font)
    return vocabulary


def _listed(network: "LiveNetwork", file: str) -> tuple[str, ...]:
    words, reading = network.read_words(file)
    print_reading(reading)
    return words
