"""Wrong implementations of the census, made by replacing its parts: does the benchmark catch them?"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np

from extract.enrichment import census, census_measures, contrasts
from extract.enrichment.attribution import Attribution
from extract.enrichment.census_settings import CensusSettings
from extract.enrichment.concept_table import ConceptTable, concept_table
from extract.enrichment.contrasts import WEIGHTS, Contrast, Estimates, Values

Parts = dict[tuple[Any, str], Any]  # (module, name) to what takes its place


def _only(keep: Callable[[Contrast], bool]) -> Parts:
    made = contrasts.contrasts
    return {(census_measures, "contrasts"): lambda settings: [row for row in made(settings) if keep(row)]}


def _one_set_of_images() -> Parts:
    made, variance = concept_table, contrasts._variance

    def same(*arguments: Any) -> ConceptTable:
        table = made(*arguments)
        return ConceptTable(table.discovery, table.discovery)

    return {(census, "concept_table"): same, (contrasts, "_variance"): lambda side, _: variance(side, None)}


def _no_error() -> Parts:
    made = contrasts.estimates

    def certain(values: Values, rows: list[Contrast], before: Values | None = None) -> Estimates:
        measured = made(values, rows, before)
        return replace(measured, error=np.full_like(measured.error, 1e-9)) if before else measured

    return {(census_measures, "estimates"): certain}


def _threshold_as_known() -> Parts:
    made = contrasts.estimates

    def plugged(values: Values, rows: list[Contrast], before: Values | None = None) -> Estimates:
        own = made(values, [Contrast(row.effect, WEIGHTS[row.effect], 0) for row in rows], before)
        return replace(made(values, rows, before), error=own.error, freedom=own.freedom)

    return {(census_measures, "estimates"): plugged}


def _attributed(branch: Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]) -> Parts:
    def attribution(shortcut: np.ndarray, conv: np.ndarray) -> Attribution:
        z = np.maximum(shortcut + conv, 0).mean(axis=2)
        brought = [
            (values - values.mean(axis=0)) / np.maximum(z.std(axis=0), 1e-9) for values in branch(shortcut, conv, z)
        ]
        return Attribution(*brought)

    return {(census, "attribution"): attribution}


def _mean_ablation(shortcut: np.ndarray, conv: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    means = [maps.mean(axis=(0, 2))[:, None] for maps in (shortcut, conv)]
    without = [np.maximum(means[0] + conv, 0).mean(axis=2), np.maximum(shortcut + means[1], 0).mean(axis=2)]
    return z - without[0], z - without[1]


def _verdicts(change: Callable[[np.ndarray], np.ndarray]) -> Parts:
    made = census.verdicts

    def verdicts(columns: dict[str, np.ndarray], settings: CensusSettings) -> dict[str, np.ndarray]:
        judged = made(columns, settings)
        return judged | {"verdict": change(judged["verdict"])}

    return {(census, "verdicts"): verdicts}


PARTS: dict[str, Callable[[], Parts]] = {
    "right": dict,
    "no cross-fitting": _one_set_of_images,
    "no specificity": lambda: _only(lambda row: "specificity" not in row.effect),
    "no size": lambda: _only(lambda row: "rise" not in row.effect),
    "no rho": dict,
    "no distance": dict,
    "no covariates": dict,
    "no majority": lambda: _only(lambda row: "majority" not in row.effect),
    "no recurrence": lambda: {(census, "fails_to_recur"): lambda verdict, _: np.zeros(len(verdict), bool)},
    "point estimates": _no_error,
    "threshold as known": _threshold_as_known,
    "no correction": lambda: {(census, "corrected"): lambda p, method="bh": p},
    "all else is not": lambda: _verdicts(lambda v: np.where(v == "open", "not enriched", v).astype(object)),
    "always open": lambda: _verdicts(lambda v: np.full(len(v), "open", object)),
    "mean ablation": lambda: _attributed(_mean_ablation),
    "raw branches": lambda: _attributed(lambda r, b, _: (r.mean(axis=2), b.mean(axis=2))),
}
SETTINGS = {
    "no rho": CensusSettings(rho=0),
    "no distance": CensusSettings(apart=-1),
    "no covariates": CensusSettings(explained=np.inf),
}


@contextmanager
def implemented(name: str) -> Iterator[CensusSettings]:
    """Replace parts of the census by those of a wrong implementation while the block runs; yield its settings."""
    with ExitStack() as stack:
        for (module, attribute), part in PARTS[name]().items():
            stack.enter_context(patch.object(module, attribute, part))
        yield SETTINGS.get(name, census.DEFAULT)


def completeness(shortcut: np.ndarray, conv: np.ndarray) -> float:
    """Return how far both branches' attributions miss the sum: root mean square, in the sum's standard deviations."""
    brought = vars(census)["attribution"](shortcut, conv)  # or what takes its place
    z = np.maximum(shortcut.astype(float) + conv, 0).mean(axis=2)
    missed = brought.shortcut + brought.conv - (z - z.mean(axis=0)) / z.std(axis=0)
    return float(np.sqrt((missed**2).mean()))
