"""Escape texts that hold data, because Streamlit reads what it shows as Markdown."""

import re

_MARKUP = re.compile(
    r"(?P<code>`[^`]*`)"
    r"|(?P<mark>[\\`*_\[\]<>#|~$&]|(?<=\])\(|(?<=www)\.|:(?=//|[\w/+-]+[:\[]))"  # colons of addresses, icons, colours
    r"|(?P<break>[\x00-\x1f\x7f-\x9f\u2028\u2029]+)"
)


def plain(text: str) -> str:
    """Escape what Markdown would turn into a picture, a link, a formula, an icon or emphasis.

    A model's name, a concept or a message that quotes one may come from a stranger, and a picture in such a text would
    make the browser call another machine. Text between backticks stays as it is, because Markdown reads nothing in
    code.
    """
    return _MARKUP.sub(lambda match: match["code"] or (f"\\{match['mark']}" if match["mark"] else " "), text)
