"""What is hidden until it is asked for: sensitive labels and pictures.

What is hidden never leaves the server: a label becomes another word, a picture a smear of a few colours.
"""

import base64
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from PIL import Image

from extract.sensitive import sensitive
from graph.schema import Example

HIDDEN = "sensitive"
_GRAIN = 5  # a side of the smear in colours; too few to tell what is shown
_SIDE = 64  # pixels of the smear
_PICTURE = re.compile(r"(?:iVBOR|UklGR)[\w+/]{60}")  # how PNG and WebP begin in base64


@dataclass(frozen=True)
class Veil:
    """Hides the sensitive, or with `lifted` nothing; `texts` are the labels somebody called sensitive.

    A text with an explicit word is hidden whoever said it.
    """

    lifted: bool = False
    texts: frozenset[str] = frozenset()

    def label(self, text: str) -> str:
        """The label, or a word in its place."""
        return HIDDEN if self.hides(text) else text

    def labels(self, texts: Iterable[str]) -> str:
        """Labels in one line; hidden ones are told once."""
        return ", ".join(dict.fromkeys(map(self.label, texts)))

    def hides(self, text: str) -> bool:
        """Whether this label or word is to be hidden."""
        return not self.lifted and (text in self.texts or sensitive(text))

    def value(self, value: Any) -> Any:
        """A value of an answer to a query; each text in it that holds what is hidden, or a picture, becomes one word.

        A picture alone does not tell whether it is sensitive, so all are hidden.
        """
        match value:
            case str():
                return HIDDEN if self._within(value) else value
            case list():
                return [self.value(item) for item in value]
            case dict():
                return {name: self.value(item) for name, item in value.items()}
        return value

    def _within(self, text: str) -> bool:
        found = _any_of(self.texts).search(text.casefold()) or _PICTURE.match(text)
        return not self.lifted and (found is not None or sensitive(text))

    def picture(self, example: Example) -> str:
        """An example's thumbnail as the address that an `img` or `image` element takes."""
        return address(example.thumbnail if self.lifted or not example.sensitive else blurred(example.thumbnail))

    def caption(self, example: Example) -> str:
        """What an example shows, in a word or two."""
        return HIDDEN if example.sensitive and not self.lifted else self.label(example.concept)


@lru_cache(maxsize=8)
def _any_of(texts: frozenset[str]) -> re.Pattern[str]:
    """Finds any of these texts where it is no part of a longer word; there may be none."""
    known = "|".join(re.escape(text.casefold()) for text in sorted(texts) if text.strip())
    return re.compile(rf"(?<!\w)(?:{known})(?!\w)" if known else r"(?!)")


def address(thumbnail: str) -> str:
    """A `data:` address of a picture held as base64 text, WebP or PNG."""
    kind = "png" if thumbnail.startswith("iVBOR") else "webp"  # PNG's signature in base64
    return f"data:image/{kind};base64,{thumbnail}"


@lru_cache(maxsize=4096)
def blurred(thumbnail: str) -> str:
    """The picture averaged to a few colours, as base64 text of a large PNG; all grey if it cannot be read."""
    stream = io.BytesIO()
    _grains(base64.b64decode(thumbnail)).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


def _grains(data: bytes) -> Image.Image:
    try:
        with Image.open(io.BytesIO(data)) as picture:
            return picture.convert("RGB").resize((_GRAIN, _GRAIN), Image.Resampling.BOX)
    except OSError:  # no picture, or one cut short
        return Image.new("RGB", (_GRAIN, _GRAIN), "grey")
