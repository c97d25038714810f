"""Find fonts of this system with fontconfig, to suggest them in a message; no font is used unless the user asks."""

import shutil
import subprocess
from pathlib import Path

_SECONDS = 10.0  # fontconfig may read all fonts first
_MOST = 10


def likely_fonts(letters: str) -> list[Path]:
    """List the files of the system's fonts that are likely to have these letters, the likeliest first.

    The list is empty without fontconfig, and a listed font may still lack the letters.
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
