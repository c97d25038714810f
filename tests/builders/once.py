"""Build a folder once for all workers."""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


def once(factory: pytest.TempPathFactory, name: str, build: Callable[[Path], object]) -> Path:
    """Return a copy of a folder that `build` fills. The first worker fills the folder while the others wait."""
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent  # the workers' folders stand side by side there
    original = root / name
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not original.exists():
            unfinished = root / f"{name} unfinished"
            build(unfinished)
            unfinished.rename(original)
    return Path(shutil.copytree(original, factory.mktemp("copy") / name))
