"""Probes, the images shown to a network: read from a table or a folder of pictures, decoded in batches.

Every concept has probes for discovery, on which units show what they answer to, and held-out ones, on which that is
tested; a table says which is which.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from tqdm import tqdm

from extract.errors import ProbesError
from extract.schemas import SCHEMAS

BUNDLED = Path(__file__).parent / "demo" / "probes.parquet"
VALUES = {"modality": ("picture", "word"), "split": ("discovery", "held-out")}
_SUFFIXES = {".png", ".webp", ".jpg", ".jpeg", ".gif", ".bmp"}
_UNREADABLE = (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError)  # Pillow's own


def read(file: Path = BUNDLED) -> pa.Table:
    """A table of probes from Parquet; the demo's emoji and words unless told otherwise.

    Raises ProbesError for a file that is no such table, or where a value is missing, unknown or an id repeated.
    """
    try:
        table = pq.read_table(file)
        table = table.select(SCHEMAS["probes"].names).cast(SCHEMAS["probes"])
    except (OSError, KeyError, pa.ArrowException) as error:
        raise ProbesError(
            f"{file} is no table of probes ({error}). It must be Parquet with the columns {_columns()}."
        ) from error
    return check(table)


def check(table: pa.Table) -> pa.Table:
    """The table itself if it holds at least one probe and every value is sound; else ProbesError."""
    wrong = [f"{name} is missing in {table[name].null_count} rows" for name in _columns() if table[name].null_count]
    for name, allowed in VALUES.items():
        unknown = {value for value in pc.unique(table[name]).to_pylist() if value and value not in allowed}
        wrong += [f"{name} is {value!r}, where only {' and '.join(allowed)} are known" for value in sorted(unknown)]
    if pc.count_distinct(table["id"]).as_py() < table.num_rows:
        wrong.append("an id stands twice")
    if wrong or not table.num_rows:
        raise ProbesError(f"These probes cannot be used: {'; '.join(wrong) or 'there are none'}. Mend the table.")
    return table


@dataclass(frozen=True)
class Pictures:
    """A folder's pictures as a table of probes, and the files that could not be read."""

    table: pa.Table
    skipped: tuple[Path, ...]


def pictures(folder: Path, side: int, progress: bool = True) -> Pictures:
    """The pictures of a folder with one subfolder a concept, cut to squares of `side` pixels.

    Damaged files are skipped and listed. A concept's pictures, in the order of their names, go to discovery and the
    held-out split in turn. Raises ProbesError where there is no picture at all.
    """
    files = sorted(file for file in folder.glob("*/**/*") if file.suffix.lower() in _SUFFIXES and file.is_file())
    rows, skipped, seen = [], [], dict[str, int]()
    for file in tqdm(files, desc="pictures", disable=not progress):
        concept = file.relative_to(folder).parts[0]
        try:
            image = _square(file, side)
        except _UNREADABLE:
            skipped.append(file)
            continue
        place = seen[concept] = seen.get(concept, -1) + 1
        rows.append(_row(str(file.relative_to(folder)), concept, folder.name, VALUES["split"][place % 2], image))
    if not rows:
        raise ProbesError(f"{folder} holds no picture that can be read. Put pictures into one subfolder a concept.")
    return Pictures(pa.Table.from_pylist(rows, schema=SCHEMAS["probes"]), tuple(skipped))


def batches(table: pa.Table, preprocess: Callable[[Image.Image], torch.Tensor], size: int) -> Iterator[torch.Tensor]:
    """The probes in order, `size` at a time, as `preprocess` of a network makes them: float32 (n, 3, side, side).

    No more than a batch is decoded at once. Raises ProbesError for an image that cannot be read.
    """
    yield from stack(images(table), preprocess, size)


def images(table: pa.Table) -> Iterator[Image.Image]:
    """The probes' images in order, RGB, each decoded when its turn comes; ProbesError for one that cannot be read."""
    for part in table.select(["id", "image"]).to_batches(max_chunksize=1):
        for row in part.to_pylist():
            yield _decoded(row["id"], row["image"])


def stack(
    shown: Iterable[Image.Image], preprocess: Callable[[Image.Image], torch.Tensor], size: int
) -> Iterator[torch.Tensor]:
    """Images in order, `size` at a time, as `preprocess` of a network makes them: float32 (n, 3, side, side)."""
    stream = map(preprocess, shown)
    while some := list(islice(stream, size)):
        yield torch.stack(some).contiguous(memory_format=torch.channels_last)  # (n, 3, side, side)


def _decoded(name: str, data: bytes) -> Image.Image:
    try:
        return Image.open(BytesIO(data)).convert("RGB")
    except _UNREADABLE as error:
        raise ProbesError(
            f"The image of probe {name} cannot be read ({error}). Remove the probe, or write it anew."
        ) from error


def _square(file: Path, side: int) -> bytes:
    """The middle square of a picture, on white where it is transparent, as PNG."""
    with Image.open(file) as picture:
        whole = ImageOps.exif_transpose(picture).convert("RGBA")
    white = Image.new("RGBA", whole.size, "white")
    fitted = ImageOps.fit(Image.alpha_composite(white, whole).convert("RGB"), (side, side), Image.Resampling.BICUBIC)
    stream = BytesIO()
    fitted.save(stream, "png")
    return stream.getvalue()


def _row(name: str, concept: str, source: str, split: str, image: bytes) -> dict[str, str | bool | bytes]:
    return {
        "id": name, "modality": "picture", "concept": concept, "source": source, "split": split,
        "sensitive": False, "image": image,
    }  # fmt: skip


def _columns() -> list[str]:
    return SCHEMAS["probes"].names
