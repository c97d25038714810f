"""A catalog is opened, asked and filled through one object, and no question goes to the database twice in one run."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import clip_circuits as cc
from catalog import Catalog
from extract.errors import UnknownUnit
from extract.folder.extraction import Extraction
from extract.units import Layer, Unit
from graph.connection.database import Database
from graph.errors import ModelMissing, ServerUnavailable


def test_what_notebooks_import_is_there() -> None:
    assert all(hasattr(cc, name) for name in cc.__all__)
    assert cc.__version__.count(".") == 2
    assert issubclass(UnknownUnit, cc.CircuitsError)


def test_a_catalog_connects_at_its_first_question() -> None:
    with cc.open_catalog("bolt://localhost:1") as catalog:
        assert catalog.url == "bolt://localhost:1"
        with pytest.raises(ServerUnavailable):
            len(catalog.models)


def test_a_catalog_says_what_it_holds(catalog: Catalog, planted: Extraction) -> None:
    assert [card.id for card in catalog.models] == ["planted:by-hand"]
    assert catalog.model("planted:by-hand").card == catalog.models[0]
    assert catalog.capabilities.name == "ArcadeDB"
    assert catalog.migrate() >= 3
    catalog.verify("planted:by-hand")
    with pytest.raises(ModelMissing):
        catalog.model("RN50:openai")


def test_loading_again_leaves_an_open_catalog_usable(catalog: Catalog, planted: Extraction) -> None:
    before = catalog.model()
    card = catalog.load(planted.path, progress=False).card
    assert card == replace(before.card, folder=str(planted.path))  # another worker may have loaded its own copy
    assert before.unit("4/2/6/0").card.channel == 0


def test_a_query_is_a_table(catalog: Catalog) -> None:
    text = "MATCH (u:Unit {layer: $layer}) RETURN u.id AS unit, u.channel AS channel ORDER BY channel LIMIT 3"

    table = catalog.query(text, layer="4/2/6")

    assert table.to_dicts() == [{"unit": f"4/2/6/{n}", "channel": n} for n in range(3)]
    assert list(catalog.query(text, {"layer": "4/2/6"})) == list(table)
    assert list(table.to_pandas().columns) == ["unit", "channel"]
    assert catalog.query("MATCH (u:Unit) RETURN u.id AS unit", limit=2).truncated
    assert "4/2/6/1" in table._repr_html_()


def test_queries_have_names(catalog: Catalog) -> None:
    saved = catalog.queries.save("front", "RETURN $n AS n", defaults={"n": 1}, author="ada")

    assert catalog.queries.get("front") == saved
    assert catalog.queries.run("front").to_dicts() == [{"n": 1}]
    assert catalog.queries.run("front", n=2).to_dicts() == [{"n": 2}]
    catalog.queries.remove("front")
    assert "front" not in {query.name for query in catalog.queries.list()}


def test_inside_a_block_no_question_is_asked_twice(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []
    read = Database._read

    def counted(self: Database, text: str, parameters: dict[str, Any]) -> Any:
        asked.append((text, repr(parameters)))
        return read(self, text, parameters)

    monkeypatch.setattr(Database, "_read", counted)
    with catalog.reading_once():
        for _ in range(2):
            model = catalog.model()
            assert model.unit("4/2/6/0").top_probes()
            assert model.unit("4/2/6/0")._repr_html_()
            assert model.unit("4/2/6/0").enrichment_circuit().svg()
    assert len(asked) == len(set(asked))
    before = len(asked)
    catalog.model()
    assert len(asked) > before


def test_what_is_written_is_seen_inside_a_block(catalog: Catalog) -> None:
    with catalog.reading_once():
        unit = catalog.model().unit("4/2/6/9")
        assert list(unit.labels) == []
        unit.label("seen at once", author="ada")
        assert list(unit.labels) == ["seen at once"]
        unit.undo(author="ada")
        assert list(unit.labels) == []


def test_files_for_neo4j_admin_need_no_database(planted: Extraction, tmp_path: Path) -> None:
    assert "neo4j-admin" in Catalog.export_csv(planted.path, tmp_path / "csv")


def test_an_extraction_is_opened_without_a_catalog(planted: Extraction) -> None:
    extraction = cc.open_extraction(planted.path)

    assert extraction.model == "planted:by-hand"
    assert extraction.table("units").num_rows == sum(planted.layers.values())


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(34), 34),
        (np.bool_(True), True),
        (np.str_("banana"), "banana"),
        (np.arange(3), [0, 1, 2]),
        ([np.int32(1), 2], [1, 2]),
        ({"channel": np.uint8(7)}, {"channel": 7}),
        (pd.Series([1.5, 2.5]), [1.5, 2.5]),
        (Unit.parse("4/2/6/34"), "4/2/6/34"),
        ((Unit.parse("4/2/6/34").layer,), ["4/2/6"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_query_takes_what_notebooks_have_at_hand(catalog: Catalog, value: Any, expected: object) -> None:
    assert catalog.query("RETURN $x AS x", {"x": value})[0]["x"] == expected


def test_the_front_door_takes_numpy_numbers(catalog: Catalog) -> None:
    model, unit = catalog.model(), catalog.model().unit("4/2/5/1")
    two: Any = np.int64(2)
    half: Any = np.float32(0.5)

    assert unit.inputs(limit=two).to_dicts() == unit.inputs(limit=2).to_dicts()
    assert model.labelled(limit=two).to_dicts() == model.labelled(limit=2).to_dicts()
    assert model.search(at_least={"share_exact": half}, limit=two).to_dicts()
    assert model.share_counts(bins=two) == model.share_counts(bins=2)
    assert model.unit(Unit(Layer(4, 2, 6), two)).card.channel == 2
    assert model.unit("4/2/6/9").label("numpy", confidence=half, author="ada").confidence == 0.5
    model.unit("4/2/6/9").undo(author="ada")
