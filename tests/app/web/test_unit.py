"""The unit page's overlaps, distribution, edges and their spatial matrix."""

import re
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from extract.expansion.expanded_weights import expanded_weights
from extract.folder.kernel_support import support
from extract.folder.manifest import part
from extract.network.weights import load_network
from extract.units import Architecture, Layer, Unit
from tests.app.web.running import MODEL, anew, markup, model_store, opened, visited
from tests.builders import demo_catalog
from tests.builders.demo_catalog import TARGET
from tests.builders.planted_matrices import planted_matrices
from tests.builders.planted_weights import planted_weights

TITLE = re.compile(r"<title>row (\d+), column (\d+): ([^<]+)</title>")


def edges(app: AppTest, end: int) -> list[str]:
    """The units of the inputs (0) or outputs (1), in their order."""
    found = markup(app).split('<div class="edge heads">')[1 + end]
    return re.findall(r'class="pill" href="[^"]*" data-unit="([^"]*)"', found.split('<div class="figure">')[0])


def test_the_rows_of_the_branches_say_how_much_they_share(app: AppTest) -> None:
    shown = markup(opened(app, "unit", unit="4/2/6/0", model=MODEL))
    assert "62% shared with the sum" in shown
    assert "12% shared with the sum" in shown
    assert "shared with" not in markup(opened(app, "unit", unit="4/2/6/9", model=MODEL))


def test_versatility_is_read_from_the_extraction_folder_at_hand(
    app: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(app, "unit", unit="4/2/3/2", model=MODEL)
    assert "Versatility" not in [part.value for part in app.subheader]
    shape, target = Architecture((1, 1, 1, 3), 1, 64), Layer(4, 2, 5)  # of the planted catalog
    folder = planted_matrices(
        tmp_path / "x", lambda rng, t, s: rng.normal(size=(t, s)), np.ones(32), model=MODEL, shape=shape, target=target
    )
    weights = folder.matrix(Layer(4, 2, 3), target, "mean")
    assert weights is not None
    monkeypatch.setenv("CIRCUITS_EXTRACTIONS", str(tmp_path))
    anew(app, "unit", unit="4/2/3/2", model=MODEL)
    (row,) = app.dataframe[0].value.to_dict("records")
    assert (row["direction"], row["other"], row["n"]) == ("forward", "4/2/5", 32)
    assert row["mean_size"] == pytest.approx(np.abs(weights[:, 2]).mean())
    (folder.path / part("matrices", str(target))).unlink()
    opened(app, "unit", unit="4/2/3/2", model=MODEL)  # the same page again reads nothing
    assert app.dataframe[0].value.to_dict("records") == [row]


def test_the_evidence_is_both_facets_and_the_sum_with_and_without_either_branch(app: AppTest) -> None:
    shown = markup(opened(app, "unit", unit="4/2/6/0", model=MODEL))
    evidence = shown[shown.index('<div class="evidence"') :]
    assert "The shortcut brings picture 0, picture 2." in evidence
    assert "On the conv facet the sum rises +1.50 standard deviations, without the conv branch +0.00." in evidence
    dots = re.findall(r"<title>([^:<]+): ([+-][\d.]+), interval ([+-][\d.]+) to ([+-][\d.]+)</title>", evidence)
    assert dots == [
        ("both branches", "+1.90", "+1.40", "+2.40"),
        ("without conv", "+1.75", "+1.55", "+1.95"),
        ("without the shortcut", "-0.25", "-0.45", "-0.05"),
        ("both branches", "+1.50", "+1.00", "+2.00"),
        ("without conv", "+0.00", "-0.20", "+0.20"),
        ("without the shortcut", "+1.25", "+1.05", "+1.45"),
    ]
    pictures = evidence[: evidence.index("Dots:")].count("<figure>")
    assert pictures == 2  # of either facet the concept whose probe was held out


def test_a_unit_without_ablation_has_its_facets_and_no_dots(app: AppTest) -> None:
    shown = markup(opened(app, "unit", unit="4/2/6/9", model=MODEL))
    assert "The shortcut brings picture 0, picture 2." in shown
    assert 'class="dots"' not in shown
    assert 'class="evidence"' not in markup(opened(app, "unit", unit="4/2/5/9", model=MODEL))


def test_the_distribution_counts_every_probe_and_marks_mean_and_deviations(app: AppTest) -> None:
    shown = markup(opened(app, "unit", unit="4/2/6/0", model=MODEL))
    counts = [int(n) for n in re.findall(r"<title>(\d+) probes from", shown)]
    assert counts == [30, *[0] * 8, 9, *[0] * 9, 1]
    assert re.findall(r'<line class="mean" x1="([\d.]+)"', shown) == ["84.0"]  # 0.3 of 2.0, of 560 pixels
    assert re.findall(r'<line class="deviation" x1="([\d.]+)"', shown) == ["224.0", "364.0", "504.0"]
    assert "40 probes: mean 0.3 (solid line), standard deviation 0.5" in "\n".join(c.value for c in app.caption)


def test_a_distribution_that_is_missing_comes_with_the_command_that_makes_it(app: AppTest) -> None:
    opened(app, "unit", unit="4/2/6/9", model=MODEL)
    assert [code.value for code in app.code] == ["circuits extract planted --pretrained by-hand --probes FOLDER"]


def test_a_unit_inside_a_branch_has_its_own_probes(app: AppTest) -> None:
    shown = markup(opened(app, "unit", unit="4/2/3/2", model=MODEL))
    assert re.findall(r"<b>(unit|sum|shortcut|conv)</b>", shown) == ["unit"]
    assert all(text in shown for text in ("picture 0", "picture 2"))
    assert "Not measured" in markup(opened(app, "unit", unit="4/2/3/1", model=MODEL))


@pytest.mark.parametrize("by", ["magnitude", "mean"])
def test_edges_come_in_the_order_and_from_the_layer_of_the_address(app: AppTest, by: str) -> None:
    opened(app, "unit", unit="4/2/5/1", model=MODEL, order=by, count="3", **{"from": "4/2/3"})
    found = model_store().inputs(Unit.parse("4/2/5/1"), 3, source=Unit.parse("4/2/3/0").layer)
    signs = [str(edge.source) for edge in found if edge.mean > 0], [str(edge.source) for edge in found if edge.mean < 0]
    assert edges(app, 0) == [*signs[0], *signs[1]] != []
    assert app.slider(key="count").value == 3


def test_the_layers_to_choose_are_those_swept(app: AppTest) -> None:
    opened(app, "unit", unit="4/2/5/1", model=MODEL)
    assert app.selectbox(key="from").options == ["4/2/3", "4/0/8"]  # the nearest first
    assert app.selectbox(key="into").options == []
    opened(app, "unit", unit="4/0/8/1", model=MODEL)
    assert app.selectbox(key="into").options == ["4/1/5", "4/1/6", "4/2/5"]
    app.selectbox(key="into").select("4/1/6").run()
    assert {unit.rpartition("/")[0] for unit in edges(app, 0)} == {"4/1/6"}  # it has no inputs, so these come first


def test_an_order_by_mean_sizes_the_bars_by_the_mean(app: AppTest) -> None:
    opened(app, "unit", unit="4/2/5/6", model=MODEL, order="mean")
    assert markup(app).count('style="width:100.0%"') == 1


@pytest.mark.parametrize("address", [{"from": "9/9/9"}, {"order": "size"}, {"count": "many"}, {"edge": "a to b"}])
def test_an_address_that_says_nothing_does_no_harm(app: AppTest, address: dict[str, str]) -> None:
    visited(app, "unit", **{"unit": "4/2/5/1", "model": MODEL, **address})
    assert "4/2/3/7" in markup(app)


def test_the_spatial_matrix_is_the_expanded_weight_and_agrees_with_the_catalog(demo: AppTest) -> None:
    unit = Unit.parse(f"{TARGET}/3")
    opened(demo, "unit", unit=str(unit), model=demo_catalog.MODEL)
    chosen = demo.selectbox(key="edge").options[0]
    demo.selectbox(key="edge").select(chosen).run()
    assert not demo.exception
    source = Unit.parse(chosen.partition(" to ")[0])
    kernel = expanded_weights(load_network("demo"), source, unit).numpy()
    place = support(load_network("demo").architecture, source.layer, unit.layer)
    cells = {(int(r), int(c)): value for r, c, value in TITLE.findall(markup(demo))}
    first = place.rows.start
    assert cells == {(first + r, first + c): f"{value:+.3g}" for (r, c), value in np.ndenumerate(kernel)}
    assert f'aria-label="{chosen}, {kernel.shape[0]} x {kernel.shape[1]} positions"' in markup(demo)
    (told,) = [caption.value for caption in demo.caption if "positions of" in caption.value]
    assert f"magnitude {np.linalg.norm(kernel):.3g}, mean {kernel.mean():+.3g}, as in the catalog" in told
    assert markup(demo).count("url(#negative)") == (kernel < 0).sum()


def test_a_matrix_without_its_weights_says_how_to_get_them(app: AppTest) -> None:
    opened(app, "unit", unit="4/2/5/1", model=MODEL, edge="4/2/3/7 to 4/2/5/1")
    assert app.selectbox(key="edge").value == "4/2/3/7 to 4/2/5/1"
    next(button for button in app.button if button.label.startswith("Load")).click().run()
    assert not app.exception
    assert "There is no model 'planted'" in app.info[0].value


def test_a_matrix_that_an_extraction_folder_holds_needs_no_network(
    app: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted_weights(tmp_path / "weights")
    monkeypatch.setenv("CIRCUITS_EXTRACTIONS", str(tmp_path))
    opened(app, "unit", unit="4/2/5/1", model=MODEL, edge="4/2/3/7 to 4/2/5/1")
    assert TITLE.findall(markup(app)) == [("0", "0", "-8.08")]
    (caption,) = [caption.value for caption in app.caption if "positions of" in caption.value]
    assert "magnitude 8.08, mean -8.08, as in the catalog" in caption
    assert "read from its extraction folder" in caption
    assert not [button for button in app.button if button.label.startswith("Load")]
