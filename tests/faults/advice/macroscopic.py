"""Messages about contributions between layers that an extraction folder does not hold."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from catalog.macroscopic.macroscopic import Macroscopic
from extract.units import Layer
from tests.builders.planted_matrices import SHAPE, TARGET, planted_matrices
from tests.faults.advice.messages import Act, Advice, Table

SUM = Layer(4, 1, 6)


def claims(act: Callable[[Macroscopic], object], matrices: bool = True) -> Act:
    """Act on a folder with matrices into a conv branch and its sum, or without any."""

    def acting() -> object:
        place = Path(f"with matrices {matrices}")
        scales = np.ones(SHAPE.channels(TARGET))
        return act(Macroscopic(planted_matrices(place, normal, scales, matrices=matrices, others={SUM: normal})))

    return acting


def normal(rng: np.random.Generator, targets: int, sources: int) -> np.ndarray:
    return rng.normal(size=(targets, sources))


TABLE = Table(
    modules=("catalog.macroscopic.contributions", "catalog.macroscopic.stored_multiples"),
    advice=(
        Advice(
            "so only the scaled variant exists",
            claims(lambda those: those.contributions("4/1/3/0", SUM, "forward", "raw")),
            claims(lambda those: those.contributions("4/1/3/0", SUM, "forward", "scaled")),
        ),
        Advice(
            "holds no dense matrices into",
            claims(lambda those: those.comparisons(TARGET, "4/1/3"), matrices=False),
            claims(lambda those: those.comparisons(TARGET, "4/1/3")),
        ),
        Advice(
            "from or into the layer of",
            claims(lambda those: those.small_multiples.of_unit("4/1/3/0"), matrices=False),
            claims(lambda those: those.small_multiples.of_unit("4/1/3/0")),
        ),
    ),
)
