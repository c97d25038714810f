"""The table of a census: its columns, their meanings, and the plain names of weakest links."""

import numpy as np
import pyarrow as pa

from extract.enrichment.census_probes import CensusProbes
from extract.enrichment.census_settings import CensusSettings
from extract.enrichment.contrasts import EFFECTS

LINKS = {
    "rise_shortcut": "the sum rises on the shortcut facet",
    "rise_conv": "the sum rises on the conv facet",
    "specificity_shortcut": "the shortcut brings its facet rather than conv's",
    "specificity_conv": "conv brings its facet rather than the shortcut's",
    "majority_shortcut": "the shortcut facet comes over the shortcut",
    "majority_conv": "the conv facet comes over conv",
    "distance": "the facets lie apart",
    "low_level_shortcut": "no covariate explains the shortcut facet",
    "low_level_conv": "no covariate explains the conv facet",
    "promising": "all of it holds on discovery probes, too",
    "recurrence": "it recurs where other vendors and fonts are held out",
}
MEANINGS = {
    "verdict": "enriched, not enriched, facets alike or open",
    "low_level": "one covariate explains most of a facet",
    "low_level_shortcut": "one explains most of the shortcut facet",
    "low_level_conv": "one explains most of the conv facet",
    "weakest_link": "what is least certain of all that an enriched unit must fulfil; of one not enriched, what fails",
    "k": "concepts of either facet",
    "rise_shortcut": "of the sum on the shortcut facet, in its standard deviations, as all effects",
    "rise_conv": "of the sum on the conv facet",
    "specificity_shortcut": "what the shortcut brings on its facet, less what it brings on conv's",
    "specificity_conv": "what conv brings on its facet, less what it brings on the shortcut's",
    "majority_shortcut": "what the shortcut brings on its facet, less what conv brings there",
    "majority_conv": "what conv brings on its facet, less what the shortcut brings there",
    "recurrence": "share of the ways to hold out vendors and fonts in which the unit has this verdict",
    "ways": "to hold out vendors and fonts",
    "p": "largest of all tests",
    "q": "of p over the units that discovery probes call promising, by Benjamini and Hochberg; 1 of the others",
    "q_by": "the same by Benjamini and Yekutieli",
    "p_not_enriched": "of the contrast that is weakest on discovery probes, against its being positive",
    "q_not_enriched": "of that p over the units, by Benjamini and Hochberg",
    "q_not_enriched_by": "of that p, by Benjamini and Yekutieli",
    "distance": "mean 1 - cosine of pairs over both facets, over that of random pairs of the same modalities",
    "word_share_difference": "between the facets",
    "explained_shortcut": "part of the shortcut facet that its best covariate explains",
    "explained_conv": "part of the conv facet that its best covariate explains",
}
_BOUNDED = (*EFFECTS, "distance")


def _schema() -> pa.Schema:
    numbers = [f"{name}{end}" for name in _BOUNDED for end in ("", "_low", "_high")]
    numbers += ["word_share_difference", "p", "q", "q_by", "p_not_enriched", "q_not_enriched", "q_not_enriched_by"]
    numbers += ["explained_shortcut", "explained_conv"]
    types: dict[str, pa.DataType] = {"verdict": pa.string(), "low_level": pa.bool_(), "weakest_link": pa.string()}
    types |= {"k": pa.int32(), "ways": pa.int32()}
    types |= dict.fromkeys([*numbers, "recurrence"], pa.float64())
    types |= {f"low_level_{branch}": pa.bool_() for branch in ("shortcut", "conv")}
    types |= {f"covariate_{branch}": pa.string() for branch in ("shortcut", "conv")}
    types |= {f"concepts_{branch}": pa.list_(pa.string()) for branch in ("shortcut", "conv")}
    return pa.schema(types)


SCHEMA = _schema()


def as_table(columns: dict[str, np.ndarray], probes: CensusProbes, settings: CensusSettings) -> pa.Table:
    """Make a table of one row per unit; its metadata holds settings, their hash, the probes and column meanings."""
    metadata = {"settings": settings.json, "settings_hash": settings.hash, "probes": probes.text} | MEANINGS
    names = probes.concepts.names
    columns = columns | {f"concepts_{b}": _named(names, columns[f"places_{b}"]) for b in ("shortcut", "conv")}
    arrays = [pa.array(columns[field.name].tolist(), field.type) for field in SCHEMA]
    return pa.table(arrays, schema=SCHEMA.with_metadata(metadata))


def _named(names: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Look up the names of the concepts at each unit's places, an array of lists (units,)."""
    rows = np.empty(len(places), object)
    rows[:] = [names[own].tolist() for own in places]
    return rows
