"""Turn an extraction into the steps of a load: its nodes and relationships as Arrow tables."""

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from extract.folder.derived import node_strength, selectivity_difference
from extract.folder.extraction import Extraction
from extract.folder.provenance import measured
from extract.folder.statistics import FINDINGS, STATISTICS, of_table
from extract.units import Layer
from graph.checksums import Checksums
from graph.cypher.loading import RECORD, RELINK
from graph.cypher.saved import TIE_CIRCUITS
from graph.schema import VERSION
from graph.steps import Nodes, Relationships, Statement, Step

CHUNK = 100_000  # rows of relationships in a step

Column = Any  # an Arrow array; pyarrow's stubs have no type that fits all of them

_MODEL, _LAYER, _UNIT = ("Model", "id"), ("Layer", "key"), ("Unit", "key")
_IMAGE, _WORD = ("Image", "key"), ("Word", "key")
_COUNTS = {  # a count that the model's node records -> the kind of row that is counted
    "units": "Unit",
    "images": "Image",
    "words": "Word",
    "adds": "Unit ADDS",
    "edges": "Unit CONTRIBUTES",
    "examples": "Image ACTIVATES",
    "depictions": "Image DEPICTS",
    "readings": "Word ACTIVATES",
}


def folder_of(extraction: Extraction) -> str:
    """Return the extraction's folder as text; the database records it, because dense matrices stay in the folder."""
    return str(extraction.path.resolve())


def content(extraction: Extraction) -> str:
    """Compute a short hash of all that the steps are made from: equal hashes mean equal steps in equal order."""
    manifest = extraction.manifest.model_dump_json(exclude_none=True)  # with the checksum of every table
    source = f"{VERSION} {CHUNK} checksums {manifest}"
    return hashlib.sha256(source.encode()).hexdigest()[:16]


def steps(extraction: Extraction) -> Iterator[Step]:
    """Yield the steps that load a model's whole graph into a database that holds no units of the model yet.

    The model's node must be there already, and people's entries about the model may be. The last step records the
    counts and checksums that the database must then hold.
    """
    manifest, sums, magnitude = extraction.manifest, Checksums(), 0.0
    for step in _content(extraction):
        sums.add_step(step)
        if isinstance(step, Relationships) and step.type == "CONTRIBUTES":
            magnitude += pc.sum(step.table["magnitude"].cast(pa.float64())).as_py()
        yield step
    shape = manifest.model_dump(mode="json", include={"blocks", "width", "image_size", "weights_sha256"})
    counts = {name: sums.rows[kind] for name, kind in _COUNTS.items()} | {"magnitude": magnitude}
    provenance = {"measured": measured(extraction), "checksums": sums.lines, "folder": folder_of(extraction)}
    yield Statement(RECORD, {"model": manifest.model, "properties": shape | counts | provenance})


def _content(extraction: Extraction) -> Iterator[Step]:
    """Yield the steps that write layers, units, edges, images and words.

    Annotations and saved circuits are linked to the new units before these have edges, because a node that gains the
    label :Labelled is moved with all its relationships.
    """
    model = extraction.manifest.model
    yield Nodes("Layer", "key", _layers(extraction))
    yield Relationships("HAS_LAYER", _MODEL, _LAYER, _has_layer(extraction))
    yield Relationships("SWEPT", _LAYER, _LAYER, _sweeps(extraction))
    yield Nodes("Unit", "key", _units(extraction))
    yield Statement(RELINK, {"model": model})
    yield Statement(TIE_CIRCUITS, {"model": model})
    yield Relationships("ADDS", _UNIT, _UNIT, _adds(extraction))
    yield from (Relationships("CONTRIBUTES", _UNIT, _UNIT, table) for table in _contributions(extraction))
    yield Nodes("Image", "key", _images(extraction))
    yield from (Relationships("ACTIVATES", _IMAGE, _UNIT, table) for table in _chunks(_top_probes(extraction)))
    yield Nodes("Image", "key", _visualisations(extraction))
    yield Relationships("DEPICTS", _IMAGE, _UNIT, _depictions(extraction))
    yield Nodes("Word", "key", _words(extraction))
    yield from (Relationships("ACTIVATES", _WORD, _UNIT, table) for table in _chunks(_word_responses(extraction)))


def _layers(extraction: Extraction) -> pa.Table:
    model, architecture = extraction.manifest.model, extraction.manifest.architecture
    return pa.Table.from_pylist([
        {
            "key": f"{model}/{layer}", "id": str(layer), "model": model, "position": position,
            "stage": layer.stage, "block": layer.block, "index": layer.index, "role": layer.role,
            "channels": architecture.channels(layer), "grid": architecture.grid(layer),
        }
        for position, layer in enumerate(architecture.layers)
    ])  # fmt: skip


def _has_layer(extraction: Extraction) -> pa.Table:
    keys = _layers(extraction)["key"]
    columns: dict[str, Any] = {"source": _repeat(extraction.manifest.model, len(keys)), "target": keys}
    return pa.table(columns)


def _sweeps(extraction: Extraction) -> pa.Table:
    table, model = extraction.table("sweeps"), extraction.manifest.model
    rest = table.select([name for name in table.column_names if name not in ("source", "target")])
    return _with_ends(_key(model, table["source"]), _key(model, table["target"]), rest)


def _units(extraction: Extraction) -> pa.Table:
    """Return one row for each unit with all that was measured on it; a number that is not finite becomes null."""
    model, table = extraction.manifest.model, extraction.table("units")
    measured = [
        _measured(extraction, name) for name in ("activity", "evidence", "census", "ablation", "shares", "modality")
    ]
    for further in (*measured, node_strength(extraction), selectivity_difference(extraction)):
        table = table.join(further, ["layer", "channel"], use_threads=False)
    ids = _key(table["layer"], table["channel"])
    columns: dict[str, Any] = {"key": _key(model, ids), "id": ids, "model": _repeat(model, len(ids))}
    columns |= {name: table[name] for name in ("layer", "channel")}
    columns |= {name: _finite(table[name]) for name in STATISTICS}
    columns |= {name: table[name] for name in FINDINGS}
    columns |= _histograms(extraction, ids)
    return pa.table(columns)


def _measured(extraction: Extraction, name: str) -> pa.Table:
    """Return the statistics of a table under the graph's names, with the units' layer and channel."""
    columns = {row.stored: row.name for row in of_table(name)}
    return (
        extraction.table(name)
        .select(["layer", "channel", *columns])
        .rename_columns(["layer", "channel", *columns.values()])
    )


def _histograms(extraction: Extraction, ids: Column) -> dict[str, Column]:
    """Return the histograms of these units, null for units without one.

    They are looked up here, because Arrow cannot join tables that hold lists.
    """
    table = extraction.table("histograms")
    places: Column = pc.index_in(ids, value_set=_key(table["layer"], table["channel"]).combine_chunks())
    histograms = table.take(places)
    return {row.name: histograms[row.stored] for row in of_table("histograms")}


def _finite(column: Column) -> Column:
    return pc.if_else(pc.is_finite(column), column, pa.scalar(None, column.type))


def _adds(extraction: Extraction) -> pa.Table:
    """Return the ADDS relationships: for every sum's unit, one from each of the two branch units that it adds up."""
    model = extraction.manifest.model
    rows = [
        {"source": f"{model}/{layer}/{channel}", "target": f"{model}/{total}/{channel}", "branch": branch}
        for total, channel, branches in _sums(extraction)
        for branch, layer in branches.items()
    ]
    return pa.Table.from_pylist(rows)


def _sums(extraction: Extraction) -> Iterator[tuple[Layer, int, dict[str, Layer]]]:
    """Yield every unit of a sum with the layers of its branches."""
    architecture = extraction.manifest.architecture
    for total in architecture.sums:
        branches = {name: layer for name, layer in architecture.branches(total).items() if name != "sum"}
        yield from ((total, channel, branches) for channel in range(architecture.channels(total)))


def _contributions(extraction: Extraction) -> Iterator[pa.Table]:
    model = extraction.manifest.model
    for part in extraction.parts("edges"):
        for table in _chunks(part):
            source, target = (_key(model, table[end], table[f"{end}_channel"]) for end in ("source", "target"))
            properties = ["magnitude", "mean", "sum", "span", "direct", "rank_in", "rank_out"]
            yield _with_ends(source, target, table.select(properties))


def _chunks(table: pa.Table) -> Iterator[pa.Table]:
    return (table.slice(start, CHUNK) for start in range(0, table.num_rows, CHUNK))


def _images(extraction: Extraction) -> pa.Table:
    """Return the probes that are a unit's top probe, and the held-out probes that show facets.

    Their pictures become base64 text.
    """
    model, probes = extraction.manifest.model, extraction.table("probes")
    top = pc.field("id").isin(pc.unique(_top_rows(extraction)["probe"]))
    probes = probes.filter(top | ((pc.field("split") == "held-out") & pc.field("image").is_valid()))
    columns: dict[str, Any] = {"key": _key(model, probes["id"]), "model": _repeat(model, probes.num_rows)}
    columns |= {name: probes[name] for name in ("id", "modality", "concept", "source", "split", "sensitive")}
    return pa.table(columns | {"thumbnail": _texts(probes["image"])})


def _texts(images: Column) -> Column:
    return pa.array([base64.b64encode(image).decode() for image in images.to_pylist()], pa.string())


def _visualisations(extraction: Extraction) -> pa.Table:
    """Return the feature visualisations of units, with the columns of `_images`."""
    model, table = extraction.manifest.model, extraction.table("visualisations")
    ids = _key("visualisation", table["layer"], table["channel"])
    columns: dict[str, Any] = {"key": _key(model, ids), "model": _repeat(model, len(ids)), "id": ids}
    columns |= {name: _repeat("visualisation", len(ids)) for name in ("modality", "concept", "source", "split")}
    sensitive = pa.array([False] * len(ids), pa.bool_())
    return pa.table(columns | {"sensitive": sensitive, "thumbnail": _texts(table["image"])})


def _depictions(extraction: Extraction) -> pa.Table:
    model, table = extraction.manifest.model, extraction.table("visualisations")
    units = _key(model, table["layer"], table["channel"])
    visualisations = _key(model, "visualisation", table["layer"], table["channel"])
    return _with_ends(visualisations, units, table.select(["share_published"]))


def _top_probes(extraction: Extraction) -> pa.Table:
    model, table = extraction.manifest.model, _top_rows(extraction)
    units = _key(model, table["layer"], table["channel"])
    return _with_ends(_key(model, table["probe"]), units, table.select(["branch", "rank", "value", "z"]))


def _words(extraction: Extraction) -> pa.Table:
    """Return the words that were shown to the network, without the letter strings."""
    model, table = extraction.manifest.model, extraction.table("vocabulary")
    table = table.filter(pc.field("kind") == "word")
    columns: dict[str, Any] = {"key": _key(model, table["text"]), "model": _repeat(model, table.num_rows)}
    return pa.table(columns | {name: table[name] for name in ("text", "length", "lettering")})


def _word_responses(extraction: Extraction) -> pa.Table:
    model, table = extraction.manifest.model, extraction.table("words")
    units = _key(model, table["layer"], table["channel"])
    return _with_ends(_key(model, table["word"]), units, table.select(["value", "z", "word_rank", "unit_rank"]))


def _top_rows(extraction: Extraction) -> pa.Table:
    """Return the rows of top probes; an extraction of an older version has no other rows, and no `kind`."""
    kind = pc.field("kind")
    return extraction.table("examples").filter(kind.is_null() | (kind == "top"))


def _with_ends(source: Column, target: Column, properties: pa.Table) -> pa.Table:
    columns: dict[str, Any] = {name: properties[name] for name in properties.column_names}
    return pa.table({"source": source, "target": target, **columns})


def _key(*parts: str | Column) -> Column:
    texts: list[Any] = [part if isinstance(part, str) else part.cast(pa.string()) for part in parts]
    return pc.binary_join_element_wise(*texts, "/")


def _repeat(text: str, times: int) -> Column:
    return pa.array([text] * times, pa.string())
