"""What is hidden until it is asked for: sensitive units, labels, words and pictures.

What is hidden never leaves the server: a label becomes another word, a picture a smear of a few colours.
"""

import base64
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from PIL import Image

from extract.probes.explicit_words import sensitive
from extract.units import Unit
from graph.model_store import ModelStore
from graph.records import Annotation, Depiction, FlagKind, ProbeSummary, TopProbe

HIDDEN = "sensitive"
_GRAIN = 5  # a side of the smear in colours; too few to tell what is shown
_SIDE = 64  # pixels of the smear
_PICTURE = re.compile(r"(?:iVBOR|UklGR)[\w+/]{60}")  # how PNG and WebP begin in base64

Flagged = Mapping[FlagKind, Mapping[str, bool]]


@dataclass(frozen=True)
class Veil:
    """Hides the sensitive, or with `lifted` nothing.

    `texts` are the labels somebody called sensitive, `flags` what somebody said of units, images and words by name. A
    text with an explicit word is hidden whoever said it, unless somebody cleared that word. `closed` hides all.
    """

    lifted: bool = False
    texts: frozenset[str] = frozenset()
    flags: Flagged = field(default_factory=dict)
    closed: bool = False

    @classmethod
    def of(cls, store: ModelStore, lifted: bool = False) -> "Veil":
        """The veil of a model's catalog as people have flagged it by now."""
        flags: dict[FlagKind, dict[str, bool]] = {}
        for flag in store.flags():
            flags.setdefault(flag.kind, {})[flag.name] = flag.sensitive
        return cls(lifted, store.sensitive(), flags)

    def over(self, *units: Unit | str) -> "Veil":
        """The veil over what belongs to these units: closed where one of them is flagged."""
        return replace(self, closed=self.closed or any(self._flag("unit", str(unit)) for unit in units))

    def label(self, text: str) -> str:
        """The label, or a word in its place; nothing in place of nothing."""
        return HIDDEN if text and self.hides(text) else text

    def labels(self, texts: Iterable[str]) -> str:
        """Labels in one line; hidden ones are told once."""
        return ", ".join(dict.fromkeys(map(self.label, texts)))

    def said(self, entry: Annotation, text: str | None) -> str:
        """One of the texts of an annotation: all of one that is sensitive is hidden, or is about a flagged unit."""
        over = self.over(entry.unit)
        return replace(over, closed=over.closed or entry.sensitive).label(text or "")

    def hides(self, text: str) -> bool:
        """Whether this label or word is to be hidden."""
        words = self.flags.get("word", {})
        return not self.lifted and (self.closed or text in self.texts or sensitive(text, flags=words))

    def covers(self, example: TopProbe | ProbeSummary) -> bool:
        """Whether an image is to be hidden: as it is flagged itself, or as a word that is flagged, or as it came."""
        if self.lifted or self.closed:
            return not self.lifted
        own = self._flag("image", example.image)
        if own is not None or example.modality != "word":
            return example.sensitive if own is None else own
        cleared = self._flag("word", example.concept.casefold()) is False
        return self.hides(example.concept) or (example.sensitive and not cleared)

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
        return not self.lifted and (found is not None or sensitive(text, flags=self.flags.get("word", {})))

    def picture(self, example: TopProbe) -> str:
        """An example's thumbnail as the address that an `img` or `image` element takes."""
        return address(blurred(example.thumbnail) if self.covers(example) else example.thumbnail)

    def depiction(self, unit: Unit, found: Depiction) -> str:
        """A unit's feature visualisation, as such an address."""
        hidden = self.over(unit).closed or self._flag("image", f"visualisation/{unit}")
        return address(blurred(found.thumbnail) if hidden and not self.lifted else found.thumbnail)

    def caption(self, example: TopProbe | ProbeSummary) -> str:
        """What an example shows, in a word or two."""
        return HIDDEN if self.covers(example) else self.label(example.concept)

    def _flag(self, kind: FlagKind, name: str) -> bool | None:
        """What somebody said of it last; None where nobody did."""
        return self.flags.get(kind, {}).get(name)


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
