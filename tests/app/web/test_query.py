"""The Query page without a browser: named queries, Cypher of one's own, the veil, saving and removing."""

import csv
import io
from itertools import count
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from catalog.hiding.veil import HIDDEN
from catalog.queries import Queries
from extract.units import Unit
from graph.cypher.built_in import BUILT_IN
from graph.store import Store
from tests.app.web.running import MODEL, database, labels_of, markup, model_store, opened, visited

HOSTILE = "<script>alert(1)</script> ![x](http://127.0.0.1:1/x.png) \u202egnp 👩‍🚀"
RUNAWAY = (
    "MATCH (a:Unit), (b:Unit), (c:Unit), (d:Unit) "
    "WHERE a.channel + b.channel + c.channel + d.channel < 0 RETURN count(*) AS n"
)
_names = (f"page query {n}" for n in count())


def asked(app: AppTest, text: str, **address: Any) -> AppTest:
    """The page with the answer to one's own Cypher; it may show an error."""
    return visited(app, "query", **{"ask": "in Cypher", "cypher": text, **address})


def captions(app: AppTest) -> list[str]:
    return [caption.value for caption in app.caption]


def test_it_opens_on_the_candidates_and_links_them_with_pictures(app: AppTest) -> None:
    opened(app, "query", model=MODEL)
    (table,) = app.dataframe
    assert list(table.value["unit"]) == ["4/2/6/0", "4/2/6/1", "4/2/6/4"]
    assert any(text.startswith("3 rows") for text in captions(app))
    for unit in ("4/2/6/0", "4/1/6/0", "4/2/5/0"):
        assert f'data-unit="{unit}"' in markup(app)
    assert BUILT_IN[0].description in markup(app)


def test_every_named_query_is_there_and_runs_or_says_what_it_needs(app: AppTest) -> None:
    opened(app, "query", model=MODEL)
    assert app.selectbox(key="query").options[: len(BUILT_IN)] == [query.name for query in BUILT_IN]
    for query in BUILT_IN:
        app.selectbox(key="query").select(query.name).run()
        assert not app.exception
        assert not app.error
        assert [told.value for told in app.info] == [] or "needs a value of" in app.info[0].value
        shown = {field.key for field in app.text_input if str(field.key).startswith("$")}
        assert shown == {f"${name}" for name in query.parameters if name != "model"}


def test_a_link_reproduces_query_parameters_and_answer(app: AppTest) -> None:
    opened(app, "query", model=MODEL, query="facet-inputs", **{"$unit": "4/2/6/0", "$strongest": "2"})
    (table,) = app.dataframe
    edges = [
        (branch, str(edge.source))
        for branch, into in (("shortcut", "4/1/6/0"), ("conv", "4/2/5/0"))
        for edge in sorted(
            model_store().inputs(Unit.parse(into), limit=100),
            key=lambda e: (-e.magnitude, str(e.source)),
        )[:2]
    ]
    assert list(zip(table.value["branch"], table.value["source"], strict=True)) == edges
    assert app.text_input(key="$unit").value == "4/2/6/0"


def test_a_parameter_that_is_missing_is_asked_for_and_then_used(app: AppTest) -> None:
    opened(app, "query", model=MODEL, query="facet-inputs")
    assert "unit (a unit of a sum" in app.info[0].value
    assert not app.dataframe
    app.text_input(key="$unit").input("4/2/6/1")
    app.button(key="FormSubmitter:question-Run").click().run()
    assert not app.info
    assert set(app.dataframe[0].value["into"]) == {"4/1/6/1", "4/2/5/1"}


def test_own_cypher_gets_the_model_its_last_sum_and_inputs_for_the_rest(app: AppTest) -> None:
    text = (
        "MATCH (u:Unit {model: $model, layer: $layer}) WHERE u.channel < $below RETURN u.id AS unit ORDER BY u.channel"
    )
    asked(app, text)
    assert "below" in app.info[0].value
    app.text_input(key="$below").input("3")
    app.button(key="FormSubmitter:question-Run").click().run()
    assert list(app.dataframe[0].value["unit"]) == ["4/2/6/0", "4/2/6/1", "4/2/6/2"]
    assert app.query_params["cypher"] == text


def test_rows_end_at_the_limit_and_it_says_so(app: AppTest) -> None:
    asked(app, "MATCH (u:Unit) RETURN u.id AS unit ORDER BY unit", rows="5")
    assert len(app.dataframe[0].value) == 5
    assert any(text.startswith("The first 5 rows; there are more.") for text in captions(app))


@pytest.mark.parametrize(
    "text", ["MATCH (u:Unit) SET u.channel = 0", "CREATE (:Intruder)", "MATCH (u:Unit {id: 'x'}) DETACH DELETE u"]
)
def test_a_write_is_refused_with_a_message_and_changes_nothing(app: AppTest, text: str) -> None:
    asked(app, text)
    assert "only reading is allowed" in app.error[0].value
    assert not app.dataframe
    assert model_store().unit(Unit.parse("4/2/6/3")).channel == 3
    assert database().read("MATCH (i:Intruder) RETURN i") == []


@pytest.mark.parametrize("text", ["MATCHES", f"RETURN {HOSTILE}", "RETURN 1 AS x, 2 AS x", "x" * 10_000])
def test_cypher_in_error_is_a_message_without_picture_or_link(app: AppTest, text: str) -> None:
    asked(app, text)
    assert len(app.error) == 1
    assert "![" not in app.error[0].value


def test_a_query_that_takes_too_long_is_stopped_with_a_message(app: AppTest) -> None:
    asked(app, RUNAWAY, seconds="1")
    assert "was stopped" in app.error[0].value


def test_any_kind_of_value_is_shown_and_comes_down_as_csv(app: AppTest) -> None:
    asked(
        app,
        "UNWIND [1, 2.5, 'text', true, null, [1, 'a'], ['a', 'b'], {a: 1}] AS mixed "
        "MATCH (u:Unit {id: '4/2/6/0'})<-[e:ADDS]-(b) RETURN mixed, u, e, [u, b] AS pair, date('2026-01-02') AS day",
    )
    assert len(app.dataframe[0].value) == 16
    (button,) = app.get("download_button")
    assert button.proto.label == "CSV"


def test_no_rows_are_said(app: AppTest) -> None:
    asked(app, "MATCH (u:Unit {id: 'nowhere'}) RETURN u.id AS unit")
    assert any(text.startswith("0 rows") for text in captions(app))


def test_sensitive_texts_in_an_answer_stay_on_the_server_until_revealed(app: AppTest) -> None:
    unit = Unit.parse("4/2/6/20")
    app.run()
    labels = labels_of(app)
    added = labels.add(unit, "Ghastly thing", "ada", sensitive=True)
    labels.add(unit, "lamp", "ada")
    text = (
        "MATCH (u:Unit {id: '4/2/6/20'})-[:LABELLED]->(l:Label) WITH u, collect(l.text) AS texts "
        "RETURN u.label AS joined, texts, toUpper(u.label) AS upper, u AS node, 'a lamp' AS other"
    )
    asked(app, text)
    (row,) = app.dataframe[0].value.to_dict("records")
    assert (row["joined"], row["upper"], row["other"]) == (HIDDEN, HIDDEN, "a lamp")
    assert sorted(row["texts"]) == ["lamp", HIDDEN]
    assert "ghastly" not in str(row).lower()
    assert "ghastly" not in markup(app).lower()
    app.toggle(key="reveal").set_value(True).run()
    assert app.dataframe[0].value["joined"][0] == "Ghastly thing; lamp"
    for label in labels.current(unit):
        labels.withdraw(unit, label.id, "ada")
    app.toggle(key="reveal").set_value(False).run()
    app.text_area(key="cypher").input("MATCH (a:Annotation {unit: '4/2/6/20'}) RETURN a.text AS text, a.id AS id")
    app.button(key="FormSubmitter:question-Run").click().run()
    hidden = {row["id"]: row["text"] for row in app.dataframe[0].value.to_dict("records")}
    assert hidden[added.id] == HIDDEN  # also when it was taken back


def test_a_query_is_saved_shown_run_and_removed(app: AppTest) -> None:
    name = next(_names)
    asked(app, "RETURN $n + 1 AS x", **{"$n": "41"})
    assert list(app.dataframe[0].value["x"]) == [42]
    save(app, name, f"What <b>it</b> does {HOSTILE}")
    assert not app.error, app.error[0].value
    assert app.selectbox(key="query").value == name
    (saved,) = (query for query in Queries(Store(database())).list() if query.name == name)
    assert (saved.text, dict(saved.defaults), saved.author) == ("RETURN $n + 1 AS x", {"n": 41}, "ada")
    assert "<b>it</b>" not in markup(app)
    assert "&lt;script&gt;" in markup(app)
    opened(app, "query", query=name)
    assert list(app.dataframe[0].value["x"]) == [42]
    (button,) = (button for button in app.button if button.label == "Remove it")
    button.click().run()
    assert not app.error
    assert app.selectbox(key="query").value == BUILT_IN[0].name
    assert name not in {query.name for query in Queries(Store(database())).list()}


def save(app: AppTest, name: str, description: str = "") -> None:
    (field,) = (field for field in app.text_input if field.label == "Name")
    field.input(name)
    (field,) = (field for field in app.text_input if field.label == "What it answers")
    field.input(description)
    app.text_input(key="author").input("ada")
    app.button(key="FormSubmitter:save-Save").click().run()


@pytest.mark.parametrize("name", ["", BUILT_IN[0].name])
def test_a_name_that_will_not_do_is_a_message(app: AppTest, name: str) -> None:
    asked(app, "RETURN 1 AS x")
    save(app, name)
    assert len(app.error) == 1
    assert len(Queries(Store(database())).get(BUILT_IN[0].name).text) > 100


def test_ours_has_no_way_to_remove_it(app: AppTest) -> None:
    opened(app, "query")
    assert "Remove it" not in {button.label for button in app.button}


def test_a_copy_of_a_named_query_can_be_edited(app: AppTest) -> None:
    opened(app, "query", query="chains")
    (button,) = (button for button in app.button if button.label == "Edit a copy")
    button.click().run()
    assert not app.exception
    chains = Queries(Store(database())).get("chains")
    assert app.text_area(key="cypher").value == chains.text.strip()
    assert "layer" in app.info[0].value or app.dataframe or "needs a value" in app.info[0].value


def test_a_link_to_a_query_that_is_gone_shows_the_first(app: AppTest) -> None:
    opened(app, "query", query="long gone")
    assert app.selectbox(key="query").value == BUILT_IN[0].name


def test_csv_holds_the_rows_with_lists_as_json() -> None:
    from app.web.panels.query import as_csv

    rows: list[dict[str, Any]] = [{"a": "x, y", "b": ["p", "q"]}, {"a": None, "b": 1.5}]
    assert list(csv.reader(io.StringIO(as_csv(["a", "b"], rows)))) == [["a", "b"], ["x, y", '["p", "q"]'], ["", "1.5"]]


def test_no_cell_of_the_csv_is_a_formula_or_a_number_that_json_lacks() -> None:
    from app.web.panels.query import as_csv

    rows: list[dict[str, Any]] = [{"=a": "@SUM(1)", "b": [float("inf")], "c": -1.5}]
    assert list(csv.reader(io.StringIO(as_csv(["=a", "b", "c"], rows)))) == [
        ["'=a", "b", "c"],
        ["'@SUM(1)", "[null]", "-1.5"],
    ]


def test_the_schema_lists_every_kind_of_node_and_relationship_that_is_loaded(app: AppTest) -> None:
    opened(app, "query")
    graph = database()
    kinds = {row["kind"] for row in graph.read("MATCH (n) UNWIND labels(n) AS kind RETURN DISTINCT kind")}
    kinds |= {row["kind"] for row in graph.read("MATCH ()-[e]->() RETURN DISTINCT type(e) AS kind")}
    assert len(kinds) > 8
    assert {kind for kind in kinds if f":{kind}" not in markup(app)} == set()
