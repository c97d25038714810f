"""`circuits unit`: a unit, what was measured on it, and its strongest inputs and outputs."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import printing
from app.cli.options import Database, Json, Limit, Model, Reveal, UnitName, open_model
from extract.units import Unit, microscope_url
from graph.records import Measure

if TYPE_CHECKING:
    from catalog.hiding.veil import Veil
    from graph.records import Contribution, Histogram, TopProbe, UnitCard, WordResponse


def unit(
    name: UnitName,
    by: Annotated[
        Measure, typer.Option(help="Which contributions are strongest: by magnitude, or by mean.")
    ] = "magnitude",
    limit: Limit = 5,
    database: Database = None,
    model: Model = None,
    reveal: Reveal = False,
    as_json: Json = False,
) -> None:
    """Show a unit: its labels, what was measured on it, its top examples, strongest inputs and outputs.

    Example: circuits unit 4/2/6/34
    """
    from catalog.hiding.veil import Veil
    from catalog.top_probes import top_probes

    with open_model(database, model) as (store, card):
        unit = card.architecture.unit(name)
        facts, adds = store.unit(unit), store.adds(unit)
        inputs, outputs = (ask(unit, limit=limit, by=by) for ask in (store.inputs, store.outputs))
        probes, words = top_probes(store, unit, limit), store.words(unit, limit=limit)
        veil = Veil.of(store, reveal)
    if as_json:
        added = {branch: str(source) for branch, source in adds.items()}
        printing.show_json(
            vars(facts)
            | {"adds": added, "inputs": inputs, "outputs": outputs, "examples": probes, "words": words}
            | {"measured": card.measured}
        )
        return
    own = veil.over(unit)
    printing.show(_facts(facts, adds, veil), _top_probes(probes, adds, own), _top_words(words, veil))
    if facts.histogram is not None:
        printing.show(_distribution(facts.histogram))
    printing.show(_contributions("Inputs", inputs, veil), _contributions("Outputs", outputs, veil))
    printing.show(printing.measured(card))


def _facts(card: "UnitCard", adds: dict[str, Unit], veil: "Veil") -> printing.TerminalTable:
    """What a unit is and what was measured on it."""
    facts: list[tuple[str, object]] = [("model", card.model), ("labels", veil.over(card.id).labels(card.labels))]
    facts += adds.items()
    facts += [(name, value) for name, value in card.statistics.items() if value is not None]
    if card.histogram is not None:
        facts += [("mean on probes", card.histogram.mean), ("standard deviation", card.histogram.sd)]
    facts.append(("Microscope", microscope_url(card.model, card.id)))
    return printing.table(str(card.id), ("", ""), [fact for fact in facts if fact[1] not in (None, "")])


def _top_probes(probes: "Sequence[TopProbe]", units: Mapping[str, Unit], veil: "Veil") -> printing.TerminalTable:
    """The top probes, one branch a row; `units` gives the unit of each branch."""
    branches = dict.fromkeys(probe.branch for probe in probes)
    veils = {branch: veil.over(units[branch]) if branch in units else veil for branch in branches}
    rows = [
        (branch, ", ".join(f"{veils[branch].caption(p)} ({p.modality})" for p in probes if p.branch == branch))
        for branch in branches
    ]
    return printing.table("Top examples", ("branch", "probes"), rows)


def _top_words(words: "Iterable[WordResponse]", veil: "Veil") -> printing.TerminalTable:
    """The words that drive a unit most."""
    rows = [(veil.over(word.unit).label(word.word), word.value, word.z) for word in words]
    return printing.table("Top words", ("word", "value", "z"), rows)


def _distribution(histogram: "Histogram") -> printing.TerminalTable:
    """How a unit's activation is distributed over the probes, bin by bin."""
    width = (histogram.high - histogram.low) / len(histogram.counts)
    rows = [
        (histogram.low + k * width, histogram.low + (k + 1) * width, count) for k, count in enumerate(histogram.counts)
    ]
    return printing.table("Distribution", ("from", "to", "probes"), rows)


def _contributions(title: str, contributions: "Iterable[Contribution]", veil: "Veil") -> printing.TerminalTable:
    """Inputs by their sources, outputs by their targets."""
    rows = []
    for c in contributions:
        end, labels = (c.source, c.source_labels) if title == "Inputs" else (c.target, c.target_labels)
        ranks = "direct" if c.direct else "", c.rank_in, c.rank_out
        rows.append((end, veil.over(end).labels(labels), c.magnitude, c.mean, c.span, *ranks))
    return printing.table(title, ("unit", "labels", "magnitude", "mean", "span", "", "rank in", "rank out"), rows)
