"""clip-circuits from Python: the circuits in CLIP's vision ResNets, in a graph database. Begin with `open_catalog`."""

from importlib.metadata import version

from catalog import (
    Catalog,
    CircuitsError,
    CircuitView,
    ExtractionView,
    Model,
    Table,
    UnitView,
    open_catalog,
    open_extraction,
    open_network,
    read_circuit,
)

__version__ = version("clip-circuits")
__all__ = [
    "Catalog",
    "CircuitView",
    "CircuitsError",
    "ExtractionView",
    "Model",
    "Table",
    "UnitView",
    "__version__",
    "open_catalog",
    "open_extraction",
    "open_network",
    "read_circuit",
]
