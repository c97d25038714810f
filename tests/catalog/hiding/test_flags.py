"""Flags on units, images and words: what they hide, that the last one holds, and that they outlive a reload."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.cli import printing
from app.cli.flag import flags_table
from catalog.cards import Gallery
from catalog.circuits import drawing
from catalog.circuits.local import neighbourhood
from catalog.errors import LabelError
from catalog.hiding.flags import Flags
from catalog.hiding.smear import address, smeared
from catalog.hiding.veil import HIDDEN, Veil
from catalog.labels.labels import Labels
from extract.errors import UnknownUnit
from extract.folder.extraction import Extraction
from extract.probes.explicit_words import sensitive
from extract.units import Unit
from graph.loading.load import load
from graph.model_store import ModelStore
from graph.records import Depiction, ProbeSummary, TopProbe
from graph.store import Store
from tests.builders.servers import server_with

MODEL = "random:a"
UNIT, OTHER = "2/1/6/3", "2/1/6/4"


@pytest.fixture(scope="module")
def extraction(random_extraction: Callable[..., Extraction], tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    return random_extraction(tmp_path_factory.mktemp("flags") / "a.extraction", MODEL, 1)


@pytest.fixture(scope="module", params=["embedded", "neo4j"])
def store(request: pytest.FixtureRequest, extraction: Extraction) -> Iterator[ModelStore]:
    """A server that holds the extraction."""
    with server_with(request, extraction) as database:
        yield Store(database).model(MODEL)


def test_flags_hide_what_they_name_until_they_are_cleared_and_outlive_a_reload(
    store: ModelStore, random_extraction: Callable[..., Extraction], tmp_path: Path
) -> None:
    flags, image = Flags(store), store.top_probes(Unit.parse(UNIT))[0]
    Labels(store).add(Unit.parse(UNIT), "hat", "ada")
    said = [flags.set("unit", UNIT, author="ada"), flags.set("image", image.image, author="bob")]
    said.append(flags.set("word", " Hat ", author="cy"))

    for _ in range(2):
        veil = Veil.of(store)
        assert flags.history() == said
        assert veil.over(UNIT).labels(["anything"]) == HIDDEN
        assert veil.over(OTHER).labels(["anything"]) == "anything"
        assert veil.hides_image(image)
        assert veil.label("straw hats") == HIDDEN
        load(random_extraction(tmp_path / "b.extraction", MODEL, 2), store.database, progress=False)

    said += [flags.set("unit", UNIT, False, "ada"), flags.set("image", image.image, False, "ada")]
    said.append(flags.set("word", "hat", False, "ada"))
    veil = Veil.of(store)
    assert veil.over(UNIT).labels(["hat"]) == "hat"
    assert not veil.hides_image(replace(image, modality="picture"))
    assert [(f.kind, f.name, f.sensitive) for f in flags.history()] == [(f.kind, f.name, f.sensitive) for f in said]


def test_what_is_not_there_cannot_be_flagged(store: ModelStore) -> None:
    flags = Flags(store)
    before = flags.history()
    with pytest.raises(UnknownUnit):
        flags.set("unit", "9/9/6/1", author="ada")
    with pytest.raises(LabelError, match="no image 'nowhere'"):
        flags.set("image", "nowhere", author="ada")
    for kind, name in (("sound", "x"), ("word", "  "), ("word", "x" * 201), ("word", "bell\x07")):
        with pytest.raises(LabelError):
            flags.set(kind, name, author="ada")
    assert flags.history() == before


def test_a_flagged_unit_is_hidden_in_a_traced_circuit_and_its_figure(store: ModelStore) -> None:
    unit = Unit.parse("2/1/6/5")
    Labels(store).add(unit, "harmless", "ada")
    assert not neighbourhood(store, unit).unit(unit).sensitive
    Flags(store).set("unit", str(unit), author="ada")
    circuit = neighbourhood(store, unit)
    assert circuit.unit(unit).sensitive
    assert "harmless" not in drawing.draw(circuit)
    assert "harmless" in drawing.draw(circuit, revealed=True)


PICTURE = TopProbe("p1", "picture", "wound", "hand", False, "sum", 1, 1.0, 2.0, "iVBORw0KGgo=")
WORD = replace(PICTURE, image="w1", modality="word", concept="hammer")
WHOLE = {"sum": Unit.parse(UNIT), "shortcut": Unit.parse("2/0/8/3"), "conv": Unit.parse("2/1/5/3")}


@pytest.mark.parametrize(
    ("example", "flags", "hidden"),
    [
        (PICTURE, {}, False),
        (PICTURE, {"image": {"p1": True}}, True),
        (PICTURE, {"image": {"p2": True}}, False),
        (replace(PICTURE, sensitive=True), {}, True),
        (replace(PICTURE, sensitive=True), {"image": {"p1": False}}, False),
        (WORD, {"word": {"hammer": True}}, True),
        (replace(WORD, sensitive=True), {"word": {"hammer": False}}, False),
        (replace(WORD, sensitive=True), {"word": {"anvil": False}}, True),
        (WORD, {"word": {"hammer": True}, "image": {"w1": False}}, False),
        (replace(WORD, concept="porn"), {}, True),
    ],
)
def test_an_image_is_covered_as_itself_was_flagged_or_its_word_or_as_it_came(
    example: TopProbe, flags: dict[str, dict[str, bool]], hidden: bool
) -> None:
    veil = Veil(flags=flags)  # type: ignore[arg-type]
    assert veil.hides_image(example) is hidden
    assert (veil.picture(example) == address(smeared(example.thumbnail))) is hidden
    assert not replace(veil, revealed=True).hides_image(example)
    assert (
        veil.over(UNIT).hides_image(ProbeSummary(example.modality, example.concept, example.image, example.sensitive))
        is hidden
    )


def test_a_word_that_was_cleared_is_shown_although_the_list_has_it_and_a_flagged_one_is_hidden_in_labels() -> None:
    assert sensitive("cock")
    assert not sensitive("the cock crows", flags={"cock": False})
    assert sensitive("bloody cocks", flags={"cock": False})  # the other word stays
    assert sensitive("two hammers", flags={"hammer": True})
    assert not sensitive("porn star", flags={"porn star": False})
    assert Veil(flags={"word": {"hammer": True}}).labels(["hammers", "anvil"]) == f"{HIDDEN}, anvil"


def test_a_label_that_somebody_called_sensitive_stays_hidden_whatever_is_said_of_its_words() -> None:
    assert Veil(texts=frozenset({"wound"}), flags={"word": {"wound": False}}).hides("wound")


def test_the_gallery_hides_all_of_a_flagged_unit_and_a_flagged_branchs_row() -> None:
    examples = [replace(PICTURE, branch=branch, concept=f"a {branch}") for branch in ("sum", "shortcut", "conv")]
    veil = Veil(flags={"unit": {UNIT: True, "2/1/5/3": True}})
    shown = Gallery(veil).branches(WHOLE, examples) + Gallery(veil).facets(WHOLE, ["bowler"], "", examples)
    for word in ("a sum", "a shortcut", "a conv", "bowler"):
        assert word not in shown
    less = Veil(flags={"unit": {"2/1/5/3": True}})
    shown = Gallery(less).branches(WHOLE, examples)
    assert ("a sum" in shown, "a shortcut" in shown, "a conv" in shown) == (True, True, False)
    revealed = Gallery(replace(veil, revealed=True)).branches(WHOLE, examples)
    assert all(word in revealed for word in ("a sum", "a shortcut", "a conv"))


def test_a_depiction_is_hidden_with_its_unit_or_as_an_image() -> None:
    drawn = Depiction(PICTURE.thumbnail, None)
    for flags in ({"unit": {UNIT: True}}, {"image": {f"visualisation/{UNIT}": True}}):
        veil = Veil(flags=flags)  # type: ignore[arg-type]
        assert veil.depiction(Unit.parse(UNIT), drawn) == address(smeared(drawn.thumbnail))
        assert (
            veil.depiction(Unit.parse(OTHER), drawn)
            == replace(veil, revealed=True).depiction(Unit.parse(UNIT), drawn)
            == address(drawn.thumbnail)
        )


def test_the_list_of_flags_does_not_tell_the_words_that_it_hides(
    store: ModelStore, capsys: pytest.CaptureFixture[str]
) -> None:
    Flags(store).set("word", "ghastly", author="ada")
    found = Flags(store).history()
    printing.show(flags_table(found, Veil.of(store)))
    assert "ghastly" not in capsys.readouterr().out
    printing.show(flags_table(found, Veil.of(store, revealed=True)))
    assert "ghastly" in capsys.readouterr().out
