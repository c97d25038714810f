"""Make the sprites that the demo CLIP learns from: emoji drawn by four vendors, and their names in many fonts.

A sprite is a transparent square with one drawing or word in its middle; `views` turns sprites into images for training
or tests.
"""

import json
import re
import subprocess
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import resvg_py
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from tqdm import tqdm

SIDE = 112  # pixels of a sprite; a little above the network's 96, so that a view is seldom enlarged
IMAGE_SIDE = 96


@dataclass(frozen=True)
class SpritePackage:
    """An npm package that sprites come from: its version, its licence, and whether training sees its sprites."""

    name: str
    package: str
    version: str
    licence: str
    credit: str
    trained: bool = True


VENDORS = (
    SpritePackage("noto", "@iconify-json/noto", "1.2.9", "Apache-2.0", "Noto Emoji, Google"),
    SpritePackage("twemoji", "@iconify-json/twemoji", "1.2.5", "CC-BY-4.0", "Twemoji, Twitter and contributors"),
    SpritePackage("fluent", "@iconify-json/fluent-emoji-flat", "1.2.6", "MIT", "Fluent Emoji, Microsoft"),
    SpritePackage("openmoji", "@iconify-json/openmoji", "1.2.29", "CC-BY-SA-4.0", "OpenMoji", trained=False),
)
FONTS = (
    *(
        SpritePackage(name, f"@fontsource/{name}", version, "OFL-1.1", credit)
        for name, version, credit in (
            ("comic-neue", "5.3.0", "Comic Neue"),
            ("dejavu-sans", "5.3.0", "DejaVu Sans"),
            ("lato", "5.3.0", "Lato"),
            ("lora", "5.3.0", "Lora"),
            ("merriweather", "5.3.0", "Merriweather"),
            ("montserrat", "5.3.0", "Montserrat"),
            ("open-sans", "5.3.0", "Open Sans"),
            ("pt-serif", "5.3.0", "PT Serif"),
            ("roboto", "5.3.0", "Roboto"),
            ("source-code-pro", "5.3.1", "Source Code Pro"),
        )
    ),
    SpritePackage("nunito", "@fontsource/nunito", "5.3.0", "OFL-1.1", "Nunito", trained=False),
)
WEIGHTS = (400, 700)  # regular and bold


def install(folder: Path) -> None:
    """Fetch the pinned npm packages of all vendors and fonts into `folder`."""
    packages = [f"{source.package}@{source.version}" for source in VENDORS + FONTS]
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["npm", "install", "--no-save", "--prefix", str(folder), *packages], check=True)


def concepts(folder: Path) -> list[str]:
    """List the one-word names that all vendors draw, sorted; with the pinned versions there are 499."""
    names = set.intersection(*(set(_icons(folder, vendor)["icons"]) for vendor in VENDORS))
    return sorted(name for name in names if re.fullmatch("[a-z]+", name))


def drawings(folder: Path, names: list[str]) -> torch.Tensor:
    """Draw every vendor's picture of every name, with premultiplied alpha: uint8 (vendor, name, 4, side, side)."""
    sheets = []
    for vendor in VENDORS:
        icons = _icons(folder, vendor)
        sheets.append([_draw(icons, name) for name in tqdm(names, desc=vendor.name)])
    return torch.from_numpy(np.array(sheets)).permute(0, 1, 4, 2, 3).contiguous()  # (V, C, 4, S, S)


def lettering(folder: Path, names: list[str]) -> torch.Tensor:
    """Draw every name in every font and weight, as ink from 0 to 255: uint8 (font * weight, name, side, side)."""
    faces = [folder / "node_modules" / font.package / "files" / f"{font.name}-latin-{weight}-normal.woff2"
             for font in FONTS for weight in WEIGHTS]  # fmt: skip
    sheets = [[_letter(face, name) for name in names] for face in tqdm(faces, desc="fonts")]
    return torch.from_numpy(np.array(sheets))  # (W, C, S, S)


def paint(ink: torch.Tensor, colour: torch.Tensor) -> torch.Tensor:
    """Paint ink (n, side, side) in a colour (n, 3), both in 0..1.

    Returns sprites with premultiplied alpha, of shape (n, 4, side, side).
    """
    alpha = ink[:, None]  # (n, 1, S, S)
    return torch.cat([alpha * colour[:, :, None, None], alpha], dim=1)  # (n, 4, S, S)


def views(
    sprites: torch.Tensor, ground: torch.Tensor, turn: float, smallest: float, generator: torch.Generator
) -> torch.Tensor:
    """Place sprites (n, 4, side, side) at random scale, place and angle on plain backgrounds of colour `ground` (n, 3).

    Scales are at least `smallest`, angles at most `turn` radians. Returns images (n, 3, 96, 96) in 0..1.
    """
    n = len(sprites)
    scale = _uniform(generator, n, smallest, 1.0)
    angle = _uniform(generator, n, -turn, turn)
    shift = _uniform(generator, 2 * n, -1, 1).view(n, 2) * (1 - scale)[:, None]  # (n, 2), inside the frame
    cos, sin = torch.cos(angle) / scale, torch.sin(angle) / scale
    inverse = torch.stack([cos, sin, -sin, cos], dim=1).view(n, 2, 2)  # (n, 2, 2), from image to sprite
    theta = torch.cat([inverse, -inverse @ shift[:, :, None]], dim=2)  # (n, 2, 3)
    grid = F.affine_grid(theta, [n, 4, IMAGE_SIDE, IMAGE_SIDE], align_corners=False)
    moved = F.grid_sample(sprites, grid, align_corners=False)  # (n, 4, 96, 96)
    return moved[:, :3] + (1 - moved[:, 3:]) * ground[:, :, None, None]  # (n, 3, 96, 96)


def picture_views(sprites: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Make random views of drawings (uint8, n, 4, side, side) on light backgrounds, with varied brightness."""
    n = len(sprites)
    ground = _uniform(generator, 3 * n, 0.5, 1.0).view(n, 3)
    images = views(sprites.float() / 255, ground, turn=0.25, smallest=0.65, generator=generator)
    return (images * _uniform(generator, n, 0.8, 1.2).view(n, 1, 1, 1)).clamp(0, 1)


def word_views(ink: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Make random views of lettering (uint8, n, side, side): dark on light, but light on dark one time in four."""
    n = len(ink)
    dark, light = (_uniform(generator, 3 * n, low, low + 0.4).view(n, 3) for low in (0.0, 0.6))
    negative = _uniform(generator, n, 0, 1)[:, None] < 0.25  # (n, 1)
    colour, ground = torch.where(negative, light, dark), torch.where(negative, dark, light)
    return views(paint(ink.float() / 255, colour), ground, turn=0.06, smallest=0.8, generator=generator)


def _uniform(generator: torch.Generator, n: int, low: float, high: float) -> torch.Tensor:
    return torch.rand(n, generator=generator) * (high - low) + low


def _icons(folder: Path, vendor: SpritePackage) -> dict[str, Any]:
    icons: dict[str, Any] = json.loads((folder / "node_modules" / vendor.package / "icons.json").read_text())
    return icons


def _draw(icons: dict[str, Any], name: str) -> np.ndarray:
    """Draw an icon as premultiplied RGBA, uint8 (side, side, 4)."""
    icon = icons["icons"][name]
    width = icon.get("width", icons.get("width", 16))
    height = icon.get("height", icons.get("height", 16))
    left, top = icon.get("left", icons.get("left", 0)), icon.get("top", icons.get("top", 0))
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="{left} {top} {width} {height}" width="{SIDE}" height="{SIDE}">{icon["body"]}</svg>'
    )
    png = resvg_py.svg_to_bytes(svg_string=svg, width=SIDE, height=SIDE)
    return _premultiplied(bytes(png))


def _premultiplied(png: bytes) -> np.ndarray:
    pixels = np.asarray(Image.open(BytesIO(png)).convert("RGBA"), dtype=np.float32)
    pixels[..., :3] *= pixels[..., 3:] / 255
    return pixels.round().astype(np.uint8)


def _letter(face: Path, word: str, widest: int = SIDE - 6, tallest: int = 40) -> np.ndarray:
    """Draw a word in the middle of a sprite, as large as fits: uint8 ink (side, side)."""
    font = ImageFont.truetype(str(face), tallest)
    width = font.getlength(word)
    if width > widest:
        font = ImageFont.truetype(str(face), tallest * widest / width)
    canvas = Image.new("L", (SIDE, SIDE))
    ImageDraw.Draw(canvas).text((SIDE / 2, SIDE / 2), word, fill=255, font=font, anchor="mm")
    return np.asarray(canvas)
