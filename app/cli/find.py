"""`circuits find`: find enrichment circuits, and print the best first."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from app.cli import printing
from app.cli.options import DatabaseOption, Json, Limit, ModelName, Reveal, Wide, open_model

if TYPE_CHECKING:
    from catalog import Candidate, Veil  # slow to import, and help does without
    from graph.records import EvidenceTerms, WeightTerms

BY_EVIDENCE = (
    *("verdict", "weakest_link", "q", "recurrence", "rise_shortcut", "rise_conv"),
    *("specificity_shortcut", "specificity_conv", "effect_shortcut", "effect_conv", "ablation", "nearby_ablation"),
    *("concept_difference", "modality_difference", "share_exact"),
)
_NAMED = 3  # concepts named of a facet
BY_WEIGHTS = ("cosine", "shortcut_strength", "conv_strength")


def find(
    by: Annotated[
        Literal["evidence", "weights"], typer.Option(help="By what was measured on probes, or by weights only.")
    ] = "evidence",
    layer: Annotated[str | None, typer.Option(help="A layer of sums; by default the last.")] = None,
    verdict: Annotated[
        Literal["enriched", "not enriched", "facets alike", "open", "any"],
        typer.Option(help="The verdict of the census; by default enriched."),
    ] = "enriched",
    rate: Annotated[float | None, typer.Option("--q", min=0, max=1, hidden=True)] = None,  # an earlier name
    limit: Limit = 20,
    database: DatabaseOption = None,
    model_name: ModelName = None,
    reveal: Reveal = False,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """Find enrichment circuits: units that join one facet from the shortcut with another from the conv branch.

    Example: circuits find --by weights --limit 5
    """
    with open_model(database, model_name) as model:
        if by == "evidence":
            measured = model.candidates(layer, limit, None if verdict == "any" else verdict, rate)
            printing.show_rows(measured, by_evidence(measured, model.veil(reveal)), as_json, wide)
            if not as_json:
                typer.echo(f"\n{model.tally(layer).sentence}\n")
                printing.show(printing.measured(model.measured))
        else:
            wired = model.candidates_by_weights(layer, limit=limit)
            printing.show_rows(wired, by_weights(wired, model.veil(reveal)), as_json, wide)


def by_evidence(candidates: "Iterable[Candidate[EvidenceTerms]]", veil: "Veil") -> printing.TerminalTable:
    """Make a table of candidates and what each of their branches brings.

    The share over the shortcut is the last column, because it is no criterion.
    """
    from catalog import concepts, header  # slow to import, and help does without

    rows = [
        (
            *(c.unit, veil.over(c.unit).labels(c.labels)),
            concepts(c.terms.concepts_shortcut or "", veil.over(c.unit, c.shortcut), _NAMED),
            concepts(c.terms.concepts_conv or "", veil.over(c.unit, c.conv), _NAMED),
            *(getattr(c.terms, column) for column in BY_EVIDENCE),
        )
        for c in candidates
    ]
    columns = ("unit", "labels", "shortcut brings", "conv brings", *map(header, BY_EVIDENCE))
    decisive = ("unit", header("verdict"), header("weakest_link"), "shortcut brings", "conv brings", "labels")
    return printing.table("Enrichment by evidence", columns, rows, decisive)


def by_weights(candidates: "Iterable[Candidate[WeightTerms]]", veil: "Veil") -> printing.TerminalTable:
    """Make a table of candidates that compares the inputs of both branches from one common layer."""
    from catalog import header  # slow to import, and help does without

    rows = [
        (
            *(c.unit, veil.over(c.unit).labels(c.labels), c.shortcut, c.conv, c.terms.source_layer, c.terms.shared),
            *(getattr(c.terms, column) for column in BY_WEIGHTS),
            c.order,
        )
        for c in candidates
    ]
    columns = ("unit", "labels", "shortcut", "conv", "inputs from", *map(header, ("shared", *BY_WEIGHTS, "order")))
    decisive = ("unit", header("order"), header("cosine"), "shortcut", "conv", "inputs from", "labels")
    return printing.table("Enrichment by weights", columns, rows, decisive)
