"""Write files all or nothing."""

from pathlib import Path

from extract.errors import CircuitsError


def replace_file(
    path: Path, data: bytes, error: type[CircuitsError], advice: str = "Choose another place.", parents: bool = False
) -> None:
    """Write data under a temporary name, then rename it, so that a file is never half written.

    Links and pipes, such as /dev/stdout, are written to directly. `parents` makes the folders above. Raises `error`
    where the disk refuses; its message ends with the advice.
    """
    temporary = path.with_name(f"{path.name}.tmp")
    try:
        if parents:
            path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink() or (path.exists() and not path.is_file()):
            path.write_bytes(data)
        else:
            temporary.write_bytes(data)
            temporary.replace(path)
    except OSError as refusal:
        raise error(f"{path} cannot be written: {refusal.strerror}. {advice}") from refusal
