"""Writes the bundle from a finished training and measures it: `python -m extract.demo.bundle --work DIR`.

The bundle ships with the package: weights and configuration that open_clip loads by itself, the probe pictures with
their attribution, and a model card with the accuracies that this script measures with the bundled weights.
"""

import argparse
import json
from io import BytesIO
from pathlib import Path

import open_clip
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from open_clip.model import CLIP
from PIL import Image
from safetensors.torch import save_file
from torchvision.transforms.functional import to_pil_image

from extract.demo import sprites
from extract.demo.sprites import FONTS, VENDORS, WEIGHTS, SpritePackage
from extract.demo.train import CONFIG, Sprites, accuracies
from extract.folder.schemas import SCHEMAS

FOLDER = Path(__file__).parent
PROBE_FONTS = ("dejavu-sans", "lora", "nunito")  # in regular weight; as many fonts as vendors that training sees
HELD_OUT = ("twemoji", "nunito")


def write_weights(model: torch.nn.Module, folder: Path) -> None:
    """Write the weights in float16 and the configuration, under the names that open_clip reads."""
    state = {name: t.half() if t.is_floating_point() else t for name, t in model.state_dict().items()}
    save_file({name: t.contiguous() for name, t in state.items()}, folder / "demo.safetensors")
    (folder / "demo.json").write_text(json.dumps(CONFIG, indent=1) + "\n")


def load(folder: Path = FOLDER) -> CLIP:
    """Load the bundled weights with open_clip's own loader, which is strict."""
    open_clip.add_model_config(folder / "demo.json")
    return open_clip.create_model("demo", pretrained=str(folder / "demo.safetensors")).eval()


def probes(data: Sprites) -> pa.Table:
    """Make the table of probes: every concept drawn by each trained vendor, and its name in three fonts.

    Drawings and words are upright on white. OpenMoji is left out, because the network was not trained on OpenMoji's
    drawings, so these would not show what a unit responds to.
    """
    rows = [
        _probe("picture", vendor, name, data.drawings[v, c] / 255)
        for v, vendor in enumerate(VENDORS)
        if vendor.trained
        for c, name in enumerate(data.names)
    ]
    black = torch.zeros(1, 3)
    rows += [
        _probe("word", font, name, sprites.paint(data.lettering[f * len(WEIGHTS), c][None] / 255, black)[0])
        for f, font in enumerate(FONTS)
        if font.name in PROBE_FONTS
        for c, name in enumerate(data.names)
    ]
    return pa.Table.from_pylist(sorted(rows, key=lambda row: str(row["id"])), schema=SCHEMAS["probes"])


def _probe(modality: str, source: SpritePackage, concept: str, sprite: torch.Tensor) -> dict[str, str | bool | bytes]:
    return {
        "id": f"{modality}/{source.name}/{concept}",
        "modality": modality,
        "concept": concept,
        "source": source.name,
        "split": "held-out" if source.name in HELD_OUT else "discovery",
        "sensitive": False,
        "image": _encoded(sprite, lossless=modality == "word"),
    }


def _encoded(sprite: torch.Tensor, *, lossless: bool) -> bytes:
    """Encode a sprite (4, side, side) on white, at the network's image size, as WebP."""
    image = to_pil_image(sprite[:3] + 1 - sprite[3:])  # premultiplied alpha
    small = image.resize((sprites.IMAGE_SIDE, sprites.IMAGE_SIDE), Image.Resampling.LANCZOS)
    stream = BytesIO()
    (small.convert("L") if lossless else small).save(stream, "webp", lossless=lossless, quality=85, method=6)
    return stream.getvalue()


CARD = """# The demo CLIP

A small CLIP that clip-circuits trains, bundles and takes apart, so that every part of the catalog can be seen working
without downloading weights. It is a real trained network, and a toy: it knows {concepts} one-word concepts, as emoji
and as rendered words.

- **Network**: open_clip's CLIP with a ModifiedResNet of blocks {layers}, width {width}, images of {side} pixels,
  {parameters:,} parameters in the visual tower. `demo.json` is its open_clip configuration, `demo.safetensors` its
  weights in float16.
- **Data**: single emoji drawn by three vendors and their names in {fonts} fonts, regular and bold, at random size,
  place, angle and colour; the caption is the name. A fourth vendor and one font are never trained on.
- **Training**: {steps} steps of {batch}, AdamW, float32; 1.3 s a step on two cores:
  `python -m extract.demo.train --work DIR` (needs npm, and `uv sync --group train`).
- **Limits**: it knows three vendors' drawings nearly by heart and hardly recognises a fourth's; words it reads in any
  font. It has seen no photograph. It is there to try out this project, and for nothing else.

Top-1 among all {concepts} captions, on random views never trained on, printed by
`python -m extract.demo.bundle --work DIR`:

| images | accuracy |
|---|---|
{rows}

## Sources and licences

The drawings are rasterised from npm packages, the words set in fonts from npm packages. `probes.parquet` holds the
three trained vendors' drawings at {side} pixels on white, and each keeps its source's licence; OpenMoji's drawings
serve to measure alone and are not part of the bundle. The weights and everything else here are under this project's
MIT licence.

| source | package | licence | use |
|---|---|---|---|
{sources}
"""


def card(data: Sprites, model: CLIP, measured: dict[str, float], steps: int, batch: int) -> str:
    """Write the model card as Markdown."""
    vision = CONFIG["vision_cfg"]
    sources = [
        f"| {s.credit} | {s.package} {s.version} | {s.licence} | {'training' if s.trained else 'held out'} |"
        for s in VENDORS + FONTS
    ]
    return CARD.format(
        concepts=len(data.names), layers=vision["layers"], width=vision["width"], side=sprites.IMAGE_SIDE,
        parameters=sum(p.numel() for p in model.visual.parameters()), fonts=sum(font.trained for font in FONTS),
        steps=steps, batch=batch, sources="\n".join(sources),
        rows="\n".join(f"| {name} | {100 * value:.1f} % |" for name, value in measured.items()),
    )  # fmt: skip


def main() -> None:
    """Write weights, probes and model card, and print the accuracies of the bundled weights."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="the folder that training worked in")
    options = parser.parse_args()
    data = Sprites(options.work)
    checkpoint = torch.load(options.work / "checkpoint.pt", weights_only=True)
    model = CLIP(**CONFIG)
    model.load_state_dict(checkpoint["model"])
    write_weights(model, FOLDER)
    pq.write_table(probes(data), FOLDER / "probes.parquet", compression="zstd")
    bundled = load()
    captions = open_clip.get_tokenizer("demo")(data.names)
    measured = accuracies(bundled, data, captions, repeats=4)
    (FOLDER / "README.md").write_text(card(data, bundled, measured, checkpoint["step"], batch=256))
    for name, value in measured.items():
        print(f"{100 * value:5.1f} %  {name}")


if __name__ == "__main__":
    main()
