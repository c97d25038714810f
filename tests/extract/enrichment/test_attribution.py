import numpy as np
import pytest

from extract.enrichment.attribution import attribution


def by_loops(
    shortcut: np.ndarray, conv: np.ndarray, lenders: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """What the shortcut and conv bring to one unit, (images,) each: the lenders, or all, lend to all, in loops."""

    def z(r: np.ndarray, b: np.ndarray) -> float:
        return float(np.maximum(r + b, 0).mean())

    images = range(len(conv))
    lent = images if lenders is None else np.flatnonzero(lenders)
    mean = np.mean([z(shortcut[y], conv[y]) for y in lent])
    of_shortcut, of_conv = [], []
    for x in images:
        both = z(shortcut[x], conv[x])
        own_shortcut = np.mean([z(shortcut[x], conv[y]) for y in lent])
        own_conv = np.mean([z(shortcut[y], conv[x]) for y in lent])
        of_shortcut.append((both - own_conv + own_shortcut - mean) / 2)
        of_conv.append((both - own_shortcut + own_conv - mean) / 2)
    sd = np.std([z(shortcut[x], conv[x]) for x in images])
    return np.array(of_shortcut) / sd, np.array(of_conv) / sd


def maps(images: int = 30, units: int = 3, positions: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    shape = (images, units, positions)
    return np.maximum(rng.normal(size=shape), 0), rng.normal(size=shape) - 0.3


def test_all_images_lend_as_in_loops() -> None:
    shortcut, conv = maps()
    brought = attribution(shortcut, conv)
    for unit in range(3):
        of_shortcut, of_conv = by_loops(shortcut[:, unit], conv[:, unit])
        np.testing.assert_allclose(brought.shortcut[:, unit], of_shortcut, atol=1e-12)
        np.testing.assert_allclose(brought.conv[:, unit], of_conv, atol=1e-12)


def test_where_some_images_lend_it_is_as_in_loops_over_these() -> None:
    shortcut, conv = maps()
    lenders = np.arange(30) % 3 == 0
    brought = attribution(shortcut, conv, lenders)
    for unit in range(3):
        of_shortcut, of_conv = by_loops(shortcut[:, unit], conv[:, unit], lenders)
        np.testing.assert_allclose(brought.shortcut[:, unit], of_shortcut, atol=1e-12)
        np.testing.assert_allclose(brought.conv[:, unit], of_conv, atol=1e-12)


def test_both_branches_add_up_to_the_sum() -> None:
    shortcut, conv = (each.astype(np.float32) for each in maps(images=500, units=20))
    brought = attribution(shortcut, conv)
    z = np.maximum(shortcut.astype(float) + conv, 0).mean(axis=2)
    np.testing.assert_allclose(brought.shortcut + brought.conv, (z - z.mean(axis=0)) / z.std(axis=0), rtol=0, atol=1e-9)


def test_a_constant_branch_brings_nothing_and_a_constant_sum_has_no_effects() -> None:
    shortcut, conv = maps()
    conv[:, 0] = 0.7  # constant
    conv[:, 1] = -9  # keeps the sum closed
    brought = attribution(shortcut, conv)
    np.testing.assert_allclose(brought.conv[:, 0], 0, atol=1e-12)
    assert brought.shortcut[:, 0].std() == pytest.approx(1)
    assert not brought.shortcut[:, 1].any()
    assert not brought.conv[:, 1].any()


def test_the_order_of_images_and_the_units_beside_it_change_no_bit() -> None:
    shortcut, conv = maps(images=200, units=5)
    order = np.random.default_rng(1).permutation(200)
    one, other = attribution(shortcut, conv), attribution(shortcut[order], conv[order])
    np.testing.assert_array_equal(one.conv[order], other.conv)
    np.testing.assert_array_equal(one.conv[:, 2:3], attribution(shortcut[:, 2:3], conv[:, 2:3]).conv)
