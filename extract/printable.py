"""Make text from files and databases safe to print, and of one form.

Names are data, a terminal takes some letters for commands, and a letter with an accent is written in two ways.
"""

import unicodedata

_COMMANDS = {"Cc", "Cf", "Zl", "Zp"}  # controls, what turns the direction of writing, line and paragraph ends
_JOINERS = {"\N{ZERO WIDTH JOINER}", "\N{ZERO WIDTH NON-JOINER}"}  # parts of emoji and of scripts


def printable(text: str, most: int | None = None, lines: bool = False) -> str:
    """Replace what a terminal may take for a command, but for ends of `lines`; cut the text after `most` letters."""
    cut = text if most is None or len(text) <= most else f"{text[:most]}..."
    return "".join(letter if _harmless(letter, lines) else "\N{REPLACEMENT CHARACTER}" for letter in cut)


def composed(text: str) -> str:
    """The text with its letters composed, so that é in one piece and é of two are one."""
    return unicodedata.normalize("NFC", text)


def is_encodable(text: str) -> bool:
    """Whether a text is Unicode: an argument or a file name that is no UTF-8 holds halves of characters instead."""
    return not any(unicodedata.category(letter) == "Cs" for letter in text)


def _harmless(letter: str, lines: bool) -> bool:
    return unicodedata.category(letter) not in _COMMANDS or letter in _JOINERS or (lines and letter == "\n")
