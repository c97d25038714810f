"""The message with which a weights file is refused."""

from pathlib import Path

import pytest

from extract.errors import WeightsError
from extract.network.weights import load_network


def refusal(name: str, file: Path | str | None) -> str:
    """Return the message with which a model refuses a weights file, and check that it is one line and not long."""
    with pytest.raises(WeightsError) as caught:
        load_network(name, file)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 700
    return message
