"""The tables of an extraction folder: their columns, with the meaning of each column in the table's metadata."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from extract.folder.statistics import of_table
from extract.units import Layer


def _schema(table: str, columns: str, **meanings: str) -> pa.Schema:
    """Make a table's schema from columns written as name:type.

    The meanings of the columns, including those that are statistics, go into the schema's metadata.
    """
    types: dict[str, pa.DataType] = {
        "text": pa.string(),
        "i32": pa.int32(),
        "i64": pa.int64(),
        "f32": pa.float32(),
        "f64": pa.float64(),
        "bool": pa.bool_(),
        "bytes": pa.binary(),
        "i32s": pa.list_(pa.int32()),
        "f32s": pa.list_(pa.float32()),
    }
    named = [column.split(":") for column in columns.split()]
    texts = {row.stored: row.meaning if row.definition is None else row.definition for row in of_table(table)}
    meanings |= {name: text for name, text in texts.items() if text}
    ordered = {name: meanings[name] for name, _ in named if name in meanings}
    return pa.schema([(name, types[kind]) for name, kind in named]).with_metadata(ordered)


def _measured(table: str, *columns: str, **meanings: str) -> pa.Schema:
    """Make the schema of a table with one row per unit: further columns, then the table's statistics."""
    numbers = [f"{row.stored}:{'text' if row.kind == 'text' else 'f32'}" for row in of_table(table)]
    return _schema(table, " ".join(["layer:text", "channel:i32", *columns, *numbers]), **meanings)


SCHEMAS = {
    "units": _measured("units"),
    "edges": _schema(
        "edges",
        "source:text source_channel:i32 target:text target_channel:i32 "
        "magnitude:f32 mean:f32 sum:f32 span:i32 direct:bool rank_in:i32 rank_out:i32",
        direct="one convolution and no other layer between source and target",
    ),
    "sweeps": _schema(
        "sweeps",
        "source:text target:text n:i64 kept:i64 cutoff_magnitude:f32 cutoff_mean:f32 span:i32 direct:bool cut:bool",
        n="unit pairs computed",
        kept="edges kept, the union of the strongest by magnitude and by absolute mean, both directions",
        cutoff_magnitude="no weight of a larger magnitude was left out; 0 where none was",
        cutoff_mean="no weight of a larger absolute mean was left out; 0 where none was",
        cut="the kernel is wider than the map, so the border cuts it, as in the real network",
    ),
    "distributions": _schema(
        "distributions",
        "layer:text channel:i32 other:text direction:text n:i32 "
        "mean:f32 sd:f32 skewness:f32 kurtosis:f32 bimodality:f32 density_at_zero:f32",
        direction="backward: over the other layer's units as sources; forward: as targets",
        sd="of a sample, as are skewness and kurtosis; null, like all that follows from it, where all means are equal",
        kurtosis="excess",
        bimodality="Sarle's coefficient for samples",
        density_at_zero="share of means within a tenth of their standard deviation of zero",
    ),
    "randomised": _schema(
        "randomised",
        "source:text source_channel:i32 target:text means:f32s",
        source="the layer below; a few of its units, evenly spaced, are swept through the network with the weights of "
        "each convolution permuted and its batch norms as they are",
        means="mean expanded weight into every unit of the target, by channel",
    ),
    "probes": _schema(
        "probes",
        "id:text modality:text concept:text source:text split:text sensitive:bool image:bytes",
        modality="picture or word",
        split="discovery or held-out",
        image="WebP, PNG or what the probe came as; null for one that is no example of anything",
    ),
    "contents": _schema("contents", "id:text sha256:text", sha256="of the bytes shown; null for what was not read"),
    "activity": _measured("activity"),
    "flows": _measured("flows"),
    "histograms": _schema(
        "histograms",
        "layer:text channel:i32 low:f32 high:f32 counts:i32s n:i32 mean:f32 sd:f32",
        n="probes",
    ),
    "skipped": _schema("skipped", "id:text reason:text", reason="why the probe could not be read"),
    "evidence": _measured("evidence"),
    "census": _measured("census"),
    "census_settings": _schema(
        "census_settings",
        "settings:text hash:text images:i32 pictures:i32 words:i32",
        settings="what counts as an effect and how sure a verdict must be, as JSON",
        hash="SHA-256 of the settings, its first 16 digits",
        images="probes that were shown",
        pictures="concepts in both splits as pictures",
        words="concepts in both splits as words",
    ),
    "census_variants": _schema(
        "census_variants",
        "layer:text channel:i32 change:text verdict:text unjudged:text",
        change="what is other than in the census: one setting, which images lend, which probes; nothing for the first",
        unjudged="why there is no census with this change; null where there is one",
    ),
    "pairings": _schema(
        "pairings",
        "layer:text number:text stratum:i32 units:i32 as_it_is:f64 paired_anew:f64 sd:f64 p:f64 draws:i32 seed:i32",
        stratum="units whose conv branches are alike in deviation, preference for words and mean; null for all",
        as_it_is="mean over units",
        paired_anew="the same over pairings, every unit with the conv branch of another of its stratum",
        sd="over pairings",
        p="share of pairings whose mean is as high, the true one among them",
    ),
    "ablation": _measured("ablation"),
    "calibration": _schema(
        "calibration",
        "source:text source_channel:i32 target:text target_channel:i32 chosen:text "
        "magnitude:f32 mean:f32 span:i32 slope:f32 zero:f32",
        chosen="strongest: among those of the largest magnitude of the layer pair; random: drawn from the others",
        magnitude="Frobenius norm of the expanded weight",
        mean="of the expanded weight over span; mean times span is what slope and zero would be without any ReLU",
        span="positions of the source's map that can be non-zero",
        slope="least-squares slope, over reference images, of what the target's mean over positions loses where the "
        "source is replaced by its mean on how far the source lies above that mean; null where the source hardly "
        "varies or the target never fires",
        zero="what the target's mean over positions loses on average where the source is replaced by nothing, over the "
        "source's mean; null like slope",
    ),
    "shares": _measured(
        "shares",
        "examples:i32",
        examples="top examples of the sum, which all shares are taken on",
    ),
    "top_100_shares": _schema(
        "top_100_shares",
        "layer:text channel:i32 examples:i32 "
        "share_published:f32 share_exact:f32 share_corrected:f32 share_corrected_low:f32 share_corrected_high:f32",
        examples="top probes of the sum, at most 100, which these shares are taken on",
        share_published="on these, as in evidence; and so the others",
    ),
    "examples": _schema(
        "examples",
        "layer:text channel:i32 branch:text rank:i32 probe:text value:f32 z:f32 kind:text row:i32 column:i32",
        branch="sum, shortcut or conv, listed under the sum's layer; unit for a layer that is none of a sum's",
        rank="place in the list, from 1",
        value="mean over positions, after the ReLU that follows, if one does; an earlier version rounded it to half "
        "precision",
        z="standard deviations above the mean over all probes",
        kind="top: the highest discovery probes, above the mean over all; low: the lowest; middle: the nearest to the "
        "median; random: the same random ones for every unit. Null, of an older version, is top",
        row="of the map's position where the unit is most active on the probe, before a ReLU; from 0",
        column="of the same position",
    ),
    "visualisations": _schema(
        "visualisations",
        "layer:text channel:i32 share_published:f32 image:bytes sha256:text",
        share_published="norm share of the raw shortcut over its sum with raw conv3's on the picture; null for a layer "
        "that is no sum",
        image="WebP, the middle square",
        sha256="of the picture's file; null where an earlier version imported it",
    ),
    "levels": _schema(
        "levels",
        "layer:text channel:i32 branch:text level:f32 tolerance:f32 category:text n:i32 of:i32 "
        "probability:f32 low:f32 high:f32",
        level="activation in standard deviations from the mean over all probes",
        tolerance="how far from the level an image may lie, in standard deviations",
        category="as a person sorted the images drawn at the level",
        n="images in the category",
        of="images sorted at the level",
        probability="n / of",
        low="lower end of Wilson's 95 % interval",
        high="its upper end",
    ),
    "vocabulary": _schema(
        "vocabulary",
        "text:text kind:text length:i32 lettering:text",
        text="each of a kind stands once; the words in the order of the rows in words/",
        kind="word or letters",
        length="characters",
        lettering="how it was set: font, size, colours",
    ),
    "words": _schema(
        "words",
        "word:text layer:text channel:i32 value:f32 z:f32 word_rank:i32 unit_rank:i32",
        value="mean over positions; a sum after its ReLU",
        z="value minus the mean over random letter strings of the word's length, over their standard deviation; null "
        "where the unit does not tell them apart",
        word_rank="place of the word among all words by the unit's value, from 1; null beyond the last one kept",
        unit_rank="place of the unit among its layer's units by the word's z, from 1; null beyond the last one kept",
    ),
    "modality": _schema(
        "modality",
        "layer:text channel:i32 words:f32 pictures:f32 spelling:f32 n_words:i32 n_pictures:i32 n_anagrams:i32",
        n_words="words shown",
        n_pictures="pictures shown",
        n_anagrams="words that have an anagram, which alone are compared with these; null where an earlier version "
        "measured",
    ),
}


EARLIER_COLUMNS = {"evidence": {"reach_shortcut", "reach_conv"}}  # written by earlier versions and no longer read


def per_unit(name: str, layer: Layer, measures: Mapping[str, np.ndarray | list[np.ndarray]]) -> pa.Table:
    """Make a layer's rows of a table with one row per unit; NaN and None become null."""
    schema = SCHEMAS[name]
    columns = {field: pa.array(values, from_pandas=True) for field, values in measures.items()}
    channels = range(len(next(iter(measures.values()))))
    columns |= {"layer": pa.array([str(layer)] * len(channels), pa.string()), "channel": pa.array(channels, pa.int32())}
    return pa.table({field: columns[field] for field in schema.names}).cast(schema)


TOP_PROBES = 16  # per unit: few enough to look at, and enough that one odd probe does not dominate a mean
SHARE_PROBES = 100  # per unit, for the shares that the article asks for
