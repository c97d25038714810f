"""Make text from files and databases safe to print, and write accented letters in one way.

A terminal executes some characters as commands, and Unicode has two ways to write a letter with an accent.
"""

import unicodedata

_COMMANDS = {"Cc", "Cf", "Zl", "Zp"}  # control characters, changes of writing direction, line and paragraph ends
_JOINERS = {"\N{ZERO WIDTH JOINER}", "\N{ZERO WIDTH NON-JOINER}"}  # emoji and some scripts need these


def printable(text: str, most: int | None = None, lines: bool = False) -> str:
    """Replace characters that a terminal may execute as commands, and cut the text after `most` characters.

    With `lines`, line ends stay.
    """
    cut = text if most is None or len(text) <= most else f"{text[:most]}..."
    return "".join(letter if _harmless(letter, lines) else "\N{REPLACEMENT CHARACTER}" for letter in cut)


def composed(text: str) -> str:
    """Compose a text's letters (NFC), so that é as one character and é as e plus an accent become the same text."""
    return unicodedata.normalize("NFC", text)


def is_encodable(text: str) -> bool:
    """Check whether a text can be encoded in UTF-8.

    An argument or file name that is not UTF-8 cannot be encoded, because Python reads such bytes as lone surrogates.
    """
    return not any(unicodedata.category(letter) == "Cs" for letter in text)


def _harmless(letter: str, lines: bool) -> bool:
    return unicodedata.category(letter) not in _COMMANDS or letter in _JOINERS or (lines and letter == "\n")
