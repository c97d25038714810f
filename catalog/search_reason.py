"""Say in words why a search found a unit, for pages and terminals."""

from catalog.hiding.veil import HIDDEN, Veil
from graph.records import Match, ProbeSummary


def reason(match: Match, veil: Veil) -> str:
    """Say why a unit was found; sensitive texts are hidden."""
    hidden = any(
        veil.hides_image(ProbeSummary(match.kind, match.text, image, match.sensitive)) for image in match.images
    )
    text = HIDDEN if hidden else veil.label(match.text)
    of = f" ({match.branch})" if match.branch not in (None, "sum", "unit") else ""
    phrases = {"label": f"called {text}", "picture": f"sees {text}", "word": f"reads {text}"}
    return f"{phrases.get(match.kind, f'driven by “{text}”')}{of}" + ("" if match.z is None else f", z {match.z:.1f}")
