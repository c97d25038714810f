"""The tables of an extraction folder: their columns, and in their metadata what these mean."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from extract.units import Layer


def _schema(columns: str, **meanings: str) -> pa.Schema:
    """Columns written as name:type; what needs saying about them goes into the table's metadata."""
    types: dict[str, pa.DataType] = {
        "text": pa.string(),
        "i32": pa.int32(),
        "i64": pa.int64(),
        "f32": pa.float32(),
        "bool": pa.bool_(),
        "bytes": pa.binary(),
        "i32s": pa.list_(pa.int32()),
    }
    named = (column.split(":") for column in columns.split())
    return pa.schema([(name, types[kind]) for name, kind in named]).with_metadata(meanings)


SCHEMAS = {
    "units": _schema(
        "layer:text channel:i32 scale:f32",
        scale="batch norm's gamma over its standard deviation; null for a sum",
    ),
    "edges": _schema(
        "source:text source_channel:i32 target:text target_channel:i32 "
        "magnitude:f32 mean:f32 sum:f32 span:i32 direct:bool rank_in:i32 rank_out:i32",
        magnitude="Frobenius norm of the expanded weight",
        mean="sum over span",
        span="positions of the source's map that can be non-zero",
        direct="one convolution and no other layer between source and target",
        rank_in="place by magnitude among the target's sources in this layer, from 1",
        rank_out="place by magnitude among the source's targets in this layer, from 1",
    ),
    "sweeps": _schema(
        "source:text target:text n:i64 kept:i64 cutoff_magnitude:f32 cutoff_mean:f32 span:i32 direct:bool cut:bool",
        n="unit pairs computed",
        kept="edges kept, the union of the strongest by magnitude and by absolute mean, both directions",
        cutoff_magnitude="no weight of a larger magnitude was left out; 0 where none was",
        cutoff_mean="no weight of a larger absolute mean was left out; 0 where none was",
        cut="the kernel is wider than the map, so the border cuts it, as in the real network",
    ),
    "distributions": _schema(
        "layer:text channel:i32 other:text direction:text n:i32 "
        "mean:f32 sd:f32 skewness:f32 kurtosis:f32 bimodality:f32 density_at_zero:f32",
        direction="backward: over the other layer's units as sources; forward: as targets",
        sd="of a sample, as are skewness and kurtosis; null, like all that follows from it, where all means are equal",
        kurtosis="excess",
        bimodality="Sarle's coefficient for samples",
        density_at_zero="share of means within a tenth of their standard deviation of zero",
    ),
    "probes": _schema(
        "id:text modality:text concept:text source:text split:text sensitive:bool image:bytes",
        modality="picture or word",
        split="discovery or held-out",
        image="WebP, PNG or what the probe came as; null for one that is no example of anything",
    ),
    "activity": _schema(
        "layer:text channel:i32 activity:f32",
        activity="mean over all probes of the unit's mean over positions; of bn1, bn2 and sums after their ReLU, of "
        "conv and downsample without its sign",
    ),
    "flows": _schema(
        "layer:text channel:i32 inflow:f32 inflow_active:f32 outflow:f32",
        inflow="sum of the magnitudes of all direct edges into the unit, kept or not",
        inflow_active="the same, each magnitude times its source's activity",
        outflow="sum of the magnitudes of all direct edges out of the unit, kept or not",
    ),
    "histograms": _schema(
        "layer:text channel:i32 low:f32 high:f32 counts:i32s n:i32 mean:f32 sd:f32",
        low="lowest of the unit's means over positions on all probes, after the ReLU where one follows; there the bins "
        "begin",
        high="the highest; the last bin ends here and holds it",
        counts="probes in each of the bins, which are equally wide; a value between two belongs to the upper one",
        n="probes",
        sd="over the probes; null for a unit that does the same on all of them",
    ),
    "skipped": _schema("id:text reason:text", reason="why the probe could not be read"),
    "evidence": _schema(
        "layer:text channel:i32 share_published:f32 share_exact:f32 share_corrected:f32 overlap:f32 "
        "concept_difference:f32 modality_difference:f32 words_shortcut:f32 words_conv:f32 "
        "reach_shortcut:f32 reach_conv:f32",
        share_published="norm share of the raw shortcut over its sum with raw conv3's, mean over the top examples",
        share_exact="ratio of sums over positions where the sum is positive, on the sum's top examples",
        share_corrected="the same with each branch's mean over all probes taken off",
        overlap="probes among both branches' top examples, over the length of the longer list",
        concept_difference="1 - cosine of the mean embeddings of the branches' top examples",
        modality_difference="absolute difference of the branches' shares of words among their top examples",
        words_shortcut="share of words among the shortcut's top examples",
        words_conv="the same for the conv branch",
        reach_shortcut="mean percentile, among all held-out probes, of the sum after its ReLU on those with the "
        "concepts and modality of the shortcut's top examples, each concept counting once",
        reach_conv="the same for the conv branch",
    ),
    "tests": _schema(
        "layer:text channel:i32 p_concept:f32 p_modality:f32 p_facets:f32 p_reach_shortcut:f32 p_reach_conv:f32 "
        "p:f32 q:f32 undecided:text",
        p_concept="of the difference in concept, against lists whose concepts are exchanged at random",
        p_modality="of the difference in shares of words, against the same",
        p_facets="of either difference: twice the lesser",
        p_reach_shortcut="of the reach of the shortcut's facet, against as many random concepts",
        p_reach_conv="the same for the conv branch's facet",
        p="the largest of the three; null where there is no verdict",
        q="Benjamini and Hochberg's, over the units of the layer that have a p",
        undecided="why no verdict is possible; null where one is",
    ),
    "dissociation": _schema(
        "layer:text channel:i32 concepts:i32 effect_conv:f32 effect_conv_low:f32 effect_conv_high:f32 "
        "effect_shortcut:f32 effect_shortcut_low:f32 effect_shortcut_high:f32 rise_conv:f32 rise_conv_low:f32 "
        "rise_conv_high:f32 rise_shortcut:f32 rise_shortcut_low:f32 rise_shortcut_high:f32 control:f32 shuffled:f32 "
        "verdict:text unproven:text facet_conv:text facet_shortcut:text",
        concepts="of either facet, in neither branch's top examples, whose held-out probes are shown",
        effect_conv="how much more of the sum is lost on the conv branch's facet than on the shortcut's where conv is "
        "replaced by its mean, in standard deviations of the sum",
        effect_conv_low="lower end of its 95 % interval, percentile bootstrap over concepts",
        effect_conv_high="upper end",
        effect_shortcut="the same for the shortcut: how much more is lost on its own facet than on the conv branch's",
        effect_shortcut_low="lower end of its 95 % interval",
        effect_shortcut_high="upper end",
        rise_conv="how far the sum lies above its mean over all probes on the conv branch's facet, in standard "
        "deviations; below nought where the sum discards it",
        rise_conv_low="lower end of its 95 % interval",
        rise_conv_high="upper end",
        rise_shortcut="the same on the shortcut's facet",
        rise_shortcut_low="lower end of its 95 % interval",
        rise_shortcut_high="upper end",
        control="95th percentile of the lesser of both effects in units of like activity, on the same probes",
        shuffled="the same with the concepts of both facets shuffled",
        verdict="supported, contradicted or inconclusive; null where there is none",
        unproven="why there is no verdict; null where there is one",
        facet_conv="the concepts that stand for the conv branch's facet, words in quotation marks",
        facet_shortcut="the same for the shortcut's",
    ),
    "calibration": _schema(
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
    "shares": _schema(
        "layer:text channel:i32 examples:i32 share_corrected_low:f32 share_corrected_high:f32 "
        "overlap_shortcut:f32 overlap_conv:f32",
        examples="top examples of the sum, which all shares are taken on",
        share_corrected_low="lower end of a 95 % interval, percentile bootstrap over the sum's top examples; null for "
        "fewer than two",
        share_corrected_high="its upper end",
        overlap_shortcut="probes among both the sum's and the shortcut's top examples, over the longer list's length",
        overlap_conv="the same for the sum and the conv branch",
    ),
    "examples": _schema(
        "layer:text channel:i32 branch:text rank:i32 probe:text value:f32 z:f32 kind:text row:i32 column:i32",
        branch="sum, shortcut or conv, listed under the sum's layer; unit for a layer that is none of a sum's",
        rank="place in the list, from 1",
        value="mean over positions, to half precision; after the ReLU that follows, if one does",
        z="standard deviations above the mean over all probes",
        kind="top: the highest discovery probes, above the mean over all; low: the lowest; middle: the nearest to the "
        "median; random: the same random ones for every unit. Null, of an older version, is top",
        row="of the map's position where the unit is most active on the probe, before a ReLU; from 0",
        column="of the same position",
    ),
    "visualisations": _schema(
        "layer:text channel:i32 share_published:f32 image:bytes",
        share_published="norm share of the raw shortcut over its sum with raw conv3's on the picture; null for a layer "
        "that is no sum",
        image="WebP, the middle square",
    ),
    "levels": _schema(
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
        "text:text kind:text length:i32 lettering:text",
        text="each of a kind stands once; the words in the order of the rows in words/",
        kind="word or letters",
        length="characters",
        lettering="how it was set: font, size, colours",
    ),
    "words": _schema(
        "word:text layer:text channel:i32 value:f32 z:f32 word_rank:i32 unit_rank:i32",
        value="mean over positions; a sum after its ReLU",
        z="value minus the mean over random letter strings of the word's length, over their standard deviation; null "
        "where the unit does not tell them apart",
        word_rank="place of the word among all words by the unit's value, from 1; null beyond the last one kept",
        unit_rank="place of the unit among its layer's units by the word's z, from 1; null beyond the last one kept",
    ),
    "modality": _schema(
        "layer:text channel:i32 words:f32 pictures:f32 n_words:i32 n_pictures:i32",
        words="2 AUROC - 1 of words against random letter strings of their lengths: 1 where every word drives the unit "
        "more than every string, 0 where neither does, -1 for the reverse",
        pictures="the same for pictures against the same pictures scrambled",
        n_words="words shown",
        n_pictures="pictures shown",
    ),
}


def per_unit(name: str, layer: Layer, measures: Mapping[str, np.ndarray | list[np.ndarray]]) -> pa.Table:
    """A layer's rows of a table that has one a unit, null where a measure is NaN or None."""
    schema = SCHEMAS[name]
    columns = {field: pa.array(values, from_pandas=True) for field, values in measures.items()}
    channels = range(len(next(iter(measures.values()))))
    columns |= {"layer": pa.array([str(layer)] * len(channels), pa.string()), "channel": pa.array(channels, pa.int32())}
    return pa.table({field: columns[field] for field in schema.names}).cast(schema)


TOP_PROBES = 16  # top examples of a unit: few enough to look at, enough that one odd probe does not rule the means
