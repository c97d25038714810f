from pathlib import Path

import pytest

from extract.errors import WordsError
from extract.probes.explicit_words import STARTER, sensitive


@pytest.mark.parametrize(
    "text", ["porn", "PORN", "a nude figure", "nudes", "Fucking!", "shitting", "bloody-wound", "raped"]
)
def test_a_text_with_an_explicit_word_is_sensitive(text: str) -> None:
    assert sensitive(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cat",
        "sunset",
        "assassin",
        "Essex",
        "Scunthorpe",
        "cocktail",
        "peacock",
        "grape",
        "document",
        "title",
        "butter",
        "spices",
    ],
)
def test_a_word_that_only_contains_an_explicit_one_is_not(text: str) -> None:
    assert not sensitive(text)


def test_a_list_of_the_users_own_adds_to_the_starter(tmp_path: Path) -> None:
    own = tmp_path / "own.txt"
    own.write_text("# mine\nSpider # many fear them\n\n")
    assert not sensitive("two spiders")
    assert sensitive("two spiders", [own])
    assert sensitive("porn", [own])


def test_a_list_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WordsError, match=r"absent\.txt cannot be read: No such file"):
        sensitive("cat", [tmp_path / "absent.txt"])


def test_the_starter_list_holds_each_word_once() -> None:
    words = [line for line in STARTER.read_text().splitlines() if not line.startswith("#")]
    assert len(words) == len(set(words))
    assert words == [word.strip().casefold() for word in words]
