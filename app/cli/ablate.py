"""`circuits ablate`: take a part of the network away, and measure what changes."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from app.cli import printing
from app.cli.network_options import ClassesFile, NetworkOption, Pictures, Pretrained, prompts
from app.cli.options import Json, Limit, UnitName, Wide

if TYPE_CHECKING:
    from catalog import Ablation  # slow to import, and help does without


def ablate(
    name: UnitName,
    branch: Annotated[
        Literal["conv", "shortcut"] | None, typer.Option(help="The branch of a sum's unit that is ablated.")
    ] = None,
    edge: Annotated[
        str | None,
        typer.Option(metavar="SOURCE", help="Ablate what this unit contributes over one convolution instead."),
    ] = None,
    pictures: Pictures = "demo",
    count: Annotated[int, typer.Option(min=2, help="At most so many pictures, drawn at random.")] = 64,
    how: Annotated[
        Literal["mean", "resample", "zero"] | None,
        typer.Option(
            help="What replaces the ablated part; by default mean and resample. Zero is shown together with both."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The seed of the random draw.")] = 0,
    classes: ClassesFile = None,
    network: NetworkOption = "demo",
    pretrained: Pretrained = None,
    limit: Limit = 5,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """Ablate a branch or an edge of a unit; show the change of the unit, the embedding and the logits.

    Example: circuits ablate 4/2/6/34 --branch conv
    """
    if (branch is None) == (edge is None):
        raise typer.BadParameter("Name one part to ablate: a --branch, or the source of an --edge.")
    from catalog import open_network  # slow to import, and help does without

    live, methods = open_network(network, pretrained), {"ways": (how,)} if how else {}
    result = live.ablate(name, branch, edge, pictures, count, classes=prompts(classes), seed=seed, **methods)
    content = _rows(result, limit)
    if as_json:
        printing.show_json(content)
    else:
        printing.show(*printing.sections(f"without {result.part}", content), wide=wide)


def _rows(ablation: "Ablation", limit: int) -> dict[str, list[dict[str, object]]]:
    """Return rows of the average changes, of the classes that change most and of the pictures that change most."""
    average = [
        {
            "in its place": effect.replacement,
            "pictures": len(ablation.images),
            "unit before": float(ablation.before.unit.mean()),
            "unit changes by": effect.unit_change,
            "or in size": effect.unit_size,
            "cosine of embeddings": effect.cosine,
            "distance": effect.distance,
            "named otherwise": effect.changed_answers,
        }
        for effect in ablation.averages
    ]
    prompts, images = ablation.most_changed_prompts(limit), ablation.most_changed_images(limit)
    return {
        "average": average,
        "logits": [{"class": ablation.prompts[c.place], "before": c.before, **c.changes} for c in prompts],
        "pictures": [{"picture": ablation.images[c.place], "before": c.before, **c.changes} for c in images],
    }
