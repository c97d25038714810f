"""Messages about the article's files, its report, and pictures that are written."""

from pathlib import Path

from PIL import Image

from catalog.article.last_sums import visualisation_folders
from catalog.article.published_shares import BLOCKS, read_published
from catalog.article.report import Report
from catalog.picture_files import write_picture
from extract.units import ARCHITECTURES
from tests.faults.advice.messages import Act, Advice, Table

LINE = "Unit {} -> (tensor(0.5, device='cuda:0', dtype=torch.float16), 0.1)\n"


def published(*lines: str) -> Act:
    """Read the authors' files, each of these lines."""

    def read() -> object:
        for block in BLOCKS:
            Path(f"relu_conv_bottleneck_{block.replace('/', '_')}.txt").write_text("".join(lines))
        return read_published(".")

    return read


def written(name: str) -> Act:
    return lambda: Report({}, ()).write(name)


def pictured(name: str) -> Act:
    return lambda: write_picture(Image.new("RGB", (2, 2)), name)


def visualised(folder: str) -> Act:
    return lambda: visualisation_folders(Path(folder), ARCHITECTURES["RN50"])


CASES: tuple[tuple[str, Act, Act], ...] = (
    ("does not hold a unit and its share", published("Unit 0 -> 0.5\n"), published(LINE.format(0))),
    ("lacks a unit, or holds one twice", published(LINE.format(1)), published(LINE.format(0), LINE.format(1))),
    ("does not show the report's format", written("report.pdf"), written("report.html")),
    ("Pillow cannot write this format", pictured("attacked"), pictured("attacked.png")),
    ("is not a folder. Name one with pictures", visualised("nowhere"), visualised(".")),
)
TABLE = Table(
    (
        *(f"catalog.article.{name}" for name in ("case_studies", "last_sums", "published_shares", "report_form")),
        "catalog.picture_files",
    ),
    tuple(Advice(*case) for case in CASES),
    elsewhere={
        "The article labels units of": "tests/catalog/article/test_case_studies.py",
        "but is not a case study": "tests/catalog/article/test_case_studies.py",
    },
)
