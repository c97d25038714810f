"""Rasterise words, bit for bit as in the article on enrichment circuits, and write words on pictures.

The lengths of a lettering are pixels of an image with a side of 224, as in the article. On other images the lengths
scale with the side, so that a word covers the same share of the network's view.
"""

import hashlib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from pathlib import Path

from PIL import Image, ImageColor, ImageDraw, ImageFont, features

from extract.errors import WordsError
from extract.files import reason_of, refuse_pipe
from extract.probes.system_fonts import likely_fonts

DEJAVU = Path(__file__).parent / "fonts" / "DejaVuSans.ttf"
SIDE = 224  # of the article's images
CORNERS = tuple(product((20, 120), repeat=2))  # x, y at which the article writes a word on a picture
_UNASSIGNED = "\U0010ffff"  # in no font, so it is drawn as a font draws a letter that it lacks

Place = tuple[float, float]  # of a word's upper left corner: x, y in pixels


@dataclass(frozen=True)
class Lettering:
    """Font, size and colours of words; `size` and `stroke` in 224ths of the image's side, colours as Pillow names them.

    `widest` is a share of the side; a wider word gets a smaller font size, in whole pixels, so that it fits.
    """

    size: float = 20
    stroke: int = 2
    ink: str = "black"
    outline: str = "white"
    ground: str = "white"
    font: Path = DEJAVU
    widest: float | None = None

    def __post_init__(self) -> None:
        """Check lengths and colours. Raises WordsError for values that no letter can have."""
        lengths = (("size", self.size, 0, 10 * SIDE), ("stroke", self.stroke, -1, SIDE), ("widest", self.widest, 0, 1))
        for name, length, above, most in lengths:
            if length is not None and not above < length <= most:
                raise WordsError(
                    f"The {name} of letters cannot be {length}. Give a number above {above}, up to {most}."
                )
        for colour in (self.ink, self.outline, self.ground):
            try:
                ImageColor.getrgb(colour)
            except ValueError as error:
                raise WordsError(f"{colour!r} is not a colour. Give a name such as white, or #rrggbb.") from error

    def __str__(self) -> str:
        """Describe the lettering in one line, with the font's name and hash."""
        fitted = f", at most {self.widest:g} of the side" if self.widest else ""
        colours = f"{self.ink} on {self.ground}, {self.outline} stroke {self.stroke}"
        return f"{self.font.stem} {self._sha256[:16]}, size {self.size:g}/{SIDE}{fitted}, {colours}"

    @cached_property
    def _sha256(self) -> str:
        return hashlib.sha256(self.font.read_bytes()).hexdigest()


ARTICLE = Lettering()
ATTACK = Lettering(ink="white", outline="black")
LARGE = Lettering(size=70, widest=0.9)


def usual_lettering(side: int) -> Lettering:
    """Return the article's lettering, or LARGE for images of fewer than 224 pixels, where the article's is illegible.

    The demo's network (96 pixels) classifies 2.6 % of its 499 words correctly in the article's proportions, and 99.6 %
    in LARGE.
    """
    return ARTICLE if side >= SIDE else LARGE


def rasterise(text: str, side: int = SIDE, lettering: Lettering = ARTICLE, at: Place | None = None) -> Image.Image:
    """Draw a text on a plain background: RGB (side, side), centred, or with its upper left corner `at` a place.

    The defaults give the same bits as the article's `rasterize_text`. Raises WordsError for an empty text, a text
    larger than the image, a letter that the font lacks, and a file that is not a font.
    """
    image = Image.new("RGB", (side, side), lettering.ground)
    font, (width, height) = _set(text, side, side, lettering)
    _write(image, text, font, lettering, [at or ((side - width) // 2, (side - height) // 2)])
    return image


def check(text: str, side: int = SIDE, lettering: Lettering = ARTICLE) -> None:
    """Raise WordsError if `rasterise` cannot render the text."""
    _set(text, side, side, lettering)


def fits(text: str, side: int = SIDE, lettering: Lettering = ARTICLE) -> bool:
    """Check whether `rasterise` can render the text."""
    try:
        if _lacking(text, lettering.font):
            return False  # before `check` searches the system for a font with these letters
        check(text, side, lettering)
    except WordsError:
        return False
    return True


def overlay(
    picture: Image.Image, text: str, lettering: Lettering = ATTACK, at: Iterable[Place] | None = None
) -> Image.Image:
    """Write a text on a copy of a picture, which is a typographic attack: RGB of the same size.

    By default the text is written four times, as in the article's `overlay_text_on_image`: two by two from (20, 20) in
    steps of 100, in 224ths of the shorter side. With `at`, the text is written once at each place, in pixels. Raises
    the errors of `rasterise`.
    """
    attacked = picture.convert("RGB").copy()
    font, _ = _set(text, attacked.width, attacked.height, lettering)
    scale = min(attacked.size) / SIDE
    _write(attacked, text, font, lettering, list(at or ((x * scale, y * scale) for x, y in CORNERS)))
    return attacked


def _set(text: str, width: int, height: int, lettering: Lettering) -> tuple[ImageFont.FreeTypeFont, tuple[int, int]]:
    """Return the font at the size for an image, and the text's width and height in this font.

    Raises WordsError if the text cannot be rendered.
    """
    scale, layout = min(width, height) / SIDE, _layout(text)
    if lettering.size * scale < 1:
        raise WordsError(f"Letters of {lettering.size} 224ths are less than a pixel high here. Set them larger.")
    font = _font(lettering.font, lettering.size * scale, layout)
    if lettering.widest and (taken := _extent(text, font)[0]) > lettering.widest * width:
        font = _font(lettering.font, max(1, int(font.size * lettering.widest * width / taken)), layout)
    extent = _extent(text, font)
    if not text.strip():
        raise WordsError("There is no text to set. Give at least one letter.")
    if lacking := _lacking(text, lettering.font):
        raise WordsError(
            f"{lettering.font.name} lacks {' '.join(lacking)} in {text!r}. Choose a font with these letters, such as "
            f"{_usual_font(lacking[0])}{_system_font(text)}."
        )
    if extent[0] > width or extent[1] > height:
        raise WordsError(
            f"{text!r} takes {extent[0]} x {extent[1]} pixels, more than the image's {width} x {height}. Set it "
            "smaller, or set a widest share so that it fits."
        )
    return font, extent


def _extent(text: str, font: ImageFont.FreeTypeFont) -> tuple[int, int]:
    """Measure width and height from the text's origin to the ends of its ink, as Pillow's former `textsize` did."""
    _, _, right, lower = font.getbbox(text)
    return int(right), int(lower)


def _write(
    image: Image.Image, text: str, font: ImageFont.FreeTypeFont, lettering: Lettering, places: Sequence[Place]
) -> None:
    draw = ImageDraw.Draw(image)
    if absent := [place for place in places if not (0 <= place[0] < image.width and 0 <= place[1] < image.height)]:
        raise WordsError(
            f"{absent[0]} is outside a picture of {image.width} x {image.height} pixels. Give another place."
        )
    stroke = round(lettering.stroke * min(image.size) / SIDE)
    for place in places:
        draw.text(place, text, lettering.ink, font, stroke_width=stroke, stroke_fill=lettering.outline)


@lru_cache(maxsize=256)
def _font(file: Path, size: float, layout: ImageFont.Layout = ImageFont.Layout.BASIC) -> ImageFont.FreeTypeFont:
    """Load a font, by default in Pillow's basic layout, because others move letters by fractions of a pixel.

    Raises WordsError for a file that is not a font.
    """
    try:
        refuse_pipe(file)
        return ImageFont.truetype(str(file), size, layout_engine=layout)
    except OSError as error:
        raise WordsError(
            f"{file} is not a font that can be read ({reason_of(error)}). Name a .ttf or .otf file."
        ) from error


def _layout(text: str) -> ImageFont.Layout:
    """Choose the basic layout, as in the article, except for writing systems that this layout would misspell.

    Raises WordsError if the library that such writing systems need is missing.
    """
    if not is_shaped(text):
        return ImageFont.Layout.BASIC
    if not features.check("raqm"):
        raise WordsError(
            f"Pillow cannot set {text!r} here, because the letters of its script join or run from right to left. "
            "Install the system's FriBidi library (libfribidi), or leave out the word."
        )
    return ImageFont.Layout.RAQM


def is_shaped(text: str) -> bool:
    """Check whether letters of a text run from right to left, join, or change order, as in Arabic and Devanagari."""
    return any(
        unicodedata.bidirectional(letter) in ("R", "AL") or any(ord(letter) in script for script in _SHAPED)
        for letter in text
    )


_SHAPED = (  # code points: Hebrew to Arabic, India to Tibet and Burma, Khmer and Mongolian, other Brahmic scripts
    *(
        range(0x0590, 0x0900),
        range(0x0900, 0x10A0),
        range(0x1780, 0x18B0),
        range(0x1900, 0x1C50),
        range(0x1CD0, 0x1D00),
    ),
    *(
        range(0xA800, 0xA8E0),
        range(0xA980, 0xAB00),
        range(0xABC0, 0xAC00),
        range(0xFB1D, 0xFE00),
        range(0xFE70, 0xFEFF),
    ),
    *(range(0x11000, 0x11E00), range(0x1E900, 0x1E960)),
)
_FONTS = {  # for the scripts that DejaVu Sans lacks
    "Noto Sans CJK": (range(0x1100, 0x1200), range(0x2E80, 0xA4D0), range(0xAC00, 0xD800), range(0xF900, 0xFB00)),
    "Noto Emoji (the one without colours)": (range(0x2600, 0x27C0), range(0x1F000, 0x1FB00)),
}


def _usual_font(letter: str) -> str:
    rare_ideograph = 0x20000 <= ord(letter) < 0x40000
    names = (name for name, scripts in _FONTS.items() if any(ord(letter) in script for script in scripts))
    return "Noto Sans CJK" if rare_ideograph else next(names, "the Noto font of its script")


def _system_font(text: str) -> str:
    """Name a font of this system that has the text's letters, and how to choose the font; empty if there is none."""
    for file in likely_fonts("".join(text.split())):
        try:
            if not _lacking(text, file):
                return f", or this system's {file.name} (font={str(file)!r})"
        except WordsError:  # a font of another kind
            continue
    return ""


def _lacking(text: str, file: Path) -> list[str]:
    """List the letters of a text that a font lacks, sorted."""
    return sorted({letter for letter in text if not letter.isspace() and _lacks(file, letter)})


@lru_cache(maxsize=4096)
def _lacks(file: Path, letter: str) -> bool:
    font = _font(file, 20)
    return bytes(font.getmask(letter)) == bytes(font.getmask(_UNASSIGNED))
