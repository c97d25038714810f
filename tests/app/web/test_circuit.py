import re
from collections.abc import Callable
from html import escape

import pytest
from streamlit.testing.v1 import AppTest

from catalog.circuits import saved
from catalog.circuits.circuit import Circuit
from catalog.circuits.editing import expand, without
from catalog.circuits.local import enrichment_circuit, induced_subgraph, neighbourhood
from catalog.circuits.trace import Tracing, backward, forward
from catalog.hiding.veil import HIDDEN
from extract.units import Unit
from tests.app.web.running import MAIN, MODEL, PATIENCE, labels_of, markup, model_store, opened, visited

Trace = Callable[..., Circuit]


def drawn(app: AppTest) -> set[str]:
    """The units in the figure."""
    return set(re.findall(r'<g class="unit \w+" data-unit="([^"]+)"', markup(app)))


def edges(app: AppTest) -> set[tuple[str, str]]:
    return set(re.findall(r'data-source="([^"]+)" data-target="([^"]+)"', markup(app)))


def same(app: AppTest, circuit: Circuit) -> bool:
    return drawn(app) == {str(node.id) for node in circuit.units} and edges(app) == {
        (str(edge.source), str(edge.target)) for edge in circuit.edges
    }


def click(app: AppTest, label: str) -> None:
    (button,) = [button for button in app.button if button.label == label]
    assert not button.disabled
    button.click().run()
    assert not app.exception
    assert not app.error


def chosen(app: AppTest, unit: str) -> None:
    """As a click on the unit in the figure does, which no test without a browser can."""
    app.query_params["chosen"] = unit
    app.run()


def test_a_unit_of_the_address_is_traced(app: AppTest) -> None:
    opened(app, "circuit", unit="4/2/5/17", model=MODEL)
    assert same(app, neighbourhood(model_store(), Unit.parse("4/2/5/17"), 3))


def test_the_kind_the_number_of_edges_and_the_unit_are_chosen_or_stand_in_the_address(app: AppTest) -> None:
    opened(app, "circuit", unit="4/2/6/17", model=MODEL)
    app.segmented_control(key="trace").select("enrichment").run()
    app.slider(key="strongest").set_value(1).run()
    assert same(app, enrichment_circuit(model_store(), Unit.parse("4/2/6/17"), 1))
    app.text_input(key="from").input(" layer4.2.act3:22 ").run()
    assert same(app, enrichment_circuit(model_store(), Unit.parse("4/2/6/22"), 1))
    address = {"unit": "4/2/6/17", "model": MODEL, "trace": "enrichment", "strongest": "2"}
    other = opened(AppTest.from_file(MAIN, default_timeout=PATIENCE), "circuit", **address)
    assert same(other, enrichment_circuit(model_store(), Unit.parse("4/2/6/17"), 2))


def test_a_chosen_unit_is_expanded_and_removed_and_both_are_undone(app: AppTest) -> None:
    opened(app, "circuit", unit="4/2/6/17", model=MODEL, trace="enrichment")
    start = enrichment_circuit(model_store(), Unit.parse("4/2/6/17"), 3)
    chosen(app, "4/1/6/17")
    click(app, "Expand")
    grown = expand(model_store(), start, Unit.parse("4/1/6/17"), 3)
    assert len(grown.units) > len(start.units)
    assert same(app, grown)
    chosen(app, "4/2/5/17")
    click(app, "Remove")
    assert same(app, without(grown, Unit.parse("4/2/5/17")))
    click(app, "Undo all")
    assert same(app, start)


def test_the_address_opens_the_same_view_in_a_fresh_session(app: AppTest) -> None:
    opened(app, "circuit", unit="4/2/6/17", model=MODEL, trace="enrichment", strongest="2")
    chosen(app, "4/1/6/17")
    click(app, "Expand")
    click(app, "Pin")
    chosen(app, "4/2/5/17")
    click(app, "Remove")
    address = dict(app.query_params)
    other = opened(AppTest.from_file(MAIN, default_timeout=PATIENCE), "circuit", **address)
    assert markup(other) == markup(app)
    assert "4/1/6/17" in drawn(other)
    assert "4/2/5/17" not in drawn(other)


def test_pins_stay_in_the_tray_on_the_way_over_other_pages(app: AppTest) -> None:
    opened(app, "circuit", unit="4/2/6/18", model=MODEL)
    for unit in ("4/2/6/18", "4/2/5/18"):
        chosen(app, unit)
        click(app, "Pin")
    opened(app, "home")
    app.switch_page("views/circuit.py").run()
    assert app.query_params["pins"] == "4/2/6/18,4/2/5/18"
    assert {button.key for button in app.button} >= {"unpin 4/2/6/18", "unpin 4/2/5/18"}
    app.button(key="unpin 4/2/6/18").click().run()
    assert app.query_params["pins"] == "4/2/5/18"
    assert "unpin 4/2/6/18" not in {button.key for button in app.button}


def test_what_lies_between_pinned_units_is_traced(app: AppTest) -> None:
    pins = ["4/2/6/19", "4/2/5/19", "4/2/3/2", "4/0/8/3"]
    opened(app, "circuit", model=MODEL, trace="pinned", pins=",".join(pins))
    assert same(app, induced_subgraph(model_store(), map(Unit.parse, pins)))
    assert ("4/2/3/2", "4/2/5/19") in edges(app)


@pytest.mark.parametrize(("kind", "trace"), [("backward", backward), ("forward", forward)])
def test_a_trace_tells_what_part_of_the_influence_it_holds(app: AppTest, kind: str, trace: Trace) -> None:
    unit = "4/2/6/23" if kind == "backward" else "4/2/3/5"
    opened(app, "circuit", unit=unit, model=MODEL, trace=kind, steps="2", strongest="4", keep_units="0.9")
    found = trace(model_store(), Unit.parse(unit), Tracing(2, 4, nodes=0.9))
    assert same(app, found)
    assert escape(found.sentence) in markup(app)
    app.slider(key="steps").set_value(1)
    app.number_input(key="least").set_value(2.0)
    app.slider(key="keep_units").set_value(1.0).run()
    assert same(app, trace(model_store(), Unit.parse(unit), Tracing(1, 4, least=2.0)))


def test_what_means_nothing_for_a_kind_of_circuit_is_grey(app: AppTest) -> None:
    opened(app, "circuit", unit="4/2/6/23", model=MODEL)
    controls = ("steps", "keep_units", "keep_edges")
    assert all(app.slider(key=key).disabled for key in controls)
    app.segmented_control(key="trace").select("backward").run()
    assert not any(app.slider(key=key).disabled for key in controls)


def test_a_trace_by_activity_that_nobody_measured_is_a_message(app: AppTest) -> None:
    opened(app, "circuit", unit="4/2/6/23", model=MODEL, trace="backward")
    app.toggle(key="scaled").set_value(True).run()
    assert not app.exception
    assert "was not measured" in app.error[0].value


def test_a_circuit_is_saved_as_it_is_drawn_opened_again_and_deleted(app: AppTest) -> None:
    name = "<b>what</b> feeds *24*"
    opened(app, "circuit", unit="4/2/6/24", model=MODEL, trace="enrichment")
    chosen(app, "4/2/5/24")
    click(app, "Remove")
    shown = drawn(app)
    app.text_input(key="save as").input(name)
    app.text_input(key="author").input("ada")
    click(app, "Save")
    (kept,) = [circuit for circuit in saved.saved_circuits(model_store()) if circuit.name == name]
    assert (kept.author, kept.units) == ("ada", len(shown))
    assert "&lt;b&gt;what&lt;/b&gt; feeds *24*" in markup(app)
    other = opened(AppTest.from_file(MAIN, default_timeout=PATIENCE), "circuit", model=MODEL, removed="4/2/6/24")
    other.button(key=f"open {name}").click().run()
    assert drawn(other) == shown
    assert other.query_params["saved"] == name
    fresh = opened(AppTest.from_file(MAIN, default_timeout=PATIENCE), "circuit", model=MODEL, trace="saved", saved=name)
    assert drawn(fresh) == shown
    earlier = opened(AppTest.from_file(MAIN, default_timeout=PATIENCE), "circuit", model=MODEL, trace="kept", kept=name)
    assert drawn(earlier) == shown
    fresh.button(key=f"delete {name}").click().run()
    assert name not in {circuit.name for circuit in saved.saved_circuits(model_store())}
    assert not fresh.exception
    assert not fresh.error
    assert "Open one of the saved circuits" in fresh.info[0].value
    (deleted,) = [circuit for circuit in saved.earlier_circuits(model_store()) if circuit.name == name]
    fresh.button(key=f"restore {deleted.version}").click().run()
    assert name in {circuit.name for circuit in saved.saved_circuits(model_store())}
    fresh.button(key=f"delete {name}").click().run()
    assert not fresh.error


def test_an_address_of_a_circuit_that_is_no_longer_saved_is_a_message(app: AppTest) -> None:
    visited(app, "circuit", trace="saved", saved="gone")
    assert "has no saved circuit" in app.error[0].value


def test_a_name_that_is_taken_is_a_message_until_it_is_to_be_replaced(app: AppTest) -> None:
    saved.save(
        model_store(),
        neighbourhood(model_store(), Unit.parse("4/2/5/25"), 1),
        "taken 25",
        "ada",
    )
    opened(app, "circuit", unit="4/2/5/25", model=MODEL)
    app.text_input(key="save as").input("taken 25")
    (button,) = [button for button in app.button if button.label == "Save"]
    button.click().run()
    assert "already has a saved circuit" in app.error[0].value
    app.checkbox(key="replace").check()
    click(app, "Save")
    (kept,) = [circuit for circuit in saved.saved_circuits(model_store()) if circuit.name == "taken 25"]
    saved.remove(model_store(), "taken 25")
    assert kept.units == len(drawn(app))


def test_the_name_of_a_saved_circuit_stays_behind_the_veil(app: AppTest) -> None:
    saved.save(
        model_store(),
        neighbourhood(model_store(), Unit.parse("4/2/5/25"), 1),
        "dildo 25",
        "ada",
    )
    try:
        opened(app, "circuit", model=MODEL, trace="saved")
        assert "dildo" not in markup(app)
        assert "Open one of the saved circuits" in app.info[0].value
        app.toggle(key="reveal").set_value(True).run()
        assert "dildo 25" in markup(app)
    finally:
        saved.remove(model_store(), "dildo 25")


def test_an_empty_tray_says_how_to_fill_it(app: AppTest) -> None:
    opened(app, "circuit", model=MODEL, trace="pinned")
    assert "pin it" in app.info[0].value
    assert any("Pin units" in caption.value for caption in app.caption)


def test_the_chosen_unit_starts_another_trace_and_opens_its_page(app: AppTest) -> None:
    opened(app, "circuit", unit="4/2/6/20", model=MODEL, trace="enrichment", expanded="4/1/6/20")
    chosen(app, "4/2/5/20")
    click(app, "Start here")
    assert same(app, neighbourhood(model_store(), Unit.parse("4/2/5/20"), 3))
    click(app, "Open")
    assert "<h1>4/2/5/20</h1>" in markup(app)


def test_a_unit_that_is_not_in_the_figure_cannot_be_changed(app: AppTest) -> None:
    opened(app, "circuit", unit="4/2/6/20", model=MODEL, chosen="1/0/1/0")
    assert all(button.disabled for button in app.button if button.label in ("Expand", "Remove", "Pin", "Open"))


def test_a_circuit_of_which_all_is_removed_can_be_had_back(app: AppTest) -> None:
    opened(app, "circuit", model=MODEL, trace="pinned", pins="4/2/6/20", removed="4/2/6/20")
    assert "Every unit was removed" in app.info[0].value
    click(app, "Undo all")
    assert drawn(app) == {"4/2/6/20"}


@pytest.mark.parametrize(
    "address",
    [{name: text} for name in ("unit", "pins", "expanded", "removed") for text in ("4/2/6/9999", "cap", "<b>,&")]
    + [{"trace": "enrichment", "unit": "4/2/5/0"}],
    ids=str,
)
def test_an_address_that_names_no_unit_is_a_message_and_no_traceback(app: AppTest, address: dict[str, str]) -> None:
    visited(app, "circuit", **address)
    assert len(app.error) == 1


@pytest.mark.parametrize("address", [{"trace": "nonsense"}, {"strongest": "99"}, {"strongest": "x"}, {"fit": "maybe"}])
def test_a_control_s_value_that_says_nothing_does_no_harm(app: AppTest, address: dict[str, str]) -> None:
    opened(app, "circuit", unit="4/2/6/20", model=MODEL, **address)
    assert same(app, neighbourhood(model_store(), Unit.parse("4/2/6/20"), 3))


def test_sensitive_labels_and_pictures_stay_on_the_server_until_revealed(app: AppTest) -> None:
    opened(app, "circuit", unit="4/2/6/21", model=MODEL, trace="enrichment", pins="4/2/6/21")
    labels_of(app).add(Unit.parse("4/2/6/21"), "gruesome", "ada", sensitive=True)
    app.run()
    hidden = markup(app)
    assert "gruesome" not in hidden
    assert HIDDEN in hidden
    app.toggle(key="reveal").set_value(True).run()
    assert "gruesome" in markup(app)
    pictures = [set(re.findall(r'<image [^>]*href="([^"]+)"', shown)) for shown in (hidden, markup(app))]
    assert len(pictures[0] - pictures[1]) == 1  # the smear of the conv branch's probe


def test_every_format_can_be_saved(app: AppTest) -> None:
    opened(app, "circuit", unit="4/2/6/20", model=MODEL)
    labels = [button.proto.label for button in app.get("download_button")]
    assert labels == ["SVG", "PNG", "PDF", "JSON", "GraphML", "CSV"]
