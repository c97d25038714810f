"""Errors that the user can resolve; every message ends with the way out.

CircuitsError                 the root of every room's tree; the command line turns it into one line and exit code 2
├── UnknownUnit               no such layer or channel in this network, or a name in no known notation
├── NoPath                    a source layer from which no path leads to the target
├── UnreachablePath           a name that no file can have, or in a folder that may not be searched
├── TooManyFiles              the system lets this process open no more files
├── WeightsError              weights that cannot be had, or are not those of a ModifiedResNet
├── ProbesError               probe images that cannot be read, or a table or folder that holds none
│   ├── NoShards              a file that is no WebDataset shard, or a folder that holds none
│   └── UnreadablePicture     bytes that are no picture; its message is the reason alone
├── VisualisationsError       a folder of visualisations whose names fit no unit, or that holds none
├── LevelsError               a level or a sorting of images that says nothing
├── AblationError             a part that cannot be ablated, or too few images to compare
├── CensusError               maps, probes or covariates that a census of enrichment cannot be taken of
├── WordsError                a word that cannot be set as an image, or a list that holds none
└── ExtractionError           a folder that is no extraction, is damaged, or cannot be written
"""


class CircuitsError(Exception):
    """An error that the user can resolve; the message says what happened, the usual cause and the way out."""


class UnknownUnit(CircuitsError):
    """A unit or layer that this network does not have, or that is written in no known notation."""


class NoPath(CircuitsError):
    """A source that does not lie below its target."""


class UnreachablePath(CircuitsError):
    """A name that is too long for a file or holds NUL, or a path through a folder that may not be searched."""


class TooManyFiles(CircuitsError):
    """The system lets this process open no more files, whichever they are."""


class WeightsError(CircuitsError):
    """Weights that cannot be had, are damaged, or belong to another kind of network."""


class ProbesError(CircuitsError):
    """Probe images that cannot be read, or a table or folder that holds none."""


class NoShards(ProbesError):
    """A file that is no WebDataset shard, is cut short, or holds no picture."""


class UnreadablePicture(ProbesError):
    """Bytes that are no picture which can be decoded; the message is the reason alone, and callers name the picture."""


class VisualisationsError(CircuitsError):
    """A folder of visualisations whose names fit no unit of the layer, or that holds none that can be read."""


class LevelsError(CircuitsError):
    """A level or a sorting of images that says nothing: none was drawn, or none was put into a category."""


class AblationError(CircuitsError):
    """A part that cannot be ablated, or too few images to measure the effect."""


class CensusError(CircuitsError):
    """Maps, probes or covariates that do not fit together, or too few concepts for a census of enrichment."""


class WordsError(CircuitsError):
    """A word that cannot be set as an image, a font or a list of words that cannot be read, or an empty list."""


class ExtractionError(CircuitsError):
    """A folder that is no extraction, is damaged, or cannot be written."""
