from pathlib import Path

import pytest

from extract.errors import WordsError
from extract.probes.word_lists import from_file, most_common, read_file


def test_the_most_common_words_come_first_and_each_once() -> None:
    words = most_common()
    assert len(words) == len(set(words)) == 10_000
    assert words[:4] == ("the", "to", "and", "of")
    assert words[:100] == most_common(100)


def test_words_are_letters_alone_and_single_letters_are_words() -> None:
    words = most_common()
    assert all(word.isascii() and word.isalpha() and word.islower() for word in words)
    assert {word for word in words if len(word) == 1} == {"a", "i"}


@pytest.mark.parametrize("n", [0, 10_000_000])
def test_more_words_than_there_are_or_none_are_refused(n: int) -> None:
    with pytest.raises(WordsError, match=f"A list of {n} words is not possible"):
        most_common(n)


def test_a_file_gives_its_words_once_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("\ufeffcap\n\n  famous \ncafé\ncap\nNew York\n", encoding="utf-8")
    assert from_file(tmp_path / "words.txt") == ("cap", "famous", "café", "New York")


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot be read"), (b"caf\xe9", "cannot be read"), (b"", "no word"), (b" \n\n", "no word")],
)
def test_a_file_without_words_is_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    file = tmp_path / "words.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(WordsError, match=message):
        from_file(file)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_file_in_any_unicode_gives_its_words_with_composed_letters(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "words.txt").write_bytes("caf\u00e9\r\ncafe\u0301\r\nhat\r\n".encode(encoding))
    assert from_file(tmp_path / "words.txt") == ("caf\u00e9", "hat")


def test_a_list_of_frequencies_below_the_names_of_columns_is_refused(tmp_path: Path) -> None:
    (tmp_path / "words.csv").write_text("word,count\nthe,900\nof,800\nand,700\n")
    with pytest.raises(WordsError, match="holds a number beside every word, such as 'the,900'"):
        from_file(tmp_path / "words.csv")
    (tmp_path / "words.csv").write_text("hat\napollo 130\n")
    assert from_file(tmp_path / "words.csv") == ("hat", "apollo 130")


def test_lines_that_are_no_words_of_their_own_are_counted(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("\ufeffcat\r\n\r\ndog\r\ncat\r\n", encoding="utf-8")
    assert str(read_file(tmp_path / "words.txt")[1]) == (
        "words: 4 seen, 2 taken, the rest because it is empty (1), it is a repeat (1)"
    )


def test_a_list_with_a_number_beside_every_word_is_refused(tmp_path: Path) -> None:
    (tmp_path / "freq.txt").write_text("the 22038615\nof 13151942\ncafé 7\n", encoding="utf-8")
    with pytest.raises(WordsError, match="a number beside every word, such as 'the 22038615'"):
        from_file(tmp_path / "freq.txt")
    (tmp_path / "words.txt").write_text("area 51\ncatch 22\n", encoding="utf-8")
    assert from_file(tmp_path / "words.txt") == ("area 51", "catch 22")
    (tmp_path / "words.txt").write_text("route 66\nblink 182\narea 51\ncatch 22\n", encoding="utf-8")
    assert from_file(tmp_path / "words.txt") == ("route 66", "blink 182", "area 51", "catch 22")
