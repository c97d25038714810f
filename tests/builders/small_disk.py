"""A file system in memory that is as small as a test wants it; mounting one needs root."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

LARGE = 1 << 30  # bytes


@dataclass(frozen=True)
class SmallDisk:
    """A file system in memory, and where it is mounted."""

    path: Path

    def leave_room(self, room: int) -> None:
        """Leave `room` bytes free, in whole pages."""
        _mount("-o", f"remount,size={shutil.disk_usage(self.path).used + room + 4095 & ~4095}", str(self.path))

    def enlarge(self) -> None:
        """Make the disk large again."""
        _mount("-o", f"remount,size={LARGE}", str(self.path))


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """Mount a disk over a folder, with room at first; skip the test if mounting is refused."""
    folder.mkdir()
    try:
        _mount("-t", "tmpfs", "-o", f"size={LARGE}", "small", str(folder))
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"A small disk cannot be mounted: {error}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)
