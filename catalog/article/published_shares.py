"""Read the shares over the shortcut that the article's authors published, in files with a line for each unit."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from catalog.errors import ArticleError
from extract.files import at_home, read_file

BLOCKS = ("4/0", "4/1", "4/2")
_LINE = re.compile(r"Unit (\d{1,6}) -> \(tensor\(([\d.e+-]{1,24})[^()]{0,80}\), ([\d.e+-]{1,24}|nan)\)")


@dataclass(frozen=True)
class BlockShares:
    """The share of each unit of a block, and the cosine distance between its branches' maps, both (units,).

    A distance is NaN if a map is zero.
    """

    share: np.ndarray
    distance: np.ndarray


@dataclass(frozen=True)
class PublishedShares:
    """The published shares keyed by block, such as `4/2`, and the files' hashes keyed by name."""

    blocks: Mapping[str, BlockShares]
    sha256: Mapping[str, str]


def read_published(folder: Path | str) -> PublishedShares:
    """Read relu_conv_bottleneck_4_0.txt, ..._4_1.txt and ..._4_2.txt of the authors' repository.

    Raises ArticleError for a file that is missing, holds a line that is not a unit with its share, or lacks a unit.
    """
    place = at_home(folder)
    blocks, hashes = dict[str, BlockShares](), dict[str, str]()
    for block in BLOCKS:
        file = place / f"relu_conv_bottleneck_{block.replace('/', '_')}.txt"
        data = read_file(file, ArticleError)
        blocks[block], hashes[file.name] = _shares(file, data), hashlib.sha256(data).hexdigest()
    return PublishedShares(blocks, hashes)


def _shares(file: Path, data: bytes) -> BlockShares:
    lines = [line for line in data.decode(errors="replace").splitlines() if line.strip()]
    matches = [_LINE.fullmatch(line.strip()) for line in lines]
    bad = next((number for number, match in enumerate(matches, start=1) if match is None), None)
    if bad or not lines:
        raise ArticleError(
            f"{file}: line {bad or 1} does not hold a unit and its share. Copy the file from the authors' repository "
            "again."
        )
    rows = sorted((int(match[1]), _number(match[2]), _number(match[3])) for match in matches if match)
    if [unit for unit, _, _ in rows] != list(range(len(rows))):
        raise ArticleError(
            f"{file} lacks a unit, or holds one twice. Copy the file from the authors' repository again."
        )
    return BlockShares(np.array([share for _, share, _ in rows]), np.array([distance for *_, distance in rows]))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
