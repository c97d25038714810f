"""Connect to a database through the driver, whose optional imports and printed messages are turned off here."""

import logging
import sys
from types import ModuleType


class _OptionalDependencies(ModuleType):
    """A stand-in for the driver's module of this name, in which every optional dependency is absent."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return None


# Where numpy, pandas and pyarrow are installed, the driver imports them to accept their values as parameters, which
# takes every command more than a second. Here parameters are plain values (see `parameters`), so the driver is told
# that none of the three is installed. Other code can still import them. A driver that was imported before stays as it
# is; if the driver one day renames this module, it only starts more slowly.
if "neo4j" not in sys.modules:
    sys.modules["neo4j._optional_deps"] = _OptionalDependencies("neo4j._optional_deps")

# Errors of a connection are translated and raised; without this handler the driver would also print them.
logging.getLogger("neo4j").addHandler(logging.NullHandler())
