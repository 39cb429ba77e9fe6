"""Resizing along one axis as a matrix: any kernel, with smoothing or without, as TensorFlow computes it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...ir import claim_steps

Array = np.ndarray


def _triangle(x: Array) -> Array:
    return np.maximum(1.0 - np.abs(x), 0.0)


def _cubic(b: float, c: float) -> Callable[[Array], Array]:
    """The family of Mitchell and Netravali (1988); (0, 0.5) is Keys's cubic convolution."""

    def kernel(x: Array) -> Array:
        x = np.abs(x)
        near = ((12 - 9 * b - 6 * c) * x**3 + (-18 + 12 * b + 6 * c) * x**2 + 6 - 2 * b) / 6
        far = ((-b - 6 * c) * x**3 + (6 * b + 30 * c) * x**2 + (-12 * b - 48 * c) * x + 8 * b + 24 * c) / 6
        return np.where(x < 1, near, np.where(x < 2, far, 0.0))

    return kernel


def _lanczos(radius: int) -> Callable[[Array], Array]:
    return lambda x: np.where(np.abs(x) < radius, np.sinc(x) * np.sinc(x / radius), 0.0)


def _gaussian(x: Array) -> Array:
    return np.where(np.abs(x) < 1.5, np.exp(-2.0 * x**2), 0.0)


KERNELS: dict[str, tuple[float, Callable[[Array], Array]]] = {  # radius and weight by distance
    "bilinear": (1.0, _triangle),
    "bicubic": (2.0, _cubic(0.0, 0.5)),
    "lanczos3": (3.0, _lanczos(3)),
    "lanczos5": (5.0, _lanczos(5)),
    "gaussian": (1.5, _gaussian),
    "mitchellcubic": (2.0, _cubic(1 / 3, 1 / 3)),
}


def resize_matrix(old: int, new: int, method: str, antialias: bool = False) -> Array:
    """(new, old) float32: each row holds the weights of the old values in a new one, of sum 1.

    Args:
        method: a name in KERNELS, or "area" for means over the parts of old values that a new one covers.
        antialias: whether the kernel widens where values get fewer.
    """
    claim_steps(10 * old * new, f"{new} pixels out of {old}")
    scale = old / new
    if method == "area":
        edges = np.arange(new + 1) * scale
        weights = np.clip(
            np.minimum(edges[1:, None], np.arange(1, old + 1)) - np.maximum(edges[:-1, None], np.arange(old)),
            0,
            None,
        )
    else:
        radius, kernel = KERNELS[method]
        width = max(scale, 1.0) if antialias else 1.0
        centres = (np.arange(new) + 0.5) * scale - 0.5
        if method == "bicubic" and not antialias:  # TensorFlow looks this one up in a table of 1024 phases
            centres = np.floor(centres) + np.rint((centres - np.floor(centres)) * 1024) / 1024
        distance = (np.arange(old) - centres[:, None]) / width
        weights = np.where(np.abs(distance) <= radius, kernel(distance), 0.0)
    return np.asarray(weights / weights.sum(1, keepdims=True), np.float32)
