"""`circuits pairings`: compare a sum's enrichment with that of its branches paired anew.

Paired anew means that every unit gets the conv branch of another unit that is like its own.
"""

from typing import Annotated

import typer

from app.cli import printing
from app.cli.network_options import NetworkName, Pretrained, ProbedFolder, SameProbes, SumName
from app.cli.options import Json, Memory, Wide

COLUMNS = ("measured", "stratum", "units", "as it is", "paired anew", "sd", "p")


def pairings(
    name: NetworkName,
    extraction: ProbedFolder,
    pretrained: Pretrained = None,
    probes: SameProbes = "demo",
    layer: SumName = None,
    draws: Annotated[int, typer.Option(min=1, help="How many times to pair the branches at random.")] = 99,
    seed: Annotated[int, typer.Option(min=0, help="The seed of the draws.")] = 0,
    strata: Annotated[bool, typer.Option("--strata", help="Print every stratum, not only all units.")] = False,
    memory: Memory = 2**33,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """Compare the enrichment of a sum with that of randomly paired branches.

    Does the network pair the facets of its branches? Every unit gets the conv branch of another unit with
    a similar deviation, preference for words and mean. The folder keeps the comparison for the app.

    Example: circuits pairings demo --extraction demo.extraction
    """
    from catalog import open_extraction, open_network  # slow to import, and help does without

    folder = open_extraction(extraction)
    compared = open_network(name, pretrained).pairings(folder, layer, probes, draws, seed, memory=memory)
    comparisons = [c for c in compared if strata or c.stratum is None]
    rows = [
        (c.number, "all" if c.stratum is None else c.stratum, c.units, c.as_it_is, c.paired_anew, c.sd, c.p)
        for c in comparisons
    ]
    printing.show_rows(comparisons, printing.table(f"Beside {draws} pairings", COLUMNS, rows), as_json, wide)
