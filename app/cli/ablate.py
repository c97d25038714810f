"""`circuits ablate`: what a part of the network does, seen by taking it away."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from app.cli import printing
from app.cli.network_options import Classes, Network, Pictures, Pretrained, probes_at, prompts
from app.cli.options import Json, Limit, UnitName

if TYPE_CHECKING:
    import numpy as np

    from extract.ablation.part_ablation import Ablation

How = Literal["mean", "resample", "zero"]


def ablate(
    name: UnitName,
    branch: Annotated[
        Literal["conv", "shortcut"] | None, typer.Option(help="What is taken away from a sum's unit.")
    ] = None,
    edge: Annotated[
        str | None, typer.Option(metavar="SOURCE", help="Or what this unit brings it over one convolution.")
    ] = None,
    pictures: Pictures = "demo",
    count: Annotated[int, typer.Option(min=2, help="Of the pictures at most, drawn at random.")] = 64,
    how: Annotated[
        How | None,
        typer.Option(help="What stands in its place; mean and resample if not given, and zero only beside both."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of what is drawn.")] = 0,
    classes: Classes = None,
    network: Network = "demo",
    pretrained: Pretrained = None,
    limit: Limit = 5,
    as_json: Json = False,
) -> None:
    """Take a branch or an edge away from a unit: what that changes of the unit, the embedding and the logits.

    Example: circuits ablate 4/2/6/34 --branch conv
    """
    if (branch is None) == (edge is None):
        raise typer.BadParameter("Name either a --branch or the source of an --edge.")
    from catalog.errors import torch_needed

    with torch_needed():
        from extract.ablation import part_ablation
        from extract.network import parts, weights
        from extract.probes import sample
    live = weights.load_network(network, pretrained)
    unit = live.architecture.unit(name)
    part = parts.SumBranch(unit, branch) if branch else parts.ConvolutionEdge(live.architecture.unit(edge or ""), unit)
    parts.check(live.architecture, part)
    images = sample.random_sample(probes_at(pictures), count, seed)
    methods = (how,) if how else part_ablation.REPLACEMENTS
    result = part_ablation.ablate(live, part, list(images.values()), prompts(live.model, classes), methods, seed)
    content = _rows(result, list(images), limit)
    if as_json:
        printing.show_json(content)
    else:
        printing.show(*printing.sections(f"without {part}", content))


def _rows(ablation: "Ablation", pictures: list[str], limit: int) -> dict[str, list[dict[str, Any]]]:
    """What changes on average, and the classes and pictures for which most does, as rows."""
    import numpy as np  # which the network has loaded

    before, effects = ablation.before, ablation.effects
    average = [
        {
            "in its place": method,
            "pictures": len(pictures),
            "unit before": float(before.unit.mean()),
            "unit changes by": float(effect.unit.mean()),
            "or in size": float(np.abs(effect.unit).mean()),
            "cosine of embeddings": float(effect.cosine.mean()),
            "distance": float(effect.distance.mean()),
            "named otherwise": ablation.changed_answers(method) if ablation.prompts else None,
        }
        for method, effect in effects.items()
    ]
    logits = {method: effect.logits.mean(axis=0) for method, effect in effects.items()}
    units = {method: effect.unit for method, effect in effects.items()}
    return {
        "average": average,
        "logits": _most("class", ablation.prompts, before.logits.mean(axis=0), logits, limit),
        "pictures": _most("picture", pictures, before.unit, units, limit),
    }


def _most(
    kind: str, names: list[str] | tuple[str, ...], before: "np.ndarray", changes: "dict[How, np.ndarray]", limit: int
) -> list[dict[str, Any]]:
    """The things for which most changes, by whichever method, as rows."""
    import numpy as np  # which the network has loaded

    size = np.max([np.abs(change) for change in changes.values()], axis=0)
    return [
        {kind: names[i], "before": float(before[i]), **{name: float(change[i]) for name, change in changes.items()}}
        for i in np.argsort(-size, kind="stable")[:limit].tolist()
    ]
