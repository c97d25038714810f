"""Draw the evidence for a sum's verdict as HTML: probes of both facets, and the sum with and without its branches."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from catalog.cards import FEW, Gallery
from catalog.charts import Dot, dot_chart
from catalog.verdict_texts import BRANCH_NAMES, findings, losses, notes
from extract.units import Unit
from graph.records import FacetProbe, UnitCard

_WITHOUT = {"conv": "conv", "shortcut": "the shortcut"}
_DOTS = (
    "Dots: how far the sum rises above its mean on held-out probes of the facet's concepts, in standard deviations of "
    "the sum. A branch that is left out is replaced by its mean over all probes. Lines: 90 % intervals over these "
    "concepts."
)


def draw_evidence(
    gallery: Gallery, card: UnitCard, units: Mapping[str, Unit], probes: Mapping[str, Sequence[FacetProbe]]
) -> str:
    """Draw what census and ablation say about a sum's unit: a text, and a figure for each facet.

    `units` maps each branch to its unit; `probes` are held-out probes of each facet. A facet's figure shows how far the
    sum rises on the facet with both branches, without conv, and without the shortcut.
    """
    whole = gallery.over(*units.values())
    hidden = {probe.concept for row in probes.values() for probe in row if whole.veil.hides_image(probe)}
    veil = replace(whole.veil, texts=whole.veil.texts | hidden)
    dots = {branch: _remaining(branch, card.statistics) for branch in BRANCH_NAMES}
    ends = [end for row in dots.values() for dot in row for end in (dot.low, dot.high)]
    pictures = "".join(
        f'<div class="facet"><div><div class="head"><b>{branch} facet</b></div>{whole.row(examples)}</div>'
        f"{dot_chart(row, (min(ends), max(ends)), f'rise of {card.id} on the {branch} facet') if row else ''}</div>"
        for branch, row in dots.items()
        if (examples := probes.get(branch, ())[:FEW]) or row
    )
    text = notes(losses(card.statistics)) + findings(card.findings, veil, FEW)
    caption = notes([_DOTS]) if ends else ""
    return f'<div class="evidence" style="--columns:{FEW}">{text}{pictures}{caption}</div>'


def _remaining(branch: str, numbers: Mapping[str, float | None]) -> list[Dot]:
    """Return how far the sum rises on a branch's facet, with both branches and without each; empty if not measured."""
    rows = {"both branches": f"rise_{branch}"}
    rows |= {f"without {short}": f"rise_{branch}_without_{other}" for other, short in _WITHOUT.items()}
    values = {name: [numbers.get(f"{column}{end}") for end in ("", "_low", "_high")] for name, column in rows.items()}
    dots = [Dot(name, *known) for name, row in values.items() if len(known := [v for v in row if v is not None]) == 3]
    return dots if len(dots) == len(rows) else []
