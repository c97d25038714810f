"""Commands that make what a page misses, to be copied."""

import re

from catalog import DEMO


def extract(model: str) -> str:
    """How a model in the catalog was extracted, by its id, such as `RN50:openai`."""
    name, _, tag = model.partition(":")
    if model == DEMO:
        return "circuits extract demo"
    random = re.fullmatch(r"random-(\d+)", tag)
    return f"circuits extract {name} " + (f"--seed {random[1]}" if random else f"--pretrained {tag}")
