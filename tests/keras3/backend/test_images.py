"""Image functions of the backend, at once and in graphs."""

from __future__ import annotations

import keras  # noqa: F401  # which imports the backend
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from kcompile.keras3.backend import image
from tests.keras3.backend.graphs import in_a_graph

RANDOM = np.random.RandomState(0)
X = RANDOM.rand(2, 9, 7, 3).astype("float32")
FIRST = {"data_format": "channels_first"}
TURN = np.array([[0.9, -0.2, 1.5, 0.2, 1.1, -0.5, 0, 0], [1, 0, 0.25, 0, 1, 0, 0.01, 0.02]], np.float32)
CORNERS = np.array([[0, 0], [6, 0], [0, 8], [6, 8]], np.float32)[None].repeat(2, 0)
MOVED = CORNERS + RANDOM.uniform(-1, 1, CORNERS.shape).astype("float32")
PLACES = RANDOM.uniform(-4, 12, (2, 5, 6)).astype("float32")

MODES = ("constant", "nearest", "wrap", "mirror", "reflect")
CASES = {
    "rgb_to_grayscale": ([X], {}),
    "rgb_to_hsv": ([X], {}),
    "hsv_to_rgb": ([X], {}),
    "rgb_to_hsv first": ([X.transpose(0, 3, 1, 2).copy()], FIRST),
    "resize": ([X], {"size": (5, 11)}),
    "resize nearest": ([X], {"size": (5, 11), "interpolation": "nearest"}),
    "resize smoothed": ([X], {"size": (4, 3), "antialias": True}),
    "resize bicubic": ([X], {"size": (12, 5), "interpolation": "bicubic"}),
    "resize lanczos3": ([X], {"size": (12, 5), "interpolation": "lanczos3", "antialias": True}),
    "resize cut": ([X], {"size": (6, 6), "crop_to_aspect_ratio": True}),
    "resize padded": ([X], {"size": (6, 6), "pad_to_aspect_ratio": True, "fill_value": 0.5}),
    "resize first": ([X.transpose(0, 3, 1, 2).copy()], {"size": (5, 11), **FIRST}),
    "resize whole": ([(X * 255).astype("uint8")], {"size": (5, 11), "interpolation": "bicubic"}),
    **{
        f"affine_transform {mode} {kind}": (
            [X, TURN], {"fill_mode": mode, "interpolation": kind, "fill_value": 2},
        )
        for mode in MODES
        for kind in ("bilinear", "nearest")
    },
    "perspective_transform": ([X, CORNERS, MOVED], {}),
    "compute_homography_matrix": ([CORNERS, MOVED], {}),
    **{
        f"map_coordinates {mode}": (
            [X[0, :, :, 0], PLACES], {"order": 1, "fill_mode": mode, "fill_value": 3.0},
        )
        for mode in MODES
    },
    "map_coordinates nearest whole": ([(X[0, :, :, 0] * 9).astype("int32"), PLACES], {"order": 0}),
    "gaussian_blur": ([X], {"kernel_size": (3, 5), "sigma": (0.8, 1.5)}),
    "elastic_transform": ([X], {"seed": 3, "sigma": 2.0, "alpha": 4.0}),
    "sobel_edges": ([X], {}),
    "sobel_edges first": ([X.transpose(0, 3, 1, 2).copy()], FIRST),
    **{
        f"scale_and_translate {method}": (
            [X, np.array([1.5, 0.6], np.float32), np.array([-0.5, 1.0], np.float32)],
            {"output_shape": (2, 11, 6, 3), "spatial_dims": (1, 2), "method": method, "antialias": antialias},
        )
        for method, antialias in (("linear", True), ("cubic", True), ("lanczos3", False), ("lanczos5", True))
    },
}  # fmt: skip


def call(case):
    function = getattr(image, case.split()[0])
    if function is not image.scale_and_translate:
        return function

    def scaled(x, scale, translation, **keywords):
        return function(x, keywords.pop("output_shape"), scale, translation, **keywords)

    return scaled


@pytest.mark.parametrize("case", CASES)
def test_a_graph_computes_what_tensors_do(case):
    arrays, keywords = CASES[case]
    at_once = call(case)(*(torch.tensor(a) for a in arrays), **keywords)
    found = graph_of(case, arrays, keywords)
    assert found[0].shape == tuple(at_once.shape) and found[0].dtype == at_once.numpy().dtype
    np.testing.assert_allclose(found[0], at_once, rtol=1e-4, atol=1e-4)


def graph_of(case, arrays, keywords):
    """Where all arguments have a batch it is open; a seed means the same numbers where it is known."""
    function, (first, *rest) = call(case), arrays
    if case.split()[0] in ("map_coordinates", "scale_and_translate"):
        return in_a_graph(
            lambda x: function(x, *map(torch.tensor, rest), **keywords), [first], {}, len(first)
        )
    return in_a_graph(function, arrays, keywords, len(first) if "seed" in keywords else None)


def test_every_function_has_a_case():
    assert {case.split()[0] for case in CASES} == set(image.__all__)


def test_smoothed_and_cubic_sizes_are_those_of_pytorch():
    x = torch.tensor(X).permute(0, 3, 1, 2)
    for kind in ("bilinear", "bicubic"):
        ours = image.resize(x, (4, 3), interpolation=kind, antialias=True, data_format="channels_first")
        torch.testing.assert_close(
            ours, F.interpolate(x, (4, 3), mode=kind, antialias=True), atol=1e-4, rtol=0
        )


def test_a_turn_by_a_right_angle_moves_every_pixel():
    x = torch.tensor(X[:, :7])
    turn = torch.tensor([[0, 1, 0, -1, 0, 6, 0, 0]] * 2, dtype=torch.float32)
    for kind in ("bilinear", "nearest"):
        torch.testing.assert_close(image.affine_transform(x, turn, kind), torch.rot90(x, -1, (1, 2)))


def test_the_map_of_four_points_takes_them_back():
    a = image.compute_homography_matrix(torch.tensor(CORNERS), torch.tensor(MOVED)).numpy()
    for n in range(2):
        for (x, y), wanted in zip(MOVED[n], CORNERS[n], strict=True):
            depth = a[n, 6] * x + a[n, 7] * y + 1
            found = (a[n, :3] @ [x, y, 1]) / depth, (a[n, 3:6] @ [x, y, 1]) / depth
            np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_gradients_reach_images_and_the_map():
    x, turn = torch.tensor(X, requires_grad=True), torch.tensor(TURN, requires_grad=True)
    image.affine_transform(x, turn).square().sum().backward()
    assert x.grad.abs().sum() > 0 and turn.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: image.resize(X, (3, 3), interpolation="soft"), "interpolation"),
        (lambda: image.resize(X, (3,)), "size"),
        (lambda: image.resize(X[0, 0], (3, 3)), "rank"),
        (lambda: image.rgb_to_grayscale(X[..., :2]), "channel size"),
        (lambda: image.rgb_to_hsv((X * 9).astype("int32")), "dtype"),
        (lambda: image.affine_transform(X, TURN, fill_mode="fog"), "fill_mode"),
        (lambda: image.affine_transform(X, TURN[None]), "transform rank"),
        (lambda: image.map_coordinates(X, PLACES, 1), "First dim"),
        (lambda: image.perspective_transform(X, CORNERS[:, :3], MOVED), "start_points"),
        (lambda: image.scale_and_translate(X, X.shape, [1.0], [0.0], (1,), "soft"), "method"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(make, what):
    with pytest.raises(ValueError, match=what):
        make()
