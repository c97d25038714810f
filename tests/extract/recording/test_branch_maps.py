from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import torch

from extract.probes.table import images
from extract.recording.branch_maps import branch_maps

if TYPE_CHECKING:
    from extract.network.network import Network


def test_both_maps_add_up_to_what_the_block_passes_on(tiny: "Network", noise: pa.Table) -> None:
    shown = noise.slice(0, 5)
    maps = branch_maps(tiny, images(shown), tiny.architecture.final)
    pixels = torch.stack([tiny.preprocess(image) for image in images(shown)])
    passed: list[torch.Tensor] = []
    blocks: Any = tiny.visual.layer4
    handle = blocks[-1].register_forward_hook(lambda *seen: passed.append(seen[2].clone()))
    with torch.inference_mode():
        embeddings = tiny.clip.encode_image(pixels, normalize=True)
    handle.remove()
    expected = passed[0].flatten(2).numpy()
    np.testing.assert_allclose(np.maximum(maps.shortcut + maps.conv, 0), expected, atol=1e-5)
    np.testing.assert_allclose(maps.embeddings, embeddings.numpy(), atol=1e-5)
