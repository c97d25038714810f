"""Errors that the user can resolve; every message ends with the way out.

CircuitsError                 the root of all errors here; the command line prints the message and exits with code 2
├── UnknownUnit               no such layer or channel in this network, or a name in an unknown notation
├── NoPath                    a source layer from which no path leads to the target
├── UnreachablePath           a path whose name no file can have, or inside a folder that may not be searched
├── TooManyFiles              the system lets this process open no more files
├── WeightsError              weights that cannot be found or read, or that do not belong to a ModifiedResNet
├── ProbesError               probe images that cannot be read, or a table or folder without probes
│   ├── NoShards              a file that is not a WebDataset shard, or a folder without shards
│   └── UnreadablePicture     bytes that are not a picture; the message is only the reason
├── VisualisationsError       a folder whose file names fit no unit, or without visualisations
├── LevelsError               a level without images, or images that were not sorted into categories
├── AblationError             a part that cannot be ablated, or too few images to compare
├── CensusError               maps, probes or covariates that do not allow a census (test of which units are enriched)
├── WordsError                a word that cannot be rendered as an image, or a list without words
└── ExtractionError           a folder that is not an extraction, is damaged, or cannot be written
"""


class CircuitsError(Exception):
    """An error that the user can resolve; the message says what happened, the usual cause and the way out."""


class UnknownUnit(CircuitsError):
    """A unit or layer that this network does not have, or that is written in an unknown notation."""


class NoPath(CircuitsError):
    """A source that does not lie below its target."""


class UnreachablePath(CircuitsError):
    """A path with a name that is too long or holds NUL, or a path through a folder that may not be searched."""


class TooManyFiles(CircuitsError):
    """The system lets this process open no more files, so any other file would fail, too."""


class WeightsError(CircuitsError):
    """Weights that cannot be found or read, are damaged, or belong to another kind of network."""


class ProbesError(CircuitsError):
    """Probe images that cannot be read, or a table or folder without probes."""


class NoShards(ProbesError):
    """A file that is not a WebDataset shard, is cut short, or holds no picture."""


class UnreadablePicture(ProbesError):
    """Bytes that cannot be decoded as a picture; the message is only the reason, and callers add the picture's name."""


class VisualisationsError(CircuitsError):
    """A folder whose file names fit no unit of the layer, or without a visualisation that can be read."""


class LevelsError(CircuitsError):
    """A level (of a unit's activation) without probes, or a sheet of sorted images that cannot be used."""


class AblationError(CircuitsError):
    """A part that cannot be ablated, or too few images to measure the effect."""


class CensusError(CircuitsError):
    """Maps, probes or covariates that do not fit together, or too few concepts for a census.

    A census is the statistical test of which units of a sum are enriched.
    """


class WordsError(CircuitsError):
    """A word that cannot be rendered as an image, a font or a list of words that cannot be read, or an empty list."""


class ExtractionError(CircuitsError):
    """A folder that is not an extraction, is damaged, or cannot be written."""
