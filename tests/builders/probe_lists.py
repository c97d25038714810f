"""Build lists of top probes from the probes' places."""

import numpy as np

from extract.responses.top_probes import RankedProbes


def lists(*rows: list[int]) -> RankedProbes:
    """Return lists of probes from the probes' places; shorter lists are filled up with entries that are not valid."""
    longest = max(map(len, rows))
    probes = np.array([row + [0] * (longest - len(row)) for row in rows])
    valid = np.array([[n < len(row) for n in range(longest)] for row in rows])
    return RankedProbes(probes, valid * 1.0, valid * 1.0, probes * 0, valid)
