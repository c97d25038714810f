"""`circuits unit`: show a unit, what was measured on it, and its strongest inputs and outputs."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import printing
from app.cli.macroscopic import versatility_table
from app.cli.options import DatabaseOption, Json, Limit, ModelName, Reveal, UnitName, Wide, open_model
from graph.records import Measure

if TYPE_CHECKING:
    from catalog import UnitView, Veil
    from graph.records import Contribution, Histogram, TopProbe, WordResponse


def unit(
    name: UnitName,
    by: Annotated[
        Measure, typer.Option(help="Which contributions are strongest: by magnitude, or by mean.")
    ] = "magnitude",
    source: Annotated[str | None, typer.Option(help="The layer of the inputs; by default the nearest.")] = None,
    target: Annotated[str | None, typer.Option(help="The layer of the outputs; by default the nearest.")] = None,
    limit: Limit = 5,
    database: DatabaseOption = None,
    model_name: ModelName = None,
    reveal: Reveal = False,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """Show a unit: its labels, measurements, top probes, and strongest inputs and outputs.

    Inputs and outputs are of one layer each, because magnitudes of different layers are not comparable.

    Example: circuits unit 4/2/6/34
    """
    with open_model(database, model_name) as model:
        view, measured = model.unit(name), model.measured
        card, inputs, outputs = view.card, view.inputs(limit, source, by=by), view.outputs(limit, target, by=by)
        versatility, away = model.versatility(view.id), model.away
        probes, words, veil = view.top_probes(limit), view.top_words(limit), model.veil(reveal)
    if as_json:
        adds = {branch: branch_view.id for branch, branch_view in view.branches.items()}
        edges = {"inputs": list(inputs), "outputs": list(outputs)}
        lists = {"examples": list(probes), "words": list(words), "measured": measured, "versatility": list(versatility)}
        printing.show_json(vars(card) | {"adds": adds} | edges | lists)
        return
    printing.show(_facts(view, veil), _top_probes(view, probes, veil.over(view.id)), _top_words(words, veil), wide=wide)
    if card.histogram is not None:
        printing.show(_distribution(card.histogram), wide=wide)
    edges_in, edges_out = _contributions("Inputs", inputs, veil), _contributions("Outputs", outputs, veil)
    printing.show(edges_in, edges_out, versatility_table(versatility), printing.measured(measured), wide=wide)
    if away:
        typer.echo(f"circuits: its versatility is read from the extraction folder. {away}", err=True)


def _facts(view: "UnitView", veil: "Veil") -> printing.TerminalTable:
    """Make a table of what a unit is and what was measured on it."""
    card = view.card
    facts: list[tuple[str, object]] = [("model", card.model), ("labels", veil.over(card.id).labels(card.labels))]
    facts += [(branch, branch_view.id) for branch, branch_view in view.branches.items()]
    facts += [(name, value) for name, value in card.statistics.items() if value is not None]
    if card.histogram is not None:
        facts += [("mean on probes", card.histogram.mean), ("standard deviation", card.histogram.sd)]
    facts.append(("Microscope", view.microscope_url))
    return printing.table(str(card.id), ("", ""), [fact for fact in facts if fact[1] not in (None, "")])


def _top_probes(view: "UnitView", probes: "Sequence[TopProbe]", veil: "Veil") -> printing.TerminalTable:
    """Make a table of the top probes, with a row for each branch."""
    branches, units = dict.fromkeys(probe.branch for probe in probes), view.branches
    veils = {branch: veil.over(units[branch].id) if branch in units else veil for branch in branches}
    rows = [
        (branch, ", ".join(f"{veils[branch].caption(p)} ({p.modality})" for p in probes if p.branch == branch))
        for branch in branches
    ]
    return printing.table("Top probes", ("branch", "probes"), rows)


def _top_words(words: "Iterable[WordResponse]", veil: "Veil") -> printing.TerminalTable:
    """Make a table of the words that drive a unit most."""
    rows = [(veil.over(word.unit).label(word.word), word.value, word.z) for word in words]
    return printing.table("Top words", ("word", "value", "z"), rows)


def _distribution(histogram: "Histogram") -> printing.TerminalTable:
    """Make a table of how a unit's activation is distributed over the probes, with a row for each bin."""
    low, width = histogram.low, (histogram.high - histogram.low) / len(histogram.counts)
    rows = [(low + k * width, low + (k + 1) * width, count) for k, count in enumerate(histogram.counts)]
    return printing.table("Distribution", ("from", "to", "probes"), rows)


def _contributions(title: str, contributions: "Iterable[Contribution]", veil: "Veil") -> printing.TerminalTable:
    """Make a table of inputs, each named by its source, or of outputs, each named by its target."""
    rows = []
    for c in contributions:
        end, labels = (c.source, c.source_labels) if title == "Inputs" else (c.target, c.target_labels)
        ranks = "direct" if c.direct else "", c.rank_in, c.rank_out
        rows.append((end, veil.over(end).labels(labels), c.magnitude, c.mean, c.span, *ranks))
    columns = ("unit", "labels", "magnitude", "mean", "span", "", "rank in", "rank out")
    return printing.table(title, columns, rows, ("unit", "magnitude", "mean", "", "labels"))
