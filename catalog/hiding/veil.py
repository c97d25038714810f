"""Hide sensitive units, labels, words and pictures until somebody asks to see them.

What is hidden never leaves the server: a word stands in place of a label, a smear of a few colours in place of a
picture.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from catalog.hiding.smear import address, smeared
from extract.probes.explicit_words import sensitive
from extract.units import Unit
from graph.model_store import ModelStore
from graph.records import Annotation, Depiction, FacetProbe, FlagKind, ProbeSummary, TopProbe

HIDDEN = "sensitive"
_BEGINNINGS = (  # of PNG, WebP, JPEG, GIF, BMP, TIFF (two), and AVIF and HEIC, in base64
    *("iVBOR", "UklGR", "/9j/", "R0lGOD", "Qk[0-3]", "SUkqA", "TU0AK", "AAAA.[GWm2]Z0eX"),
)
_PICTURE = re.compile(rf"(?<![\w+/])(?:{'|'.join(_BEGINNINGS)})[\w+/]{{56}}")

Flagged = Mapping[FlagKind, Mapping[str, bool]]


@dataclass(frozen=True)
class Veil:
    """Hides what is sensitive; nothing once `revealed`.

    `texts` are labels marked sensitive; `flags` are the last flags on units, images and words, by name. A text with an
    explicit word is hidden, too, unless a flag clears that word. `hides_all` hides everything.
    """

    revealed: bool = False
    texts: frozenset[str] = frozenset()
    flags: Flagged = field(default_factory=dict)
    hides_all: bool = False

    @classmethod
    def of(cls, store: ModelStore, revealed: bool = False) -> "Veil":
        """The veil of a model, from its sensitive labels and flags in the database."""
        flags: dict[FlagKind, dict[str, bool]] = {}
        for flag in store.flags():
            flags.setdefault(flag.kind, {})[flag.name] = flag.sensitive
        return cls(revealed, store.sensitive(), flags)

    def over(self, *units: Unit | str) -> "Veil":
        """The veil over what belongs to these units: it hides all if one of them is flagged."""
        return replace(self, hides_all=self.hides_all or any(self._flag("unit", str(unit)) for unit in units))

    def label(self, text: str) -> str:
        """The label, or a word in its place if it is hidden; an empty text stays empty."""
        return HIDDEN if text and self.hides(text) else text

    def labels(self, texts: Iterable[str]) -> str:
        """Labels in one line; all hidden ones are a single word."""
        return ", ".join(dict.fromkeys(map(self.label, texts)))

    def annotation_text(self, annotation: Annotation, text: str | None) -> str:
        """A text of an annotation; hidden if the annotation is sensitive or its unit is flagged."""
        over = self.over(annotation.unit)
        return replace(over, hides_all=over.hides_all or annotation.sensitive).label(text or "")

    def hides(self, text: str) -> bool:
        """Whether this label or word is hidden."""
        words = self.flags.get("word", {})
        return not self.revealed and (self.hides_all or text in self.texts or sensitive(text, flags=words))

    def hides_image(self, probe: TopProbe | ProbeSummary) -> bool:
        """Whether an image is hidden.

        The image's own flag decides. Without one, a rasterised word is hidden as that word is, and any image as its
        extraction marked it.
        """
        if self.revealed or self.hides_all:
            return not self.revealed
        flag = self._flag("image", probe.image)
        if flag is not None or probe.modality != "word":
            return probe.sensitive if flag is None else flag
        cleared = self._flag("word", probe.concept.casefold()) is False
        return self.hides(probe.concept) or (probe.sensitive and not cleared)

    def value(self, value: Any) -> Any:
        """A value of a query's answer; a word stands in place of each text that holds something hidden, or a picture.

        All pictures are hidden, since a picture alone does not tell whether it is sensitive.
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
        """Whether a longer text holds something hidden, or is a picture."""
        match = _any_of(self.texts).search(text.casefold()) or _PICTURE.search(text)
        return not self.revealed and (match is not None or sensitive(text, flags=self.flags.get("word", {})))

    def picture(self, probe: TopProbe | FacetProbe) -> str:
        """A probe's thumbnail, smeared if hidden, as the address that an `img` or `image` element takes."""
        return address(smeared(probe.thumbnail) if self.hides_image(probe) else probe.thumbnail)

    def depiction(self, unit: Unit, depiction: Depiction) -> str:
        """A unit's feature visualisation, smeared if hidden, as such an address."""
        hidden = self.over(unit).hides_all or self._flag("image", f"visualisation/{unit}")
        return address(smeared(depiction.thumbnail) if hidden and not self.revealed else depiction.thumbnail)

    def caption(self, probe: TopProbe | ProbeSummary) -> str:
        """The concept that a probe shows, or a word in its place."""
        return HIDDEN if self.hides_image(probe) else self.label(probe.concept)

    def _flag(self, kind: FlagKind, name: str) -> bool | None:
        """The last flag on a name; None where there is none."""
        return self.flags.get(kind, {}).get(name)


@lru_cache(maxsize=8)
def _any_of(texts: frozenset[str]) -> re.Pattern[str]:
    """Match any of these texts where it is no part of a longer word; match nothing if there are none."""
    alternatives = "|".join(re.escape(text.casefold()) for text in sorted(texts) if text.strip())
    return re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)" if alternatives else r"(?!)")
