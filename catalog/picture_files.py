"""Write pictures to files."""

from io import BytesIO
from pathlib import Path

from PIL import Image

from catalog.errors import ExportError
from extract.files import at_home, replace_file


def write_picture(picture: Image.Image, path: Path | str) -> None:
    """Write a picture in the format of the file's suffix. Raises ExportError if that is not possible."""
    file, stream = at_home(path), BytesIO()
    advice = "Name a file such as attacked.png in an existing folder."
    try:
        picture.save(stream, Image.registered_extensions()[file.suffix.lower()])
    except (OSError, KeyError) as error:
        raise ExportError(f"{file} cannot be written: Pillow cannot write this format. {advice}") from error
    replace_file(file, stream.getvalue(), ExportError, advice)
