"""Units and layers against open_clip's own modules and the names that others use."""

import re

import open_clip
import pytest
import torch
from open_clip.modified_resnet import ModifiedResNet
from torch import nn

from extract.errors import UnknownUnit
from extract.network.network import Network
from extract.units import ARCHITECTURES, Architecture, Layer, Unit, microscope_url

RN50 = ARCHITECTURES["RN50"]


def shapes(visual: nn.Module, architecture: Architecture, images: torch.Tensor) -> dict[Layer, torch.Size]:
    """Of every layer's tensor in a forward pass, read where `Layer.module` says."""
    found = {}
    for layer in architecture.layers:
        module = visual.get_submodule(layer.module)
        if layer.role == "sum":
            module.register_forward_pre_hook(lambda _, inputs, layer=layer: found.update({layer: inputs[0].shape}))
        else:
            module.register_forward_hook(lambda _, __, output, layer=layer: found.update({layer: output.shape}))
    visual(images)
    return found


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_channels_and_grids_are_those_of_open_clips_forward_pass(name: str) -> None:
    architecture, config = ARCHITECTURES[name], open_clip.get_model_config(name)
    vision, width = config["vision_cfg"], config["vision_cfg"]["width"]
    side = vision["image_size"]
    with torch.device("meta"):  # open_clip's own code, which computes shapes and nothing else
        visual = ModifiedResNet(vision["layers"], config["embed_dim"], width * 32 // 64, side, width)
        found = shapes(visual, architecture, torch.empty(1, 3, side, side))
    expected = {}
    for layer in architecture.layers:
        grid = architecture.grid(layer)
        expected[layer] = torch.Size((1, architecture.channels(layer), grid, grid))
    assert found == expected
    assert list(found) == list(architecture.layers)  # in forward order too


def test_layers_of_a_computed_forward_pass(tiny: Network) -> None:
    found = shapes(tiny.visual, tiny.architecture, torch.zeros(1, 3, 64, 64))
    assert found[Layer(4, 2, 6)] == (1, 256, 2, 2)
    assert found[Layer(4, 0, 3)] == (1, 64, 4, 4)


def test_rn50_has_41600_units() -> None:
    assert sum(map(RN50.channels, RN50.layers)) == 41_600
    assert sum(RN50.channels(layer) for layer in RN50.layers if layer.index != 7) == 37_760


def test_every_batch_norm_of_a_block_is_one_layer(tiny: Network) -> None:
    norms = {name for name, module in tiny.visual.named_modules() if isinstance(module, nn.BatchNorm2d)}
    blocks = {name for name in norms if name.startswith("layer")}
    assert blocks == {layer.module for layer in tiny.architecture.layers if layer.role != "sum"}


@pytest.mark.parametrize(
    "text",
    [
        "4/2/6",
        " 4/2/6 ",
        "image_block_4_2_Add_6_0",
        "image_block_4_2_add_6_0",
        "image_block_4/2/Add_6:0",
        "image_block_4/2/Add_6",
        "https://microscope.openai.com/models/contrastive_rn50/image_block_4_2_Add_6_0",
        "layer4.2.act3",
        "layer4[2].act3",
        "visual.layer4.2.act3",
        "visual.layer4[2].relu3",
    ],
)
def test_aliases_of_a_sum(text: str) -> None:
    assert Layer.parse(text) == Layer(4, 2, 6)
    assert Unit.parse(f"{text.strip()}/34") == Unit(Layer(4, 2, 6), 34)


@pytest.mark.parametrize(
    ("text", "layer"),
    [
        ("layer4.0.act3", "4/0/8"),
        ("visual.layer4.0.relu3", "4/0/8"),
        ("image_block_4_0_Add_8_0", "4/0/8"),
        ("layer3.5.bn1", "3/5/1"),
        ("layer3.5.act1", "3/5/1"),
        ("layer3.5.relu1", "3/5/1"),
        ("image_block_3_5_add_1_0", "3/5/1"),
        ("image_block_3/5/add_3:0", "3/5/3"),
        ("layer3[5].act2", "3/5/3"),
        ("layer3[5].bn2", "3/5/3"),
        ("layer3.5.bn3", "3/5/5"),
        ("image_block_3_5_add_5_0", "3/5/5"),
        ("visual.layer1.0.downsample", "1/0/7"),
        ("layer1.0.downsample.1", "1/0/7"),
        ("layer1[0].downsample[2]", "1/0/7"),
        ("image_block_1_0_add_7_0", "1/0/7"),
    ],
)
def test_aliases_of_other_layers(text: str, layer: str) -> None:
    assert str(Layer.parse(text)) == layer


def test_a_unit_may_follow_a_colon() -> None:
    assert str(Unit.parse("image_block_3/1/add_3:0:105")) == "3/1/3/105"
    assert str(Unit.parse(" 3/1/3:105\n")) == "3/1/3/105"


@pytest.mark.parametrize(
    "text",
    [
        "https://microscope.openai.com/models/contrastive_rn50/image_block_4_2_Add_6_0/34?x=1",
        "https://microscope.openai.com/models/contrastive_rn50/image_block_4_2_Add_6_0/34/",
        "https://microscope.openai.com/models/contrastive_rn50/image_block_4_2_Add_6_0/34/?models.op.feature_vis.type=x",
        "https://microscope.openai.com/models/contrastive_rn50/image_block_4_2_Add_6_0/34#top",
        "microscope.openai.com/models/contrastive_rn50/image_block_4_2_Add_6_0/34",
        "4/2/6/34/",
        "4/2/add_6/34",
        "4/2/Add_6_0/34",
        "layer4.2:34",
        "layer4[2]/34",
        "module.visual.layer4.2.act3:34",
        "model.visual.layer4.2/34",
        "module.layer4.2.act3/34",
    ],
)
def test_a_unit_as_other_sites_and_tools_write_it(text: str) -> None:
    assert Unit.parse(text) == RN50.unit(text) == Unit(Layer(4, 2, 6), 34)


def test_a_page_of_a_layer_may_have_a_query() -> None:
    page = "microscope.openai.com/models/contrastive_rn50/image_block_4_2_Add_6_0"
    for end in ("?models.op.technique=deep_dream", "/?models.op.technique=deep_dream", "/"):
        assert Layer.parse(page + end) == Layer(4, 2, 6)


def test_a_block_or_a_stage_has_the_units_of_its_last_sum() -> None:
    assert str(Unit.parse("layer4.0:3")) == "4/0/8/3"
    assert str(RN50.unit("layer3/3")) == str(RN50.unit("visual.layer3:3")) == "3/5/6/3"
    assert str(ARCHITECTURES["RN101"].unit("layer3/3")) == "3/22/6/3"
    with pytest.raises(UnknownUnit):
        RN50.unit("layer5/3")


def test_an_address_whose_op_stands_in_its_query_names_the_unit_of_its_path() -> None:
    with pytest.raises(UnknownUnit, match="is not the name of a unit"):
        Unit.parse("https://microscope.openai.com/models/contrastive_rn50?unit=4/2/6/34")


def test_every_layer_and_its_module_read_back() -> None:
    for architecture in ARCHITECTURES.values():
        for layer in architecture.layers:
            assert Layer.parse(str(layer)) == Layer.parse(layer.module) == architecture.layer(str(layer)) == layer


@pytest.mark.parametrize(
    "text",
    [
        "", "4", "4/2", "4/2/0", "4/2/2", "4/2/4", "4/2/7", "4/2/8", "4/0/6", "0/0/1", "-4/2/6", "4/2/6/", "a/b/c",
        "4.2.6", "layer4.2.conv3", "layer4.2", "layer4.2.avgpool", "layer4.2.relu", "layer4.2.downsample",
        "layer4.2.bn1.1", "image_block_4_2_Add_7_0", "stem", "9" * 5000 + "/1/1",
    ],
)  # fmt: skip
def test_what_names_no_layer_is_refused(text: str) -> None:
    with pytest.raises(UnknownUnit):
        Layer.parse(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("4/2/6", "is not the name of a layer"),
        ("34", "is not the name of a unit"),
        ("4/2/6/x", "is not the name of a unit"),
        ("4/2/6/-1", "is not the name of a unit"),
        ("4/2/6/2048", "channels 0 to 2047"),
        ("4/2/1/512", "channels 0 to 511"),
        ("4/3/6/0", "3 in stage 4"),
        ("5/0/8/0", "3 in stage 4"),
        ("4/0/6/0", r"6 \(the sum\); in block 0 use 1, 3, 5, 7 or 8 \(the sum\)"),
    ],
)
def test_a_unit_that_the_network_lacks_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(UnknownUnit, match=reason):
        RN50.unit(text)


def test_the_last_channel_is_a_unit() -> None:
    assert str(RN50.unit("4/2/6/2047")) == "4/2/6/2047"


@pytest.mark.parametrize(
    ("model", "unit", "url"),
    [
        ("RN50:openai", "4/2/6/34", "contrastive_rn50/image_block_4_2_Add_6_0/34"),
        ("RN50:openai", "4/0/8/2", "contrastive_rn50/image_block_4_0_Add_8_0/2"),
        ("RN50:openai", "4/2/5/34", "contrastive_rn50/image_block_4_2_add_5_0/34"),
        ("RN50:openai", "4/1/3/51", "contrastive_rn50/image_block_4_1_add_3_0/51"),
        ("RN50x4:openai", "4/5/6/7", "contrastive_4x/image_block_4_5_Add_6_0/7"),
        ("RN101:openai", "4/2/6/7", "contrastive_v2/image_block_4_2_Add_6_0/7"),
    ],
)
def test_pages_on_microscope(model: str, unit: str, url: str) -> None:
    page = microscope_url(model, Unit.parse(unit))
    assert page == f"https://microscope.openai.com/models/{url}"
    assert Unit.parse(page) == Unit.parse(unit)


@pytest.mark.parametrize("model", ["RN50:yfcc15m", "RN50:random-0", "demo:emoji", "RN50x64:openai", "RN50"])
def test_other_models_have_no_page_on_microscope(model: str) -> None:
    assert microscope_url(model, Unit.parse("4/2/6/34")) is None


@pytest.mark.parametrize(
    ("layer", "shortcut", "read"),
    [("4/2/6", "4/1/6", "4/1/6"), ("4/1/6", "4/0/8", "4/0/8"), ("4/0/8", "4/0/7", "3/5/6"), ("1/0/8", "1/0/7", None)],
)
def test_what_a_block_reads_and_adds(layer: str, shortcut: str, read: str | None) -> None:
    total = Layer.parse(layer)
    assert RN50.shortcut(total) == Layer.parse(shortcut)
    assert RN50.block_input(total) == (read and Layer.parse(read))


def test_direct_pairs_have_one_convolution_between_them() -> None:
    pairs = {
        (str(source), str(target)) for source in RN50.layers for target in RN50.layers if RN50.is_direct(source, target)
    }
    inputs = {(source, target) for source, target in pairs if target[-1] in "17"}
    assert {("4/2/1", "4/2/3"), ("4/2/3", "4/2/5"), ("1/0/1", "1/0/3"), ("4/0/3", "4/0/5")} <= pairs - inputs
    assert {("4/1/6", "4/2/1"), ("4/0/8", "4/1/1"), ("3/5/6", "4/0/1"), ("3/5/6", "4/0/7")} <= inputs
    assert len(pairs - inputs) == 2 * 16
    assert len(inputs) == 15 + 3  # every block but the first; the stages' first blocks but the first have index 7
    assert not {target for _, target in pairs if target[-1] in "68"}


def test_sums_are_the_last_layer_of_every_block() -> None:
    shape = ARCHITECTURES["RN50"]
    assert len(shape.sums) == sum(shape.blocks)
    assert [layer for layer in shape.layers if layer.index in (6, 8)] == list(shape.sums)
    assert shape.sums[-1] == shape.final


PAGE = "https://microscope.openai.com/models/{}/image_block_4_2_Add_6_0/34"


@pytest.mark.parametrize("model", ["RN50:openai", "RN50:epoch_3@0123456789ab"])
def test_microscopes_page_of_the_model_itself_names_its_unit(model: str) -> None:
    assert RN50.unit(PAGE.format("contrastive_rn50"), model) == Unit(Layer(4, 2, 6), 34)


@pytest.mark.parametrize(
    ("page", "model", "theirs"),
    [
        ("contrastive_4x", "RN50:openai", "RN50x4:openai"),
        ("contrastive_v2", "RN50:epoch_3@0123456789ab", "RN101:openai"),
        ("contrastive_rn50", "RN50:yfcc15m", "RN50:openai"),
        ("contrastive_rn50", "RN50:random-0", "RN50:openai"),
        ("inceptionv1", "RN50:openai", "inceptionv1"),
    ],
)
def test_microscopes_page_of_another_model_is_refused_and_the_way_out_works(page: str, model: str, theirs: str) -> None:
    with pytest.raises(UnknownUnit, match=f"a unit of {theirs}, but this model is {model}") as told:
        RN50.unit(PAGE.format(page), model)
    (advice,) = re.findall("write ([0-9/]+) for", str(told.value))
    assert RN50.unit(advice, model) == Unit(Layer(4, 2, 6), 34)
