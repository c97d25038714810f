"""Read lists of words to show to a network."""

import re
from pathlib import Path

from wordfreq import iter_wordlist

from extract.errors import WordsError
from extract.files import read_text
from extract.printable import composed
from extract.read_report import LeftOut, Reading

Words = tuple[str, ...]

_FEW = 3  # only in a list of more lines may the first name columns
_COUNTED = re.compile(r"\S+[\s,;]+(\d{1,18})")  # a line of a list of frequencies: a word and its count


def most_common(n: int = 10_000) -> Words:
    """List the n most common English words, the most common first, in lower case and with only the letters a to z.

    The words come from wordfreq's large list, whose data (to 2021) are frozen, so that everyone gets the same list.
    wordfreq counts tokens of subtitles, news, books, Wikipedia and the web. Numbers, contractions and single letters
    except "a" and "i" are left out. Raises WordsError if there are fewer than n words.
    """
    words = dict.fromkeys(word for word in iter_wordlist("en", "large") if re.fullmatch("[a-z]{2,}|[ai]", word))
    if not 1 <= n <= len(words):
        raise WordsError(f"A list of {n} words is not possible. Choose from 1 to {len(words)} words.")
    return tuple(words)[:n]


def from_file(file: Path) -> Words:
    """Read the words of a file as `read_file` does, and return only the words."""
    return read_file(file)[0]


def read_file(file: Path) -> tuple[Words, Reading]:
    """Read the words of a text file, one per line, without repeats, and report how many lines were taken.

    The letters of words are composed (an accented letter is one character). Raises WordsError for a file that cannot be
    read, holds no word, or holds a number after every word.
    """
    words, left_out = dict[str, None](), list[LeftOut]()
    for number, line in enumerate(_lines(file), start=1):
        if not line or line in words:
            left_out.append(LeftOut(f"line {number}", "it is a repeat" if line else "it is empty"))
        else:
            words[line] = None
    if not words:
        raise WordsError(f"{file} holds no word. Write one word per line.")
    if first := _counted(tuple(words)):
        raise WordsError(f"{file} holds a number beside every word, such as {first!r}. Give the words alone.")
    return tuple(words), Reading("words", len(words), tuple(left_out))


def _counted(lines: Words) -> str | None:
    """Return the first line with a count if the lines are a list of frequencies, else None.

    Such a list may begin with the names of its columns.
    """
    if _is_counted(lines):
        return lines[0]
    names_columns = len(lines) > _FEW and not _COUNTED.fullmatch(lines[0])
    return lines[1] if names_columns and _is_counted(lines[1:]) else None


def _is_counted(lines: Words) -> bool:
    """Check whether these are the lines of a list of frequencies.

    Each line of such a list ends in a number, and the numbers descend from one above 100.
    """
    matches = [_COUNTED.fullmatch(line) for line in lines]
    counts = [int(match[1]) for match in matches if match]
    return 0 < len(counts) == len(lines) and counts[0] > 100 and sorted(counts, reverse=True) == counts


def _lines(file: Path) -> list[str]:
    text = read_text(file, WordsError, "Name a text file in UTF-8 with one word per line.")
    return [composed(line.strip()) for line in text.splitlines()]
