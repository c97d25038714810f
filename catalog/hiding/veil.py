"""Hide sensitive units, labels, words and pictures until somebody reveals them.

Hidden content never leaves the server: a label is replaced by the word `sensitive`, a picture by a blur of a few
colours.
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
_BEGINNINGS = (  # how PNG, WebP, JPEG, GIF, BMP, TIFF (two ways), AVIF and HEIC begin in base64
    *("iVBOR", "UklGR", "/9j/", "R0lGOD", "Qk[0-3]", "SUkqA", "TU0AK", "AAAA.[GWm2]Z0eX"),
)
_PICTURE = re.compile(rf"(?<![\w+/])(?:{'|'.join(_BEGINNINGS)})[\w+/]{{56}}")

Flagged = Mapping[FlagKind, Mapping[str, bool]]


@dataclass(frozen=True)
class Veil:
    """The rules of what to hide as sensitive; a `revealed` veil hides nothing.

    `texts` are labels marked sensitive; `flags` are the last flags on units, images and words, keyed by kind and name.
    A text with an explicit word is hidden, too, unless a flag clears that word. `hides_all` hides everything.
    """

    revealed: bool = False
    texts: frozenset[str] = frozenset()
    flags: Flagged = field(default_factory=dict)
    hides_all: bool = False

    @classmethod
    def of(cls, store: ModelStore, revealed: bool = False) -> "Veil":
        """Read a model's sensitive labels and flags from the database, and return its veil."""
        flags: dict[FlagKind, dict[str, bool]] = {}
        for flag in store.flags():
            flags.setdefault(flag.kind, {})[flag.name] = flag.sensitive
        return cls(revealed, store.sensitive(), flags)

    def over(self, *units: Unit | str) -> "Veil":
        """Return the veil over the content of these units: it hides everything if one of the units is flagged."""
        return replace(self, hides_all=self.hides_all or any(self._flag("unit", str(unit)) for unit in units))

    def label(self, text: str) -> str:
        """Return a label, or `HIDDEN` if the label is hidden; an empty text stays empty."""
        return HIDDEN if text and self.hides(text) else text

    def labels(self, texts: Iterable[str]) -> str:
        """Join labels in one line; all hidden ones together become one `HIDDEN`."""
        return ", ".join(dict.fromkeys(map(self.label, texts)))

    def annotation_text(self, annotation: Annotation, text: str | None) -> str:
        """Return a text of an annotation; hidden if the annotation is sensitive or the unit is flagged."""
        over = self.over(annotation.unit)
        return replace(over, hides_all=over.hides_all or annotation.sensitive).label(text or "")

    def hides(self, text: str) -> bool:
        """Check whether a label or word is hidden."""
        words = self.flags.get("word", {})
        return not self.revealed and (self.hides_all or text in self.texts or sensitive(text, flags=words))

    def hides_image(self, probe: TopProbe | ProbeSummary) -> bool:
        """Check whether an image is hidden.

        The image's own flag decides. Without a flag, an image is hidden if its extraction marked it as sensitive. A
        rasterised word is also hidden if the word is, and shown if a flag clears the word.
        """
        if self.revealed or self.hides_all:
            return not self.revealed
        flag = self._flag("image", probe.image)
        if flag is not None or probe.modality != "word":
            return probe.sensitive if flag is None else flag
        cleared = self._flag("word", probe.concept.casefold()) is False
        return self.hides(probe.concept) or (probe.sensitive and not cleared)

    def value(self, value: Any) -> Any:
        """Return a value of a query's answer with `HIDDEN` in place of each text that contains something hidden.

        Texts that are pictures are all hidden, because a picture without its record does not say whether it is
        sensitive.
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
        """Check whether a text contains something hidden, or is a picture."""
        match = _any_of(self.texts).search(text.casefold()) or _PICTURE.search(text)
        return not self.revealed and (match is not None or sensitive(text, flags=self.flags.get("word", {})))

    def picture(self, probe: TopProbe | FacetProbe) -> str:
        """Return a probe's thumbnail, blurred if hidden, as a `data:` URL for an `img` or `image` element."""
        return address(smeared(probe.thumbnail) if self.hides_image(probe) else probe.thumbnail)

    def depiction(self, unit: Unit, depiction: Depiction) -> str:
        """Return a unit's feature visualisation, blurred if hidden, as a `data:` URL."""
        hidden = self.over(unit).hides_all or self._flag("image", f"visualisation/{unit}")
        return address(smeared(depiction.thumbnail) if hidden and not self.revealed else depiction.thumbnail)

    def caption(self, probe: TopProbe | ProbeSummary) -> str:
        """Return the concept that a probe shows, or `HIDDEN`."""
        return HIDDEN if self.hides_image(probe) else self.label(probe.concept)

    def _flag(self, kind: FlagKind, name: str) -> bool | None:
        """Return what the last flag on a name says: True for sensitive, False for not; None if there is no flag."""
        return self.flags.get(kind, {}).get(name)


@lru_cache(maxsize=8)
def _any_of(texts: frozenset[str]) -> re.Pattern[str]:
    """Compile a pattern that matches any of these texts as whole words; without texts it matches nothing."""
    alternatives = "|".join(re.escape(text.casefold()) for text in sorted(texts) if text.strip())
    return re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)" if alternatives else r"(?!)")
