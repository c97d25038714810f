"""How much of a unit comes over the residual shortcut: the article's share, the exact one, and the corrected one.

With r the shortcut's map, b the conv branch's (bn3's output), and the sums over a unit's top examples and all positions
where r + b > 0, that is, where the ReLU lets the sum pass:

    published   mean over the examples of |R| / (|R| + |B|), norms of the maps before their batch norm: R the previous
                block's output, in block 0 the raw downsample convolution; B raw conv3
    exact       sum of r / sum of (r + b)
    corrected   sum of (r - mean r) / sum of (r + b - mean r - mean b), means over all probes and positions

The published share leaves out the sign and bn3's scale (definition: the code of the enrichment circuits article, which
takes it on feature visualisations). The exact one adds up: with the conv branch's it makes 1, so it exceeds 1 where the
branch inhibits and falls below 0 where the shortcut does. A constant offset is no contribution to telling images apart;
the corrected share takes it off both terms. Both are ratios of sums: a mean of ratios would be ruled by examples on
which the sum hardly rises above zero.
"""

from dataclasses import dataclass

import numpy as np

from extract.activations import Responses


@dataclass(frozen=True)
class Shares:
    """Shares over the shortcut, float64 (channels,); NaN for a unit without top examples, or not rising on them."""

    published: np.ndarray
    exact: np.ndarray
    corrected: np.ndarray


def shares(responses: Responses, top: np.ndarray) -> Shares:
    """Every unit's shares over its sum's top examples, `top` (probes, channels) being true for a unit's own."""

    def total(values: np.ndarray) -> np.ndarray:
        return np.asarray(np.sum(values, axis=0, where=top, dtype=np.float64))  # (channels,)

    shortcut, conv = (values.mean(axis=0, dtype=np.float64) for values in (responses.shortcut, responses.conv))
    passed, output, positions = total(responses.passed), total(responses.output), total(responses.open)
    return Shares(
        published=ratio(total(_norm_share(responses)), top.sum(axis=0)),
        exact=ratio(passed, output),
        corrected=ratio(passed - positions * shortcut, output - positions * (shortcut + conv)),
    )


def _norm_share(responses: Responses) -> np.ndarray:
    return ratio(responses.norm_shortcut, responses.norm_shortcut + responses.norm_conv)


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Part over whole, float64, NaN where the whole is not positive."""
    quotient = np.full(whole.shape, np.nan)
    np.divide(part, whole, out=quotient, where=whole > 0)
    return quotient
