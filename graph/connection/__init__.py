"""The driver's connection to a database, without what it imports for itself and prints, and nobody here uses."""

import logging
import sys
from types import ModuleType


class _OptionalDependencies(ModuleType):
    """The driver's own module of this name, every optional dependency absent."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return None


# The driver imports numpy, pandas and pyarrow wherever they are installed, to take their values as parameters: more
# than a second of every command. Here parameters are plain values (see `database`), so the driver is told that there
# are none of these. Nothing else is touched: whoever imports numpy or pandas gets them. Where the driver was imported
# before, it stays as it is; should it name this module otherwise one day, it only starts more slowly.
if "neo4j" not in sys.modules:
    sys.modules["neo4j._optional_deps"] = _OptionalDependencies("neo4j._optional_deps")

# What goes wrong with a connection is translated and raised; the driver would also print it on the terminal.
logging.getLogger("neo4j").addHandler(logging.NullHandler())
