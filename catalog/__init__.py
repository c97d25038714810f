"""The front door of the catalog: everything that commands, pages and notebooks use of it."""

from catalog.catalog import Catalog, open_catalog, open_extraction, open_network, read_circuit
from catalog.circuit_view import CircuitView
from catalog.extraction_view import ExtractionView
from catalog.model import Model
from catalog.table import Table
from catalog.unit_view import UnitView
from extract.errors import CircuitsError

__all__ = [
    "Catalog",
    "CircuitView",
    "CircuitsError",
    "ExtractionView",
    "Model",
    "Table",
    "UnitView",
    "open_catalog",
    "open_extraction",
    "open_network",
    "read_circuit",
]
