"""Messages about units and layers, and about paths between them."""

from extract.folder.kernel_support import support
from extract.units import ARCHITECTURES, Layer
from tests.faults.advice.messages import Act, Advice, Table

RN50, LAYER = ARCHITECTURES["RN50"], Layer.parse
PAGE = "https://microscope.openai.com/models/contrastive_4x/image_block_4_2_Add_6_0/34"


def unit(text: str, model: str | None = None) -> Act:
    return lambda: RN50.unit(text, model)


TABLE = Table(
    ("extract.units", "extract.folder.kernel_support"),
    (
        Advice("is not the name of a layer", lambda: LAYER("the last one"), lambda: LAYER("layer4.2.act3")),
        Advice("is not the name of a unit", unit("channel 34"), unit("4/2/6/34")),
        Advice("Use index 1, 3, 5 or 6", unit("4/2/8/34"), unit("4/2/6/34")),
        Advice("is not a sum", lambda: RN50.branches(LAYER("4/2/5")), lambda: RN50.branches(LAYER("4/2/6"))),
        Advice("There is no unit {unit}", unit("4/2/6/2048"), unit("4/2/6/2047")),
        Advice("The address belongs to a unit", unit(PAGE, "RN50:openai"), unit("4/2/6/34", "RN50:openai")),
        Advice("counted from 0, are {shape}", lambda: RN50.layer("4/3/6"), lambda: RN50.layer("4/2/6")),
        Advice(
            "No path leads from",
            lambda: support(RN50, LAYER("4/2/6"), LAYER("4/1/6")),
            lambda: support(RN50, LAYER("4/1/6"), LAYER("4/2/6")),
        ),
    ),
)
