"""Units and layers of CLIP's ModifiedResNets, and the notations that other tools use for units and layers.

A unit is one channel of a layer, written `layer/block/index/channel` as in OpenAI Microscope: `4/2/6/34`. The first
number is the stage, counted from 1; blocks are counted from 0. The index names a tensor of the block: 1 is the output
of bn1, 3 of bn2, 5 of bn3 (the conv branch) and 7 of the downsample batch norm. Index 6 (8 in block 0) is the sum: the
conv branch plus the shortcut, which is index 7 or the previous block's output. The sum's ReLU is the block's output.

"The article" is the one on enrichment circuits in CLIP, in this module and in all others of `extract`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Self

from extract.errors import UnknownUnit

if TYPE_CHECKING:
    from pydantic_core import CoreSchema

ROLES = {1: "bn1", 3: "bn2", 5: "conv", 6: "sum", 7: "downsample", 8: "sum"}
_MODULES = {"bn1": "bn1", "bn2": "bn2", "bn3": "conv"}
_MODULES |= {"act1": "bn1", "act2": "bn2", "act3": "sum"}  # open_clip's activations
_MODULES |= {"relu1": "bn1", "relu2": "bn2", "relu3": "sum"}  # openai/CLIP's
_MODULES |= dict.fromkeys(("downsample", "downsample.1", "downsample[2]"), "downsample")

_CANONICAL = re.compile(r"(\d{1,9})/(\d{1,9})/(\d{1,9})")
_MICROSCOPE = re.compile(
    r"(?:(?:https?://)?microscope\.openai\.com/models/\w+/)?"
    r"image_block_(\d{1,9})[_/](\d{1,9})[_/][Aa]dd_(\d{1,9})(?:[_:]0)?/?"
)
_MICROSCOPE_PAGE = re.compile(r"(?:https?://)?microscope\.openai\.com/models/(\w+)/")
_OP = re.compile(r"(\d{1,9})/(\d{1,9})/[Aa]dd_(\d{1,9})(?:[_:]0)?")  # a Microscope op as the article shortens it
_BLOCK = re.compile(r"(?:(?:module|model)\.)*(?:visual\.)?layer(\d{1,9})(?:\.(\d{1,9})|\[(\d{1,9})\])")
_STAGE = re.compile(r"(?:(?:module|model)\.)*(?:visual\.)?layer(\d{1,9})")
_MODULE = re.compile(
    r"(?:(?:module|model)\.)*(?:visual\.)?layer(\d{1,9})(?:\.(\d{1,9})|\[(\d{1,9})\])\.([a-z]+\d?(?:\.1|\[2\])?)"
)


@dataclass(frozen=True, order=True)
class Layer:
    """One named tensor of a block; `stage` counts from 1, `block` from 0, and `index` is numbered as in Microscope."""

    stage: int
    block: int
    index: int

    def __post_init__(self) -> None:
        """Raise UnknownUnit for a layer that no ModifiedResNet has, such as index 6 in block 0."""
        allowed = (1, 3, 5, 6) if self.block else (1, 3, 5, 7, 8)
        if self.index not in allowed or self.stage < 1:
            raise UnknownUnit(
                f"There is no layer {self}. Use index 1, 3, 5 or 6 (the sum); in block 0 use 1, 3, 5, 7 or 8 (the sum)."
            )

    def __str__(self) -> str:
        """Write the layer in the article's notation, such as 4/2/6."""
        return f"{self.stage}/{self.block}/{self.index}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> "CoreSchema":
        """Let pydantic read a layer from text such as 4/2/6, and write the same text."""
        return _text_schema(cls)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse `4/2/6`, a Microscope op or page, or a module's name in open_clip or openai/CLIP.

        The query of a URL is ignored. Raises UnknownUnit for any other text.
        """
        text = _without_query(text)
        if match := _CANONICAL.fullmatch(text) or _MICROSCOPE.fullmatch(text) or _OP.fullmatch(text):
            return cls(*map(int, match.groups()))
        if (match := _MODULE.fullmatch(text)) and (role := _MODULES.get(match[4])):
            block = int(match[2] or match[3])
            return cls(int(match[1]), block, _index(role, block))
        raise UnknownUnit(
            f"{text!r} is not the name of a layer. Write it as 4/2/6, as a module such as layer4.2.act3, or as a "
            "Microscope op such as image_block_4_2_Add_6_0."
        )

    @property
    def role(self) -> str:
        """What the tensor is: bn1, bn2, conv (bn3's output), downsample or sum."""
        return ROLES[self.index]

    @property
    def inner(self) -> bool:
        """Whether the layer is bn1 or bn2, that is, lies inside a conv branch and is followed by a ReLU."""
        return self.role in ("bn1", "bn2")

    @property
    def module(self) -> str:
        """The module of open_clip's `visual` that outputs the layer; for a sum, act3, which reads the sum."""
        names = {"bn1": "bn1", "bn2": "bn2", "conv": "bn3", "downsample": "downsample.1", "sum": "act3"}
        return f"layer{self.stage}.{self.block}.{names[self.role]}"

    @property
    def output(self) -> "Layer":
        """The sum of this layer's block."""
        return Layer(self.stage, self.block, _index("sum", self.block))

    @property
    def as_source(self) -> "Layer":
        """The layer under which weights out of this layer are stored.

        For conv and downsample that is the block's sum, because either branch reaches the sum unchanged.
        """
        return self.output if self.role in ("conv", "downsample") else self


@dataclass(frozen=True, order=True)
class Unit:
    """One channel of one layer."""

    layer: Layer
    channel: int

    def __str__(self) -> str:
        """Write the unit in the article's notation, such as 4/2/6/34."""
        return f"{self.layer}/{self.channel}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> "CoreSchema":
        """Let pydantic read a unit from text such as 4/2/6/34, and write the same text."""
        return _text_schema(cls)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a layer as `Layer.parse` does, then a slash or colon, then the channel.

        A block in place of the layer, such as `layer4.2`, stands for its sum. The query of a URL is ignored. Raises
        UnknownUnit for any other text.
        """
        layer, channel = _split(text)
        if block := _BLOCK.fullmatch(layer):
            return cls(Layer(int(block[1]), int(block[2] or block[3]), 5).output, channel)
        return cls(Layer.parse(layer), channel)


@dataclass(frozen=True)
class Architecture:
    """The shape of a ModifiedResNet: blocks per stage, width of the stem, and side of the square image in pixels."""

    blocks: tuple[int, ...]
    width: int
    image_size: int

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """Every layer in forward order; a block's index 7 (the downsample) comes just before its sum."""
        return tuple(self._layers())

    def _layers(self) -> Iterator[Layer]:
        for stage, depth in enumerate(self.blocks, start=1):
            for block in range(depth):
                for index in (1, 3, 5, 6) if block else (1, 3, 5, 7, 8):
                    yield Layer(stage, block, index)

    @cached_property
    def sums(self) -> tuple[Layer, ...]:
        """Every block's sum, in forward order."""
        return tuple(layer for layer in self.layers if layer.role == "sum")

    @property
    def final(self) -> Layer:
        """The last block's sum, whose units the attention pool reads."""
        return self.layers[-1]

    def channels(self, layer: Layer) -> int:
        """Count the units of a layer: p for index 1 and 3, 4p for any other, where p = width * 2^(stage - 1)."""
        return (self.width << layer.stage - 1) * (1 if layer.index in (1, 3) else 4)

    def grid(self, layer: Layer) -> int:
        """Return the side of a layer's map in positions.

        In block 0 of stages 2 to 4 the maps of indexes 1 and 3 are twice as wide: the pool comes after them.
        """
        before_pool = layer.block == 0 and layer.stage > 1 and layer.index in (1, 3)
        return self.image_size // 4 >> layer.stage - 1 - before_pool

    def shortcut(self, total: Layer) -> Layer:
        """Return the layer that a sum adds to the conv branch: index 7 in block 0, else the previous block's sum."""
        if total.block == 0:
            return Layer(total.stage, 0, 7)
        return Layer(total.stage, total.block - 1, 5).output

    def branches(self, total: Layer) -> dict[str, Layer]:
        """Return a sum and its branches, keyed `sum`, `shortcut` and `conv`. Raises UnknownUnit for any other layer."""
        if total.role != "sum":
            raise UnknownUnit(f"{total} is not a sum. Choose the block's sum, {total.output}.")
        return {"sum": total, "shortcut": self.shortcut(total), "conv": Layer(total.stage, total.block, 5)}

    def addends(self, unit: Unit) -> dict[str, Unit]:
        """Return the two units that a sum's unit adds up, keyed `shortcut` and `conv`; empty for any other unit."""
        if unit.layer.role != "sum":
            return {}
        layers = self.branches(unit.layer)
        return {branch: Unit(layers[branch], unit.channel) for branch in ("shortcut", "conv")}

    def block_input(self, layer: Layer) -> Layer | None:
        """Return the sum whose ReLU is the input of a layer's block; None for the first block, which reads the stem."""
        if layer.block:
            return Layer(layer.stage, layer.block - 1, 5).output
        if layer.stage == 1:
            return None
        return Layer(layer.stage - 1, self.blocks[layer.stage - 2] - 1, 5).output

    def is_direct(self, source: Layer, target: Layer) -> bool:
        """Check whether a single convolution leads from source to target.

        That holds from index 1 to 3, from 3 to 5, and from a block's input to its 1 and 7.
        """
        if target.role in ("bn1", "downsample"):
            return source == self.block_input(target)
        return target.index in (3, 5) and source == Layer(target.stage, target.block, target.index - 2)

    def unit(self, text: str, model: str | None = None) -> Unit:
        """Parse a unit and check that this network has the unit. Raises UnknownUnit otherwise.

        A stage in place of the layer, such as `layer4`, stands for its last sum. `model` is this network's id; with an
        id, a Microscope page of another model raises UnknownUnit, too.
        """
        layer, channel = _split(text)
        stage = _STAGE.fullmatch(layer)
        unit = Unit(self._last_sum(int(stage[1])), channel) if stage else Unit.parse(text)
        if model and (page := _MICROSCOPE_PAGE.match(text.strip())):
            self._refuse_other(page[1], model, unit)
        self.check(unit.layer)
        if unit.channel >= self.channels(unit.layer):
            last = self.channels(unit.layer) - 1
            raise UnknownUnit(f"There is no unit {unit}: layer {unit.layer} has channels 0 to {last}.")
        return unit

    def _refuse_other(self, page: str, model: str, unit: Unit) -> None:
        """Raise UnknownUnit for a Microscope page of another model.

        The id of a model from a file (with `@`) does not tell the weights, so only its architecture is compared.
        """
        name = next((name for name, word in _MICROSCOPE_MODELS.items() if word == page), "")
        theirs = f"{name}:openai" if name else page
        if model != theirs and not ("@" in model and ARCHITECTURES.get(name) == self):
            raise UnknownUnit(
                f"The address belongs to a unit of {theirs}, but this model is {model}. Choose that model, or write "
                f"{unit} for the unit in the same place."
            )

    def _last_sum(self, stage: int) -> Layer:
        depth = self.blocks[stage - 1] if 1 <= stage <= len(self.blocks) else 1
        return Layer(stage, depth - 1, 5).output

    def layer(self, text: str) -> Layer:
        """Parse a layer and check that this network has the layer. Raises UnknownUnit otherwise."""
        return self.check(Layer.parse(text))

    def check(self, layer: Layer) -> Layer:
        """Return the layer if this network has it. Raises UnknownUnit otherwise."""
        if layer not in self.layers:
            shape = ", ".join(f"{depth} in stage {stage}" for stage, depth in enumerate(self.blocks, start=1))
            raise UnknownUnit(f"There is no layer {layer}: this network's blocks, counted from 0, are {shape}.")
        return layer


ARCHITECTURES = {
    "RN50": Architecture((3, 4, 6, 3), 64, 224),
    "RN101": Architecture((3, 4, 23, 3), 64, 224),
    "RN50x4": Architecture((4, 6, 10, 6), 80, 288),
    "RN50x16": Architecture((6, 8, 18, 8), 96, 384),
    "RN50x64": Architecture((3, 15, 36, 10), 128, 448),
}
_MICROSCOPE_MODELS = {
    "RN50": "contrastive_rn50",
    "RN101": "contrastive_v2",
    "RN50x4": "contrastive_4x",
    "RN50x16": "contrastive_16x",
}


def microscope_url(model: str, unit: Unit) -> str | None:
    """Return the URL of a unit on OpenAI Microscope, or None for a model that Microscope does not show.

    `model` is an id such as `RN50:openai`.
    """
    name, _, tag = model.partition(":")
    if tag != "openai" or name not in _MICROSCOPE_MODELS:
        return None
    layer = unit.layer
    word = "Add" if layer.role == "sum" else "add"  # capitals as in Microscope
    op = f"image_block_{layer.stage}_{layer.block}_{word}_{layer.index}_0"
    return f"https://microscope.openai.com/models/{_MICROSCOPE_MODELS[name]}/{op}/{unit.channel}"


def _without_query(text: str) -> str:
    return re.split(r"[?#]", text.strip(), maxsplit=1)[0]


def _split(text: str) -> tuple[str, int]:
    """Split a unit's name into its layer and its channel. Raises UnknownUnit for any other text."""
    match = re.fullmatch(r"(.+)[/:](\d{1,9})/?", _without_query(text))
    if match is None:
        raise UnknownUnit(f"{text!r} is not the name of a unit. Write layer/block/index/channel, such as 4/2/6/34.")
    return match[1], int(match[2])


def _index(role: str, block: int) -> int:
    if role == "sum":
        return 6 if block else 8
    return {"bn1": 1, "bn2": 3, "conv": 5, "downsample": 7}[role]


def _text_schema(cls: "type[Layer] | type[Unit]") -> "CoreSchema":
    """Make the pydantic schema of a layer or a unit: read from its text, or taken as an object, and written as text.

    Reading raises UnknownUnit.
    """
    from pydantic_core import core_schema as schema  # here, so that this module needs only the standard library

    text = schema.no_info_after_validator_function(cls.parse, schema.str_schema())
    return schema.union_schema(
        [schema.is_instance_schema(cls), text], serialization=schema.to_string_ser_schema(when_used="always")
    )
