"""Describe in sentences what an extraction's numbers were measured on: method, probes and their count."""

from collections import Counter
from collections.abc import Iterable, Iterator

import pyarrow as pa

from extract.folder.extraction import Extraction
from extract.folder.schemas import TOP_PROBES

_MOST = 6  # names listed before the rest are counted


def measured(extraction: Extraction) -> list[str]:
    """Write a sentence for each kind of measurement in the extraction, in the order of the tables."""
    return [
        *_probes(extraction),
        *_census(extraction),
        *_words(extraction),
        *_modality(extraction),
        *_visualisations(extraction),
    ]


def _probes(extraction: Extraction) -> Iterator[str]:
    columns = ["modality", "split", "source"]
    table = pa.concat_tables([part.select(columns) for part in extraction.parts("probes")] or [_none(columns)])
    if not table.num_rows:
        return
    modality, split, source = (Counter(map(str, table[name].to_pylist())) for name in columns)
    kinds = " and ".join(f"{count:,} {kind}s" for kind, count in sorted(modality.items()))
    yield (
        f"Top probes, shares, overlaps and differences: {table.num_rows:,} probes, {kinds}, from {_listed(source)}. "
        f"Top lists hold at most {TOP_PROBES} of the {split['discovery']:,} discovery probes."
    )


def _census(extraction: Extraction) -> Iterator[str]:
    if not any(extraction.table("census")["verdict"].to_pylist()):
        return
    for row in extraction.table("census_settings").to_pylist():
        yield (
            f"Verdicts, rises and specificities: {row['images']:,} of these probes, {row['pictures']:,} concepts as "
            f"pictures and {row['words']:,} as words, by the settings {row['hash']}."
        )


def _words(extraction: Extraction) -> Iterator[str]:
    table = extraction.table("vocabulary")
    if table.num_rows:
        kinds, settings = Counter(table["kind"].to_pylist()), table["lettering"].unique().to_pylist()
        yield (
            f"Words and their z: {kinds['word']:,} words against {kinds['letters']:,} random letter strings of their "
            f"lengths, set as {_listed(map(str, settings))}."
        )


def _modality(extraction: Extraction) -> Iterator[str]:
    table = extraction.table("modality")
    if table.num_rows:
        words, shuffled, pictures = (table[name][0].as_py() for name in ("n_words", "n_anagrams", "n_pictures"))
        anagrams = "" if shuffled is None else f", {shuffled:,} of them against anagrams"
        yield (
            f"Selectivity and the modality of branches: {words:,} words against random letter strings of their "
            f"lengths{anagrams}, {pictures:,} pictures against the same scrambled."
        )


def _visualisations(extraction: Extraction) -> Iterator[str]:
    if count := extraction.table("visualisations").num_rows:
        yield f"Feature visualisations: {count:,} pictures, one a unit."


def _none(columns: list[str]) -> pa.Table:
    return pa.table({name: pa.array([], pa.string()) for name in columns})


def _listed(names: Iterable[str]) -> str:
    """List the first names in alphabetical order, and count the rest."""
    ordered = sorted(set(names))
    rest = f" and {len(ordered) - _MOST} more" if len(ordered) > _MOST else ""
    return ", ".join(ordered[:_MOST]) + rest
