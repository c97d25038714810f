"""Describe a sum's unit in words: its verdict, both facets, and what ablation says. All text is escaped here."""

from collections.abc import Iterable, Mapping
from html import escape

from catalog.hiding.veil import Veil

BRANCH_NAMES = {"shortcut": "the shortcut", "conv": "the conv branch"}


def badge(verdict: str | None) -> str:
    """Draw a unit's verdict, or the result of its ablation, as a badge of safe HTML; empty for None."""
    meanings = {
        "enriched": "each branch brings its own facet, and the sum rises on both",
        "not enriched": "established: an effect is smaller than an enriched unit needs",
        "facets alike": "each branch brings a facet, and the two facets are close to each other",
        "open": "neither is established on these probes",
        "supported": "the sum rises on both facets, and loses a facet if the facet's own branch is ablated",
        "contradicted": "if a branch is ablated, the sum loses more of the other branch's facet",
        "inconclusive": "ablating the branches decides nothing",
    }
    kind = (verdict or "").replace(" ", "-")
    return f'<span class="badge {kind}" title="{escape(meanings[verdict])}">{verdict}</span>' if verdict else ""


def findings(texts: Mapping[str, str | None], veil: Veil, limit: int | None = None) -> str:
    """Describe as safe HTML the first concepts of both facets, the least certain step, and why a verdict is missing."""
    lines = facet_lines(texts["concepts_shortcut"], texts["concepts_conv"], veil, limit)
    if texts["weakest_link"]:
        lines.append(f"{'Fails' if texts['verdict'] == 'not enriched' else 'Least certain'}: {texts['weakest_link']}.")
    if texts["low_level"]:
        lines.append(f"May respond to {texts['low_level']} rather than to a concept.")
    if texts["unjudged"]:
        lines.append(f"No verdict: {texts['unjudged']}")
    if texts["unproven"]:
        lines.append(f"Not ablated: {texts['unproven']}.")
    nearby = {branch: texts[f"facet_{branch}"] for branch in ("shortcut", "conv") if texts["nearby_ablation"]}
    if nearby:
        lines.append(f"On new concepts ablation is {texts['nearby_ablation']}.")
    for branch, named in nearby.items():
        if named:
            lines.append(f"New concepts near what the {branch} responds to: {_counted(named, veil, limit)}.")
    return notes(lines)


def facet_lines(shortcut: str | None, conv: str | None, veil: Veil, limit: int | None = None) -> list[str]:
    """Return a sentence on each branch's facet that the census found; a facet is text with concepts split by `; `."""
    facets = zip(BRANCH_NAMES.values(), (shortcut, conv), strict=True)
    return [f"{branch.capitalize()} brings {_counted(facet, veil, limit)}." for branch, facet in facets if facet]


def _counted(facet: str, veil: Veil, limit: int | None) -> str:
    """List the first concepts of a facet, and say how many more there are."""
    count = len(facet.split("; "))
    more = f" and {count - limit} more" if limit and count > limit else ""
    return concepts(facet, veil, limit) + more


def concepts(facet: str, veil: Veil, limit: int | None = None) -> str:
    """List the first concepts of a facet, split at `; `; sensitive concepts are hidden."""
    names = [str(veil.value(veil.label(name))) for name in facet.split("; ")[:limit]]
    return ", ".join(dict.fromkeys(names))


def notes(lines: Iterable[str]) -> str:
    """Draw lines as quiet paragraphs of safe HTML."""
    return "".join(f'<p class="quiet">{escape(line)}</p>' for line in lines)


def facet_names(texts: Mapping[str, str | None]) -> dict[str, list[str]]:
    """Return the concepts of each facet, keyed by branch, best first; words are in quotation marks."""
    named = {branch: texts[f"concepts_{branch}"] for branch in BRANCH_NAMES}
    return {branch: names.split("; ") for branch, names in named.items() if names}


def losses(numbers: Mapping[str, float | None]) -> list[str]:
    """Say for each facet how far the sum rises on it, with and without the facet's own branch."""
    lines = []
    for branch, name in BRANCH_NAMES.items():
        rise, remains = numbers.get(f"rise_{branch}"), numbers.get(f"rise_{branch}_without_{branch}")
        if rise is not None and remains is not None:
            lines.append(
                f"On the {branch} facet the sum rises {rise:+.2f} standard deviations, without {name} {remains:+.2f}."
            )
    return lines
