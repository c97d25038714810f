"""`circuits sensitivity`: show how far a sum's census depends on its settings and its probes.

The census is the statistical test of which units of the sum are enriched.
"""

import typer

from app.cli import printing
from app.cli.network_options import NetworkName, Pretrained, ProbedFolder, SameProbes, SumName
from app.cli.options import Json, Wide

COLUMNS = ("changed", "enriched", "not excluded", "not enriched", "facets alike", "open", "stay enriched")
DECISIVE = COLUMNS[:4] + COLUMNS[-1:]


def sensitivity(
    name: NetworkName,
    extraction: ProbedFolder,
    pretrained: Pretrained = None,
    probes: SameProbes = "demo",
    layer: SumName = None,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """Repeat the census of a sum, changing one setting or the probes each time; count the verdicts.

    Changed are the concepts of a facet, both smallest effects, the images that lend their branches, the modality of the
    probes, and the vendor and font held out. The folder keeps the verdicts, and the app shows them.

    Example: circuits sensitivity demo --extraction demo.extraction
    """
    from catalog import open_extraction, open_network  # slow to import, and help does without

    folder = open_extraction(extraction)
    variants = open_network(name, pretrained).sensitivity(folder, layer, probes)
    rows = [
        (v.change, v.enriched, v.not_excluded, v.not_enriched, v.facets_alike, v.open, v.stay_enriched)
        for v in variants
        if v.unjudged is None
    ]
    printing.show_rows(variants, printing.table("Census", COLUMNS, rows, DECISIVE), as_json, wide)
    if not as_json:
        for variant in variants:
            if variant.unjudged is not None:
                typer.echo(f"{variant.change}: no census. {variant.unjudged}")
