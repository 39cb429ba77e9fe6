"""``tf.test``: a test case that compares arrays, and questions to the machine."""

from __future__ import annotations

import unittest
from typing import Any

import numpy as np

from ...keras import backend as K
from ..tensorflow.gradient_tape import GradientTape
from ..tensorflow.tensors import convert_to_tensor
from .config import list_physical_devices


def _array(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _array(entry) for key, entry in value.items()}
    return np.asarray(value)


class TestCase(unittest.TestCase):
    """unittest's, with comparisons of arrays and tensors."""

    __test__ = False

    def evaluate(self, tensors: Any) -> Any:
        """The numbers of tensors, or of lists of them."""
        if isinstance(tensors, list | tuple):
            return type(tensors)(self.evaluate(x) for x in tensors)
        return _array(tensors)

    def get_temp_dir(self) -> str:
        """A folder that is gone after the test."""
        import tempfile

        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return folder.name

    def assertAllClose(self, a: Any, b: Any, rtol: float = 1e-6, atol: float = 1e-6, msg: Any = None) -> None:
        """Same shape, and nearly the same numbers."""
        if isinstance(a, dict):
            self.assertEqual(sorted(a), sorted(b))
            for key in a:
                self.assertAllClose(a[key], b[key], rtol, atol, msg)
            return
        np.testing.assert_allclose(_array(a), _array(b), rtol, atol, err_msg=msg or "")

    def assertAllEqual(self, a: Any, b: Any, msg: Any = None) -> None:
        """Same shape and numbers."""
        np.testing.assert_array_equal(_array(a), _array(b), err_msg=msg or "")

    def assertNotAllClose(
        self, a: Any, b: Any, rtol: float = 1e-6, atol: float = 1e-6, msg: Any = None
    ) -> None:
        """Other numbers."""
        self.assertFalse(np.allclose(_array(a), _array(b), rtol, atol), msg)

    def assertNotAllEqual(self, a: Any, b: Any, msg: Any = None) -> None:
        """Other numbers."""
        self.assertFalse(np.array_equal(_array(a), _array(b)), msg)

    def assertAllInRange(self, target: Any, lower_bound: Any, upper_bound: Any, **options: Any) -> None:
        """All numbers within bounds."""
        array = _array(target)
        self.assertTrue(np.all((array >= lower_bound) & (array <= upper_bound)), str(array))

    def assertAllGreaterEqual(self, a: Any, comparison_target: Any) -> None:
        """All numbers at least one."""
        self.assertTrue(np.all(_array(a) >= comparison_target), str(_array(a)))

    def assertAllLessEqual(self, a: Any, comparison_target: Any) -> None:
        """All numbers at most one."""
        self.assertTrue(np.all(_array(a) <= comparison_target), str(_array(a)))

    def assertAllGreater(self, a: Any, comparison_target: Any) -> None:
        """All numbers above one."""
        self.assertTrue(np.all(_array(a) > comparison_target), str(_array(a)))

    def assertAllLess(self, a: Any, comparison_target: Any) -> None:
        """All numbers below one."""
        self.assertTrue(np.all(_array(a) < comparison_target), str(_array(a)))

    def assertShapeEqual(self, input_a: Any, input_b: Any, msg: Any = None) -> None:
        """Same shape."""
        self.assertEqual(tuple(input_a.shape), tuple(input_b.shape), msg)

    def assertNear(self, f1: float, f2: float, err: float, msg: Any = None) -> None:
        """Two numbers no further apart than a third."""
        self.assertLessEqual(abs(float(f1) - float(f2)), err, msg)


def main(argv: Any = None) -> None:
    """Runs the tests of the program."""
    unittest.main(argv=argv)


def is_gpu_available(cuda_only: bool = False, min_cuda_compute_capability: Any = None) -> bool:
    """Whether there is a GPU."""
    return bool(list_physical_devices("GPU"))


def gpu_device_name() -> str:
    """``"/device:GPU:0"``, or nothing where there is no GPU."""
    return "/device:GPU:0" if is_gpu_available() else ""


def is_built_with_cuda() -> bool:
    """Whether there is a GPU."""
    return is_gpu_available()


is_built_with_gpu_support = is_built_with_cuda


def is_built_with_rocm() -> bool:
    """False."""
    return False


def is_built_with_xla() -> bool:
    """False."""
    return False


def compute_gradient(f: Any, x: Any, delta: float = 1e-3) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The derivatives of a function of several tensors: by the tape, and by differences.

    Returns:
        for each of ``x`` a matrix (elements of x, elements of f), twice.
    """
    points = [convert_to_tensor(point) for point in x]
    with GradientTape() as tape:
        tape.watch(points)
        y = K.flatten(f(*points))
    exact = [np.asarray(j).reshape(len(y), -1) for j in tape.jacobian(y, points)]
    return exact, [_differences(f, points, i, delta) for i in range(len(points))]


def _differences(f: Any, points: list[Any], place: int, delta: float) -> np.ndarray:
    array = np.asarray(points[place])
    columns = []
    for i in range(array.size):
        ends = []
        for sign in (1, -1):
            moved = array.copy()
            moved.reshape(-1)[i] += sign * delta
            given = [*points[:place], convert_to_tensor(moved), *points[place + 1 :]]
            ends.append(np.asarray(f(*given)).reshape(-1))
        columns.append((ends[0] - ends[1]) / (2 * delta))
    return np.stack(columns, axis=1)


__all__ = [
    "TestCase", "compute_gradient", "gpu_device_name", "is_built_with_cuda", "is_built_with_gpu_support",
    "is_built_with_rocm", "is_built_with_xla", "is_gpu_available", "main",
]  # fmt: skip
