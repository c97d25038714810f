"""Recognise sensitive texts by a short list of words in the package and by the user's own lists."""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from extract.errors import WordsError
from extract.files import read_text

STARTER = Path(__file__).with_name("explicit_words.txt")
_NO_FLAGS: Mapping[str, bool] = MappingProxyType({})
_WORD = re.compile(r"[^\W\d_]+")


def sensitive(text: str, lists: Iterable[Path] = (), flags: Mapping[str, bool] = _NO_FLAGS) -> bool:
    """Check whether a word of the text is on the starter list or one of the `lists`, ignoring case and common endings.

    A list has one word per line; a comment begins with #. `flags` marks words or whole texts, in lower case, as
    sensitive (True) or not (False), and overrides the lists. Raises WordsError for a list that cannot be read.
    """
    if text.casefold() in flags:
        return flags[text.casefold()]
    listed = frozenset[str]().union(*map(_read, (STARTER, *lists)))
    listed = listed.union(word for word, bad in flags.items() if bad) - {w for w, bad in flags.items() if not bad}
    return any(form in listed for word in _WORD.findall(text.casefold()) for form in _forms(word))


def _forms(word: str) -> Iterable[str]:
    """Yield the word and its stems without a common English ending; the ending -er stays, as in butter."""
    yield word
    for ending in ("s", "es", "ed", "ing"):
        if word.endswith(ending):
            stem = word.removesuffix(ending)
            yield stem
            if ending in ("ed", "ing"):
                yield stem + "e"
                if stem[-2:-1] == stem[-1:]:
                    yield stem[:-1]  # a doubled letter, as in -tting


@cache
def _read(file: Path) -> frozenset[str]:
    lines = read_text(file, WordsError, "Name a list of words in UTF-8, one word per line.").casefold().splitlines()
    return frozenset(word for line in lines if (word := line.partition("#")[0].strip()))
