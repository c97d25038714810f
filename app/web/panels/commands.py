"""Commands to copy, which make what a page lacks."""

import re

from catalog import DEMO


def extract(model: str) -> str:
    """Return the command that extracts a model of the catalog, from the model's id, such as `RN50:openai`."""
    name, _, tag = model.partition(":")
    if model == DEMO:
        return "circuits extract demo"
    random = re.fullmatch(r"random-(\d+)", tag)
    return f"circuits extract {name} " + (f"--seed {random[1]}" if random else f"--pretrained {tag}")
