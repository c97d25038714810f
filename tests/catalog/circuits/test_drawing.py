import random
from dataclasses import replace
from itertools import combinations
from xml.etree.ElementTree import Element, fromstring

import pytest

from catalog.circuit_view import CircuitView
from catalog.circuits import drawing
from catalog.circuits.circuit import Circuit, CircuitEdge, Node
from catalog.circuits.layout import Position, layout
from catalog.errors import CircuitError
from catalog.hiding.veil import HIDDEN
from extract.units import Layer, Unit

SVG = "{http://www.w3.org/2000/svg}"
PICTURE = "data:image/png;base64,iVBORw0KGgo="


def contributes(source: str, target: str, magnitude: float, mean: float) -> CircuitEdge:
    return CircuitEdge(Unit.parse(source), Unit.parse(target), "CONTRIBUTES", magnitude, mean, 9 * mean, 9, direct=True)


def adds(source: str, target: str, branch: str) -> CircuitEdge:
    return CircuitEdge(Unit.parse(source), Unit.parse(target), "ADDS", 1.0, 1.0, 1.0, 1, direct=True, branch=branch)  # type: ignore[arg-type]


@pytest.fixture
def circuit() -> Circuit:
    """Unit 34 and its two branches; the conv branch with four inputs, the shortcut with its own branches."""
    strengths = ((0.5, 0.1), (0.3, 0.2), (0.4, -0.1), (0.1, -0.05))
    inputs = [contributes(f"4/2/3/{n}", "4/2/5/34", *weight) for n, weight in enumerate(strengths)]
    edges = [
        adds("4/2/5/34", "4/2/6/34", "conv"),
        adds("4/1/6/34", "4/2/6/34", "shortcut"),
        adds("4/1/5/34", "4/1/6/34", "conv"),
        adds("4/0/8/34", "4/1/6/34", "shortcut"),
    ]
    units = (
        Node(Unit.parse("4/2/6/34"), "sum", ("you + wound",)),
        Node(Unit.parse("4/2/5/34"), "conv", ("wound",), sensitive=True),
        *(Node(Unit.parse(unit), "shortcut") for unit in ("4/1/6/34", "4/1/5/34", "4/0/8/34")),
        *(Node(Unit.parse(f"4/2/3/{n}"), "input") for n in range(4)),
    )
    return Circuit("Enrichment circuit of 4/2/6/34", "enrichment", "RN50:openai", units, (*edges, *inputs))


def with_picture(circuit: Circuit) -> Circuit:
    """The same with a picture of its first unit."""
    return replace(circuit, units=(replace(circuit.units[0], picture=PICTURE), *circuit.units[1:]))


def parsed(svg: str) -> Element:
    return fromstring(svg)  # noqa: S314, our own drawing


def edge(svg: str, source: str, target: str) -> tuple[Element, str]:
    """An edge's path and the text on it."""
    (group,) = [
        g for g in parsed(svg).iter(f"{SVG}g") if (g.get("data-source"), g.get("data-target")) == (source, target)
    ]
    path, text = group.find(f"{SVG}path"), group.find(f"{SVG}text")
    assert path is not None
    assert text is not None
    return path, text.text or ""


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in parsed(svg).iter() if element.tag in (f"{SVG}text", f"{SVG}title")]


def test_excitation_is_green_solid_and_plus_inhibition_red_dashed_and_minus(circuit: Circuit) -> None:
    svg = drawing.draw(circuit)
    path, text = edge(svg, "4/2/3/0", "4/2/5/34")
    assert (path.get("stroke"), path.get("stroke-dasharray"), text) == ("#23934a", "none", "+0.5")
    path, text = edge(svg, "4/2/3/2", "4/2/5/34")
    assert (path.get("stroke"), path.get("stroke-dasharray"), text) == ("#cf3a32", "7 4", "\u22120.4")


def test_the_residual_sum_is_grey_and_names_its_branch(circuit: Circuit) -> None:
    path, text = edge(drawing.draw(circuit), "4/1/6/34", "4/2/6/34")
    assert (path.get("stroke"), path.get("stroke-dasharray"), text) == ("#8d8d99", "none", "shortcut")


def test_the_legend_explains_every_kind_of_edge(circuit: Circuit) -> None:
    assert {"+ excitatory", "\u2212 inhibitory", "residual sum, weight 1"} <= set(texts(drawing.draw(circuit)))


def test_width_grows_with_the_magnitude_among_edges_into_the_same_unit(circuit: Circuit) -> None:
    svg = drawing.draw(circuit)
    widths = [float(edge(svg, f"4/2/3/{n}", "4/2/5/34")[0].get("stroke-width", 0)) for n in range(4)]
    assert sorted(widths, reverse=True) == [widths[n] for n in (0, 2, 1, 3)]
    assert len(set(widths)) == 4
    assert max(widths) == 5
    weaker = replace(circuit, edges=tuple(replace(e, magnitude=e.magnitude / 1000) for e in circuit.edges))
    assert edge(drawing.draw(weaker), "4/2/3/0", "4/2/5/34")[0].get("stroke-width") == "5.00"


def test_label_text_stays_text(circuit: Circuit) -> None:
    hostile = "</title><script>alert('1')</script> \" & ]]> <"
    named = replace(circuit, name=hostile, units=(Node(Unit.parse("4/2/6/34"), "sum", (hostile,)), *circuit.units[1:]))
    root = parsed(drawing.draw(named, lambda unit: f"unit?unit={unit}&model=<m>"))
    assert not list(root.iter(f"{SVG}script"))
    assert f"4/2/6/34 {hostile}" in [element.text for element in root.iter(f"{SVG}title")]
    assert root.find(f"{SVG}title").text == hostile  # type: ignore[union-attr]
    assert "unit?unit=4/2/6/34&model=<m>" in [a.get("href") for a in root.iter(f"{SVG}a")]


def test_a_sensitive_unit_keeps_its_label_to_itself_until_revealed(circuit: Circuit) -> None:
    assert not [text for text in texts(drawing.draw(circuit)) if text == "wound" or "4/2/5/34 wound" in text]
    assert "wound" in texts(drawing.draw(circuit, revealed=True))
    assert "you + wound" in texts(drawing.draw(circuit))


def test_a_long_label_is_cut_under_the_picture_and_whole_in_the_tooltip(circuit: Circuit) -> None:
    long = "a label of quite some length, for a label"
    shown = texts(
        drawing.draw(replace(circuit, units=(Node(Unit.parse("4/2/6/34"), "sum", (long,)), *circuit.units[1:])))
    )
    assert f"4/2/6/34 {long}" in shown
    assert long not in shown
    assert [text for text in shown if text.endswith("\u2026") and long.startswith(text[:-1])]


def test_pictures_are_embedded_where_there_are_any(circuit: Circuit) -> None:
    assert not list(parsed(drawing.draw(circuit)).iter(f"{SVG}image"))
    images = list(parsed(drawing.draw(with_picture(circuit))).iter(f"{SVG}image"))
    assert [image.get("href") for image in images] == [PICTURE]


def test_a_picture_makes_no_other_circuit_and_is_in_no_graph(circuit: Circuit) -> None:
    assert with_picture(circuit) == circuit
    assert PICTURE not in repr(with_picture(circuit))
    assert PICTURE not in str(list(with_picture(circuit).graph().nodes(data=True)))


def test_a_notebook_shows_the_same_drawing_behind_the_veil(circuit: Circuit) -> None:
    assert CircuitView(with_picture(circuit))._repr_svg_() == drawing.draw(with_picture(circuit))
    assert "wound" not in CircuitView(circuit)._repr_svg_().replace("you + wound", "")


def test_an_explicit_label_or_name_is_hidden_whoever_said_it(circuit: Circuit) -> None:
    said = replace(
        circuit, name="dildo", units=(Node(Unit.parse("4/2/6/34"), "sum", ("hat", "dildo")), *circuit.units[1:])
    )
    assert "dildo" not in drawing.draw(said)
    assert f"hat, {HIDDEN}" in texts(drawing.draw(said))
    assert "hat, dildo" in texts(drawing.draw(said, revealed=True))


def test_a_unit_without_a_label_shows_what_the_source_calls_it(circuit: Circuit) -> None:
    total, conv, shortcut, *others = circuit.units
    noted = [replace(node, note="you; <b>wound</b>") for node in (total, conv, shortcut)]
    drawn = replace(circuit, units=(*noted, *others))
    assert "4/2/6/34 you + wound" in texts(drawing.draw(drawn))
    assert f"4/2/5/34 {HIDDEN}" in texts(drawing.draw(drawn))
    assert "4/1/6/34 \u201cyou; <b>wound</b>\u201d" in texts(drawing.draw(drawn))
    assert "<b>" not in drawing.draw(drawn)


def test_control_characters_of_a_label_leave_the_drawing_whole(circuit: Circuit) -> None:
    said = replace(
        circuit,
        name="a\x00b",
        units=(Node(Unit.parse("4/2/6/34"), "sum", ("bell\x07 \ufffe \ud800",)), *circuit.units[1:]),
    )
    assert "4/2/6/34 bell\ufffd \ufffd \ufffd" in texts(drawing.draw(said))


def test_those_who_cannot_see_it_are_told_what_it_shows(circuit: Circuit) -> None:
    root = parsed(drawing.draw(circuit))
    assert (root.get("role"), root.findtext(f"{SVG}title")) == ("img", circuit.name)
    told = root.findtext(f"{SVG}desc") or ""
    assert told.startswith("9 units of RN50:openai")
    assert told.endswith("edges: 4 residual sum, 2 excitatory, 2 inhibitory.")


def test_with_addresses_every_unit_is_a_link_with_a_name_from_left_to_right(circuit: Circuit) -> None:
    root = parsed(drawing.draw(circuit, lambda unit: f"unit?unit={unit}"))
    links = list(root.iter(f"{SVG}a"))
    assert root.get("role") == "group"  # an img would hide its links
    assert {link.get("data-unit") for link in links} == {str(node.id) for node in circuit.units}
    assert "4/2/6/34 you + wound" in [link.get("aria-label") for link in links]
    assert f"4/2/5/34 {HIDDEN}" in [link.get("aria-label") for link in links]
    places = layout(circuit)
    order = [places[Unit.parse(link.get("data-unit", ""))] for link in links]
    assert order == sorted(order, key=lambda place: (place.x, place.y))


def test_a_chosen_unit_has_a_bold_frame(circuit: Circuit) -> None:
    root = parsed(drawing.draw(circuit, bold=[Unit.parse("4/2/5/34")]))
    widths = {
        g.get("data-unit"): rect.get("stroke-width")
        for g in root.iter(f"{SVG}g") for rect in g.iter(f"{SVG}rect") if rect.get("class") == "frame"
    }  # fmt: skip
    assert [unit for unit, width in widths.items() if width == max(widths.values(), key=str)] == ["4/2/5/34"]


def test_sixty_units_and_all_their_text_stay_apart_and_inside() -> None:
    generator = random.Random(2)  # noqa: S311
    layers = ("3/4/6", "3/5/6", "4/0/8", "4/1/6", "4/2/5")
    names = [f"{layer}/{channel}" for layer in layers for channel in range(1000, 1012)]
    pairs = [pair for pair in combinations(names, 2) if pair[0][:5] != pair[1][:5] and generator.random() < 0.08]
    edges = tuple(contributes(s, t, generator.random(), generator.uniform(-1, 1)) for s, t in pairs)
    crowd = Circuit(
        "crowd", "random", "m", tuple(Node(Unit.parse(name), "input", ("W" * 26,)) for name in names), edges
    )
    root = parsed(drawing.draw(crowd))
    _, _, width, height = map(float, root.get("viewBox", "").split())
    rects = [
        tuple(float(rect.get(name, 0)) for name in ("x", "y", "width", "height"))
        for g in root.iter(f"{SVG}g") if g.get("data-unit") for rect in g.iter(f"{SVG}rect")
    ]  # fmt: skip
    assert len(rects) == 3 * len(names)
    assert all(x >= 0 and y >= 0 and x + w <= width and y + h <= height for x, y, w, h in rects)
    places = layout(crowd).values()
    assert not [pair for pair in combinations(places, 2) if _overlap(*pair)]


def test_the_order_of_units_and_edges_changes_no_byte(circuit: Circuit) -> None:
    circuit = with_picture(circuit)
    generator, expected = random.Random(0), drawing.draw(circuit)  # noqa: S311
    for _ in range(5):
        first, *others = circuit.units
        shuffled = replace(
            circuit,
            units=(first, *generator.sample(others, len(others))),
            edges=tuple(generator.sample(circuit.edges, len(circuit.edges))),
        )
        assert drawing.draw(shuffled) == expected


def test_edges_are_drawn_in_the_order_of_their_units_names_as_text() -> None:
    sources = ("4/2/3/9", "4/2/3/10", "4/2/3/2")
    units = (Node(Unit.parse("4/2/5/0"), "unit"), *(Node(Unit.parse(source), "input") for source in sources))
    edges = tuple(contributes(source, "4/2/5/0", 1.0, 1.0) for source in sources)
    drawn = parsed(drawing.draw(Circuit("c", "k", "m", units, edges)))
    ends = [g.get("data-source") for g in drawn.iter(f"{SVG}g") if g.get("data-source")]
    assert ends == ["4/2/3/10", "4/2/3/2", "4/2/3/9"]


def test_the_conv_branch_stands_above_the_shortcut_with_all_that_feeds_them(circuit: Circuit) -> None:
    places = layout(circuit)
    conv = [places[Unit.parse(unit)].y for unit in ("4/2/5/34", *(f"4/2/3/{n}" for n in range(4)))]
    shortcut = [places[Unit.parse(unit)].y for unit in ("4/1/6/34", "4/1/5/34", "4/0/8/34")]
    assert max(conv) < min(shortcut)


def test_excitation_stands_above_inhibition_the_strongest_outermost(circuit: Circuit) -> None:
    places = layout(circuit)
    order = sorted((unit for unit in places if unit.layer == Layer(4, 2, 3)), key=lambda unit: places[unit].y)
    assert list(map(str, order)) == ["4/2/3/0", "4/2/3/1", "4/2/3/3", "4/2/3/2"]


def test_every_edge_goes_right_and_no_unit_covers_another() -> None:
    generator = random.Random(1)  # noqa: S311
    names = [f"{stage}/{block}/3/{channel}" for stage in (2, 3) for block in range(3) for channel in range(4)]
    pairs = [pair for pair in combinations(names, 2) if pair[0][:3] < pair[1][:3] and generator.random() < 0.2]
    edges = tuple(contributes(s, t, generator.random(), generator.uniform(-1, 1)) for s, t in pairs)
    places = layout(Circuit("random", "random", "m", tuple(Node(Unit.parse(name), "input") for name in names), edges))
    assert all(places[e.source].x < places[e.target].x for e in edges)
    assert not [pair for pair in combinations(places.values(), 2) if _overlap(*pair)]


def test_two_edges_between_the_same_units_do_not_cover_each_other(circuit: Circuit) -> None:
    both = replace(circuit, edges=(*circuit.edges, contributes("4/1/6/34", "4/2/6/34", 1.0, 0.5)))
    groups = [g for g in parsed(drawing.draw(both)).iter(f"{SVG}g") if g.get("data-source") == "4/1/6/34"]
    curves = {path.get("d") for g in groups for path in g.iter(f"{SVG}path")}
    assert len(curves) == len(groups) == 2


def test_a_lone_unit_is_a_figure_too() -> None:
    svg = drawing.draw(Circuit("One", "neighbourhood", "m", (Node(Unit.parse("1/0/1/0"), "unit"),), ()))
    assert "1/0/1/0" in texts(svg)


def test_edges_in_a_circle_are_refused(circuit: Circuit) -> None:
    with pytest.raises(CircuitError, match="The edges form a loop"):
        drawing.draw(replace(circuit, edges=(*circuit.edges, contributes("4/2/6/34", "4/2/3/0", 1.0, 1.0))))


def _overlap(one: Position, other: Position) -> bool:
    return abs(one.x - other.x) < drawing.SIDE and abs(one.y - other.y) < drawing.SIDE + 40  # with id and label below
