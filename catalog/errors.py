"""What can go wrong in the catalog; every message ends with the way out.

CatalogError (a CircuitsError)
├── LabelError                a label that breaks a rule, or one that is not there to change
├── LabelFileError            a label file that cannot be read or written, or that does not fit the catalog
├── CircuitError              a unit that is the end of no such circuit, or circuits that cannot be drawn or joined
├── NamedQueryError           a query that is not there, breaks a rule, or lacks a parameter
├── ExportError               a circuit that cannot be written, or a file that holds none
├── ArticleError              files of the article's authors that are not there, or are others
├── MacroscopicError          contributions between layers that an extraction folder does not hold
└── TorchMissing              what needs the network itself, where torch or open_clip are missing or broken
"""

from collections.abc import Iterator
from contextlib import contextmanager

from extract.errors import CircuitsError


class CatalogError(CircuitsError):
    """Something in the catalog that the user can mend."""


class LabelError(CatalogError):
    """A label that breaks a rule, or one that is not there to change."""


class LabelFileError(CatalogError):
    """A label file that cannot be read or written, or that does not fit the catalog."""


class CircuitError(CatalogError):
    """A unit that is the end of no such circuit, or circuits that cannot be drawn or joined."""


class NamedQueryError(CatalogError):
    """A query of no such name, one that breaks a rule, or one that lacks a parameter."""


class ArticleError(CatalogError):
    """Files of the article's authors that are not there, or are others."""


class ExportError(CatalogError):
    """A circuit that cannot be written, or a file that holds none."""


class MacroscopicError(CatalogError):
    """Contributions between layers that an extraction folder does not hold."""


class TorchMissing(CatalogError):
    """What needs the network itself, where torch or open_clip are missing or cannot be loaded."""


_EXTRA = ("torch", "open_clip", "scipy", "wordfreq")  # what the extra installs
_OWN = ("extract", "graph", "catalog")


@contextmanager
def torch_needed() -> Iterator[None]:
    """Around an import that needs torch: one line on how to get it where it is missing, or cannot be loaded."""
    try:
        yield
    except (ImportError, OSError) as error:  # OSError of a library beside torch
        module = (getattr(error, "name", "") or "").partition(".")[0]
        if module in _OWN:
            raise
        if isinstance(error, ModuleNotFoundError) and module in _EXTRA:
            raise TorchMissing(
                f"Reading a network needs torch and open_clip ({error}). "
                "Install them: pip install 'clip-circuits[extract]'"
            ) from error
        cause, _, _ = str(error).partition("\n")
        raise TorchMissing(
            f"torch, or what it needs, is installed but cannot be loaded ({cause}). "
            "Install it anew: pip install --force-reinstall 'clip-circuits[extract]'"
        ) from error
