"""Build lists of top probes by their places."""

import numpy as np

from extract.responses.top_probes import RankedProbes


def lists(*rows: list[int]) -> RankedProbes:
    """Lists of probes by place, as long as the longest; the rest is not valid."""
    longest = max(map(len, rows))
    probes = np.array([row + [0] * (longest - len(row)) for row in rows])
    valid = np.array([[n < len(row) for n in range(longest)] for row in rows])
    return RankedProbes(probes, valid * 1.0, valid * 1.0, probes * 0, valid)
