"""Trains the demo CLIP from emoji and their names, and writes the bundle: `python -m extract.demo.train --work DIR`.

The network is open_clip's own CLIP with a small ModifiedResNet. Each step shows different concepts, each as a drawing
or as a rendered word, with the concept's name as caption. The loss is CLIP's, except that an image chooses among all
captions. An interrupted run resumes from its last checkpoint in DIR.
"""

import argparse
import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import open_clip
import torch
import torch.nn.functional as F
from open_clip.model import CLIP
from torch import nn
from tqdm import tqdm

from extract.demo import sprites
from extract.demo.sprites import FONTS, VENDORS, WEIGHTS
from extract.errors import WeightsError
from extract.files import replace_file

CONFIG: dict[str, Any] = {
    "embed_dim": 128,
    "vision_cfg": {"image_size": sprites.IMAGE_SIDE, "layers": [2, 2, 2, 3], "width": 16},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2},
}
STEPS, BATCH, PEAK_RATE, WARMUP, DECAY = 1800, 256, 2e-3, 100, 0.05
HORIZON = 3000  # the learning rate follows a cosine to this step,
COOLDOWN = range(1000, 2400)  # times a straight line to zero; training ends earlier, as the network is good enough
WORD_SHARE = 0.6  # of a batch; words are harder to tell apart than drawings
CHECKPOINT_EVERY = 200  # divides STEPS, so that the last one is the trained network


class Sprites:
    """All sprites and captions in memory, with methods that make random images of the sprites."""

    def __init__(self, folder: Path) -> None:
        if not (folder / "sprites.pt").exists():
            sprites.install(folder)
            names = sprites.concepts(folder)
            made = {"drawings": sprites.drawings(folder, names), "lettering": sprites.lettering(folder, names)}
            torch.save({"names": names, **made}, folder / "sprites.pt")
        stored = torch.load(folder / "sprites.pt", weights_only=True)
        self.names: list[str] = stored["names"]
        self.drawings: torch.Tensor = stored["drawings"]  # (V, C, 4, S, S)
        self.lettering: torch.Tensor = stored["lettering"]  # (W, C, S, S)

    def pictures(self, concepts: torch.Tensor, vendors: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Make a random view of each concept's drawing by the vendor at the same place: normalised (n, 3, 96, 96)."""
        return normalised(sprites.picture_views(self.drawings[vendors, concepts], generator))

    def words(self, concepts: torch.Tensor, faces: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Make a random view of each concept's name in the font face at the same place: normalised (n, 3, 96, 96)."""
        return normalised(sprites.word_views(self.lettering[faces, concepts], generator))


def normalised(images: torch.Tensor) -> torch.Tensor:
    """Normalise images in 0..1 as CLIP expects, in channels-last, which makes convolutions fast."""
    mean, std = (torch.tensor(c).view(3, 1, 1) for c in (open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD))
    return ((images - mean) / std).contiguous(memory_format=torch.channels_last)


def trained(sources: tuple[sprites.SpritePackage, ...], per_source: int = 1, in_training: bool = True) -> torch.Tensor:
    """Return the indices of the vendors, or of the font faces, that training sees; the others if not `in_training`."""
    return torch.tensor(
        [i for i in range(len(sources) * per_source) if sources[i // per_source].trained is in_training]
    )


def batch(data: Sprites, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw different concepts (n,) and an image of each (n, 3, 96, 96); drawings come first, then words."""
    concepts = torch.randperm(len(data.names), generator=generator)[:BATCH]
    written, drawn = concepts[-int(BATCH * WORD_SHARE) :], concepts[: -int(BATCH * WORD_SHARE)]
    pictures = data.pictures(drawn, _choice(trained(VENDORS), len(drawn), generator), generator)
    words = data.words(written, _choice(trained(FONTS, len(WEIGHTS)), len(written), generator), generator)
    return concepts, torch.cat([pictures, words])


def loss(model: CLIP, images: torch.Tensor, concepts: torch.Tensor, captions: torch.Tensor) -> torch.Tensor:
    """Compute CLIP's symmetric cross-entropy.

    An image chooses among all captions, and a caption among the batch's images.
    """
    image = model.encode_image(images, normalize=True)  # (n, E)
    text = model.encode_text(captions, normalize=True)  # (C, E)
    logits = model.logit_scale.exp().clamp(max=100) * image @ text.T  # (n, C)
    own = torch.arange(len(concepts))
    return (F.cross_entropy(logits, concepts) + F.cross_entropy(logits[:, concepts].T, own)) / 2


def train(data: Sprites, work: Path, steps: int) -> CLIP:
    """Train the CLIP and return it; resume from the checkpoint in `work` if there is one."""
    torch.manual_seed(0)
    model = open_clip.CLIP(**CONFIG).to(memory_format=torch.channels_last)
    captions = open_clip.SimpleTokenizer(context_length=CONFIG["text_cfg"]["context_length"])(data.names)
    heavy, light = ([p for p in model.parameters() if (p.ndim > 1) is many] for many in (True, False))
    optimizer = torch.optim.AdamW(
        [{"params": heavy, "weight_decay": DECAY}, {"params": light, "weight_decay": 0}], betas=(0.9, 0.98)
    )
    warm = WARMUP / HORIZON
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_RATE, total_steps=HORIZON, pct_start=warm)
    first = _restore(work, model=model, optimizer=optimizer, schedule=schedule)
    for step in tqdm(range(first, steps), initial=first, total=steps, mininterval=30):
        generator = torch.Generator().manual_seed(step)  # so that an interrupted run sees the same batches
        concepts, images = batch(data, generator)
        value = loss(model.train(), images, concepts, captions)
        optimizer.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        for group in optimizer.param_groups:  # the schedule sets the rate afresh at each step
            group["lr"] *= min(1.0, (COOLDOWN.stop - step - 1) / len(COOLDOWN))
        if (step + 1) % CHECKPOINT_EVERY == 0:
            _save(work, step + 1, model=model, optimizer=optimizer, schedule=schedule)
            measured = accuracies(model, data, captions, repeats=1)
            tqdm.write(f"step {step + 1}: loss {value.item():.3f}, {json.dumps(measured)}")
    model.eval()
    return model


def _save(work: Path, step: int, **parts: Any) -> None:
    """Replace the checkpoint, which is never half written."""
    stream = BytesIO()
    torch.save({"step": step, **{name: part.state_dict() for name, part in parts.items()}}, stream)
    replace_file(work / "checkpoint.pt", stream.getvalue(), WeightsError)


def _restore(work: Path, **parts: Any) -> int:
    """Load the checkpoint, if any, and return the step to resume from."""
    if not (work / "checkpoint.pt").exists():
        return 0
    state = torch.load(work / "checkpoint.pt", weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return int(state["step"])


@torch.no_grad()
def accuracies(model: CLIP, data: Sprites, captions: torch.Tensor, repeats: int) -> dict[str, float]:
    """Measure the top-1 accuracy among all captions on new random views of trained and held-out sprites."""
    text = model.eval().encode_text(captions, normalize=True)  # (C, E)
    generator = torch.Generator().manual_seed(2**40)  # far from every training step's seed

    def share(view: Callable[..., torch.Tensor], indices: torch.Tensor) -> float:
        right, everything = 0, torch.arange(len(data.names))
        for index in indices.repeat(repeats):
            images = view(everything, index.expand(len(everything)), generator)
            right += int((model.encode_image(images) @ text.T).argmax(1).eq(everything).sum())
        return round(right / (len(everything) * len(indices) * repeats), 4)

    return {
        "pictures": share(data.pictures, trained(VENDORS)),
        "words": share(data.words, trained(FONTS, len(WEIGHTS))),
        "pictures of the vendor never trained on": share(data.pictures, trained(VENDORS, in_training=False)),
        "words in the font never trained on": share(data.words, trained(FONTS, len(WEIGHTS), in_training=False)),
    }


def _choice(options: torch.Tensor, n: int, generator: torch.Generator) -> torch.Tensor:
    return options[torch.randint(len(options), (n,), generator=generator)]


def main() -> None:
    """Fetch the sprites if they are missing, and train."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="folder for the npm packages, sprites and checkpoints")
    parser.add_argument("--steps", type=int, default=STEPS)
    options = parser.parse_args()
    data = Sprites(options.work)
    train(data, options.work, options.steps)


if __name__ == "__main__":
    main()
