"""Fonts of this system, as fontconfig knows them, to be named in a message: none is used without being asked for."""

import shutil
import subprocess
from pathlib import Path

_SECONDS = 10.0  # fontconfig may read all fonts first
_MOST = 10


def likely_fonts(letters: str) -> list[Path]:
    """The files of fonts of this system that most likely have these letters, the likeliest first.

    None where there is no fontconfig; one that is listed may lack the letters all the same.
    """
    if not (program := shutil.which("fc-match")):
        return []
    points = " ".join(sorted({f"{ord(letter):x}" for letter in letters}))
    command = [program, "--sort", "--format", "%{file}\n", f"sans-serif:color=False:charset={points}"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True).stdout
    except (OSError, ValueError, subprocess.SubprocessError):
        return []
    return [Path(line) for line in listed.splitlines()[:_MOST]]
