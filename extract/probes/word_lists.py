"""Lists of words to show a network, and random letter strings and anagrams to compare them with."""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from string import ascii_lowercase

import numpy as np
from wordfreq import iter_wordlist

from extract.errors import WordsError
from extract.files import read_text
from extract.printable import composed
from extract.read_report import LeftOut, Reading

Words = tuple[str, ...]

_FEW = 3  # lines of a list of which the first may name columns
_TRIES = 100  # draws for each string, before a length, or a word's anagrams, count as exhausted
_COUNTED = re.compile(r"\S+[\s,;]+(\d{1,18})")  # a line of a list of frequencies
_LETTERS = np.array(list(ascii_lowercase))


def most_common(n: int = 10_000) -> Words:
    """List the n most common English words, the most common first, in lower case and of the letters a to z alone.

    From wordfreq's large list, whose data (to 2021) are frozen, so that everyone has the same. It counts tokens of
    subtitles, news, books, Wikipedia and the web; numbers, contractions and single letters but "a" and "i" are left
    out. Raises WordsError if there are fewer.
    """
    words = dict.fromkeys(word for word in iter_wordlist("en", "large") if re.fullmatch("[a-z]{2,}|[ai]", word))
    if not 1 <= n <= len(words):
        raise WordsError(f"There is no list of {n} words: it can have from 1 to {len(words)}. Ask for so many.")
    return tuple(words)[:n]


def from_file(file: Path) -> Words:
    """Read the words of a file as `read_file` does."""
    return read_file(file)[0]


def read_file(file: Path) -> tuple[Words, Reading]:
    """Read the words of a UTF-8 text file, one a line, without repeats; and how many lines were taken.

    Their letters are composed. Raises WordsError for a file that cannot be read, or holds no word or a number beside
    every word.
    """
    words, left_out = dict[str, None](), list[LeftOut]()
    for number, line in enumerate(_lines(file), start=1):
        if not line or line in words:
            left_out.append(LeftOut(f"line {number}", "it stands there before" if line else "it is empty"))
        else:
            words[line] = None
    if not words:
        raise WordsError(f"{file} holds no word. Write one a line.")
    if first := _counted(tuple(words)):
        raise WordsError(f"{file} holds a number beside every word, such as {first!r}. Give the words alone.")
    return tuple(words), Reading("words", len(words), tuple(left_out))


def _counted(lines: Words) -> str | None:
    """The first line of a list of frequencies, which may stand below the names of its columns; None in other lists."""
    if _is_counted(lines):
        return lines[0]
    names_columns = len(lines) > _FEW and not _COUNTED.fullmatch(lines[0])
    return lines[1] if names_columns and _is_counted(lines[1:]) else None


def _is_counted(lines: Words) -> bool:
    """Whether these are the lines of a list of frequencies: a number ends each, the largest comes first."""
    matches = [_COUNTED.fullmatch(line) for line in lines]
    counts = [int(match[1]) for match in matches if match]
    return 0 < len(counts) == len(lines) and counts[0] > 100 and sorted(counts, reverse=True) == counts


def _lines(file: Path) -> list[str]:
    text = read_text(file, WordsError, "Give a text file in UTF-8, one word a line.")
    return [composed(line.strip()) for line in text.splitlines()]


def letter_strings(
    counts: Mapping[int, int], words: Iterable[str], seed: int = 0, accept: Callable[[str], bool] = lambda text: True
) -> dict[int, Words]:
    """Draw different strings of uniform letters a to z, `counts` of each length, none of them one of the words.

    A string that `accept` refuses is drawn again. A length with fewer possible strings has fewer: "a" and "i" leave 24
    strings of one letter. A seed gives the same strings of a length, whatever the other lengths.
    """
    known = {word.casefold() for word in words}
    return {length: _strings(length, counts[length], known, seed, accept) for length in sorted(counts)}


def _strings(length: int, count: int, known: set[str], seed: int, accept: Callable[[str], bool]) -> Words:
    generator, strings = np.random.default_rng([seed, length]), dict[str, None]()
    for _ in range(_TRIES * count):
        if len(strings) == count:
            break
        text = "".join(generator.choice(_LETTERS, length))
        if text not in known and text not in strings and accept(text):
            strings[text] = None
    return tuple(strings)


def anagrams(
    words: Iterable[str], others: Iterable[str] = (), seed: int = 0, accept: Callable[[str], bool] = lambda text: True
) -> dict[str, str]:
    """Shuffle the letters of each word, by word: none is one of the words or others, in whatever case.

    Capitals, and what is no letter, such as a space, stay in their places. An anagram that `accept` refuses is drawn
    again. Words without one are left out: "a", "aaa", and "no" beside "on". A seed gives the same anagram of a word,
    unless that is one of the other words.
    """
    listed = tuple(words)
    known = {word.casefold() for word in (*listed, *others)}
    shuffled = {word: _anagram(word, known, seed, accept) for word in listed}
    return {word: anagram for word, anagram in shuffled.items() if anagram is not None}


def _anagram(word: str, known: set[str], seed: int, accept: Callable[[str], bool]) -> str | None:
    characters = np.array(list(word))
    letters = [place for place, character in enumerate(word) if character.isalpha()]
    generator = np.random.default_rng([seed, *map(ord, word)])
    for _ in range(_TRIES):
        characters[letters] = generator.permutation(characters[letters])
        text = "".join(map(_in_case_of, characters, word))
        if text.casefold() not in known and accept(text):
            return text
    return None


def _in_case_of(letter: str, model: str) -> str:
    """A letter in upper or lower case as another is; one that has no single other case stays."""
    cased = letter.upper() if model.isupper() else letter.lower() if model.islower() else letter
    return cased if len(cased) == 1 else letter
