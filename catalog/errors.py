"""Errors of the catalog; every message ends with what to do about it.

CatalogError (a CircuitsError)
├── LabelError                a label that breaks a rule, or that does not exist
├── LabelFileError            a label file that cannot be read or written, or that does not fit the catalog
├── CircuitError              a circuit that does not exist, or that cannot be found, drawn, joined or saved
├── NamedQueryError           a query that does not exist, breaks a rule, or lacks a parameter
├── ExportError               a file that cannot be written, or that holds no circuit
├── ArticleError              files of the enrichment circuits article that are missing or not as published
├── MacroscopicError          contributions between layers that an extraction folder does not hold
└── TorchMissing              a call that needs the network itself, but torch or open_clip is missing or broken
"""

from collections.abc import Iterator
from contextlib import contextmanager

from extract.errors import CircuitsError


class CatalogError(CircuitsError):
    """An error in the catalog that the user can mend."""


class LabelError(CatalogError):
    """A label that breaks a rule, or that does not exist."""


class LabelFileError(CatalogError):
    """A label file that cannot be read or written, or that does not fit the catalog."""


class CircuitError(CatalogError):
    """A circuit that does not exist, or that cannot be found, drawn, joined or saved."""


class NamedQueryError(CatalogError):
    """A query that does not exist, breaks a rule, or lacks a parameter."""


class ArticleError(CatalogError):
    """Files of the enrichment circuits article that are missing or not as published."""


class ExportError(CatalogError):
    """A file that cannot be written, or that holds no circuit."""


class MacroscopicError(CatalogError):
    """Contributions between layers that an extraction folder does not hold."""


class TorchMissing(CatalogError):
    """A call that needs the network itself, but torch or open_clip is missing or cannot be loaded."""


_EXTRA = ("torch", "open_clip", "scipy", "wordfreq")  # what the extra installs
_OWN = ("extract", "graph", "catalog")


@contextmanager
def torch_needed() -> Iterator[None]:
    """Raise TorchMissing, which says how to install torch, if the import in this block fails because of torch."""
    try:
        yield
    except (ImportError, OSError) as error:  # a shared library of torch that cannot be loaded is an OSError
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
            f"torch is installed, but it or a library that it needs cannot be loaded ({cause}). Install it again: pip "
            "install --force-reinstall 'clip-circuits[extract]'"
        ) from error
