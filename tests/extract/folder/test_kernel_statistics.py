"""The statistics of kernels, worked out by hand."""

import numpy as np
import pytest

from extract.folder.kernel_statistics import kernel_statistics
from extract.ranking import Floats


def test_a_kernels_numbers() -> None:
    found = kernel_statistics(np.array([[3.0, 0.0], [-4.0, 0.0]], np.float32))
    assert (found.magnitude, found.mean, found.sum) == (5, -0.25, -1)
    assert found.crispness == pytest.approx(5 / 7)


@pytest.mark.parametrize(("kernel", "crispness"), [(np.eye(1), 1), (np.ones((3, 3)), 1 / 3), (np.zeros((2, 2)), 0)])
def test_crispness_tells_a_point_from_a_plain(kernel: Floats, crispness: float) -> None:
    assert kernel_statistics(kernel).crispness == pytest.approx(crispness)
