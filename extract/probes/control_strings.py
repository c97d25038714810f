"""Draw the texts that words are compared with: random letter strings, and anagrams."""

from collections.abc import Callable, Iterable, Mapping
from string import ascii_lowercase

import numpy as np

from extract.probes.word_lists import Words

_TRIES = 100  # draws per string before the strings of a length, or a word's anagrams, count as exhausted
_LETTERS = np.array(list(ascii_lowercase))


def letter_strings(
    counts: Mapping[int, int], words: Iterable[str], seed: int = 0, accept: Callable[[str], bool] = lambda text: True
) -> dict[int, Words]:
    """Draw different strings of uniformly random letters a to z, none of them a word; keyed by length.

    `counts` is the number of strings of each length. A string that `accept` refuses is drawn again. A length may get
    fewer strings if no more are possible: if "a" and "i" are words, 24 strings of one letter remain. The same seed
    gives the same strings of a length, whatever the other lengths.
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
    """Shuffle the letters of each word; keyed by word. No anagram is one of the words or others, ignoring case.

    Capitals, and characters that are not letters, such as spaces, stay in their places. An anagram that `accept`
    refuses is drawn again. Words without an anagram are left out, such as "a", "aaa", or "no" if "on" is a word. The
    same seed gives the same anagram of a word, unless this anagram is one of the other words.
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
    """Write a letter in the case of `model`; a letter whose other case is more than one character stays."""
    cased = letter.upper() if model.isupper() else letter.lower() if model.islower() else letter
    return cased if len(cased) == 1 else letter
