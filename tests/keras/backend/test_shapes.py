"""Static shapes: symbols survive, nothing known is computed at run time, errors say what does not fit."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.ir import Graph
from kcompile.keras import backend as K
from kcompile.keras.layers import LSTM, Input


def ones(shape) -> np.ndarray:
    return np.ones(shape, "float32")


def _operators(value, *inputs) -> list[str]:
    return [node.op_type for node in Graph([value], inputs).nodes]


IMAGES = (None, 8, 6, 3)


@pytest.mark.parametrize(
    ("build", "shape"),
    [
        (lambda x: K.reshape(x, (-1, 144)), ("batch", 144)),
        (lambda x: K.batch_flatten(x), ("batch", 144)),
        (lambda x: K.repeat_elements(x, 2, 1), ("batch", 16, 6, 3)),
        (lambda x: K.tile(x, (1, 2, 1, 1)), ("batch", 16, 6, 3)),
        (lambda x: K.resize_images(x, 2, 3, "channels_last"), ("batch", 16, 18, 3)),
        (lambda x: K.conv2d(x, ones((3, 3, 3, 5)), padding="same", data_format="channels_last"),
         ("batch", 8, 6, 5)),
        (lambda x: K.pool2d(x, (2, 2), (2, 2), "same", "channels_last"), ("batch", 4, 3, 3)),
        (lambda x: K.spatial_2d_padding(x, data_format="channels_last"), ("batch", 10, 8, 3)),
        (lambda x: K.zeros_like(x), ("batch", 8, 6, 3)),
        (lambda x: K.sum(x, axis=[1, 2]), ("batch", 3)),
        (lambda x: K.dropout(x, 0.5), ("batch", 8, 6, 3)),
        (lambda x: K.dropout(x, 0.5, noise_shape=(None, 1, 1, None)), ("batch", 8, 6, 3)),
        (lambda x: K.softmax(x), ("batch", 8, 6, 3)),
        (lambda x: K.reverse(x, 1), ("batch", 8, 6, 3)),
        (lambda x: x[:, 0, ..., None], ("batch", 6, 3, 1)),
    ],
)  # fmt: skip
def test_the_batch_symbol_survives(build, shape) -> None:
    assert build(K.placeholder(IMAGES)).dims == shape


def test_static_shapes_need_no_shape_operators() -> None:
    x = K.placeholder(IMAGES)
    for value in (
        K.reshape(x, (-1, 144)),
        K.repeat_elements(x, 2, 2),
        K.conv2d(x, ones((3, 3, 3, 5)), strides=(2, 2), padding="same", data_format="channels_last"),
        K.batch_normalization(x, np.ones(3), np.ones(3), None, None),
    ):
        assert not {"Shape", "Concat", "Gather"} & set(_operators(value, x))


def test_kernels_reach_the_operator_by_one_transpose() -> None:
    x, kernel = K.placeholder(IMAGES), K.variable(ones((3, 3, 3, 5)))
    value = K.conv2d(x, kernel, padding="same", data_format="channels_last")
    assert _operators(value, x) == ["Transpose", "Transpose", "Conv", "Transpose"]
    first = K.conv2d(K.placeholder((None, 3, 8, 6)), kernel, padding="same", data_format="channels_first")
    assert first.dims == ("batch", 5, 8, 6)


def test_same_padding_under_strides_of_unknown_sizes() -> None:
    x, kernel = K.placeholder((None, None, None, 2)), K.variable(np.random.rand(3, 3, 2, 2))
    unknown = K.conv2d(x, kernel, strides=(2, 2), padding="same", data_format="channels_last")
    run = K.function([x], [unknown])
    for size in (7, 8):
        array = np.random.rand(1, size, size, 2).astype("f")
        known = K.conv2d(array, kernel, strides=(2, 2), padding="same", data_format="channels_last")
        np.testing.assert_allclose(run([array])[0], K.eval(known), rtol=1e-5)


def test_transposed_convolution_of_unknown_sizes_has_the_default_size() -> None:
    x, kernel = K.placeholder((None, None, None, 2)), K.variable(np.random.rand(3, 3, 4, 2))
    sizes = K.shape(x)
    for padding, extra in (("same", 0), ("valid", 1)):
        shape = (sizes[0], sizes[1] * 2 + extra, sizes[2] * 2 + extra, 4)
        out = K.conv2d_transpose(x, kernel, shape, (2, 2), padding, "channels_last")
        found = K.function([x], [out])([ones((1, 4, 5, 2))])[0]
        assert found.shape == (1, 8 + extra, 10 + extra, 4)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda x: K.batch_dot(K.placeholder((3,)), K.placeholder((3,))), "rank < 2"),
        (lambda x: K.batch_dot(K.placeholder((2, 3)), K.placeholder((2, 4))), "3 and 4"),
        (lambda x: K.batch_dot(K.placeholder((2, 3)), K.placeholder((5, 3))), "batch sizes: 2 and 5"),
        (lambda x: K.batch_dot(K.placeholder((2, 3)), K.placeholder((2, 3)), axes=0), "axis 0"),
        (lambda x: K.batch_dot(ones((2, 3)), ones((2, 3)), axes=((1,), 1)), "Multiple target"),
        (lambda x: K.sum(x, axis=4), "out of range"),
        (lambda x: K.permute_dimensions(x, (0, 1, 2, 4)), "out of range"),
        (lambda x: K.conv2d(x, ones((3, 3, 2, 5)), data_format="channels_last"), "takes 2 channels"),
        (lambda x: K.conv2d(x, ones((3, 3, 5))), "3 axes"),
        (lambda x: K.conv2d(x, ones((3, 3, 3, 5)), padding="full"), "full"),
        (lambda x: K.conv2d(x, ones((3, 3, 3, 5)), strides=(1, 0)), "strides"),
        (lambda x: K.conv2d(x, ones((3, 3, 3, 5)), data_format="last"), "data_format"),
        (lambda x: K.conv1d(K.placeholder((None, 3, 9)), ones((3, 3, 5)), padding="causal",
                            data_format="channels_first"), "causal"),
        (lambda x: K.conv2d_transpose(x, ones((3, 3, 5, 3)), (None, 99, 12, 5), (2, 2), "valid"), "99"),
        (lambda x: K.pool2d(x, (2, 2), pool_mode="min"), "min"),
        (lambda x: K.pool2d(x, (2, 2), padding="causal"), "causal"),
        (lambda x: K.bias_add(x, ones((2, 2))), "Unexpected bias dimensions 2"),
        (lambda x: K.resize_images(x, 2, 2, "channels_last", interpolation="cubic"), "cubic"),
        (lambda x: K.temporal_padding(x, (1, 1, 1)), "before, after"),
        (lambda x: K.spatial_2d_padding(x, (1, 1)), "argument|pairs|subscriptable|len"),
        (lambda x: K.repeat(x, 2), "2 axes"),
        (lambda x: K.switch(K.placeholder((2, 3), dtype="bool"), np.ones(3), np.ones(3)), "Rank of"),
        (lambda x: K.dropout(x, 1.5), r"\[0, 1\)"),
        (lambda x: K.slice(x, [0, 0], [1]), "differ in length"),
        (lambda x: K.rnn(lambda i, s: (i, s), K.placeholder((3,)), []), "batch, time"),
        (lambda x: K.rnn(lambda i, s: (i, s), K.placeholder((2, None, 3)), [], unroll=True), "fixed number"),
        (lambda x: K.rnn(lambda i, s: (i, []), K.placeholder((2, 4, 3)), [ones((2, 3))]), "0 states"),
        (lambda x: K.foldl(lambda a, v: a, (x, x)), "initializer"),
        (lambda x: K.reshape(x, (-1, -1)), "Reshape"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(build, words) -> None:
    with pytest.raises((ValueError, TypeError), match=words):
        build(K.placeholder(IMAGES))


@pytest.mark.parametrize("read", [lambda x: x.shape, K.int_shape], ids=["shape", "int_shape"])
def test_open_axes_are_none_to_users(read) -> None:
    x = Input((None, 3))
    for tensor, expected in [
        (x, (None, None, 3)),
        (LSTM(2)(x), (None, 2)),
        (K.concatenate([x, x], axis=1), (None, None, 3)),
        (K.reshape(x, (-1, 6)), (None, 6)),
        (K.placeholder((None, 4)), (None, 4)),
        (K.variable([1.0, 2.0]), (2,)),
    ]:
        assert read(tensor) == expected


def test_names_of_open_axes_are_seen_in_no_message() -> None:
    x = Input((None, 3), name="x")
    assert repr(x) == "<Value x float32[?, ?, 3]>"
    with pytest.raises(ValueError) as raised:
        K.dot(x, K.zeros((4, 5)))
    assert "batch" not in str(raised.value) and "dim1" not in str(raised.value)


@pytest.mark.parametrize(
    "use",
    [
        lambda x: K.reshape(x, (x.shape[0], -1)),
        lambda x: K.zeros(x.shape),
        lambda x: K.ones((x.shape[0], 3)),
        lambda x: K.random_normal(x.shape),
        lambda x: K.tile(x, [x.shape[0], 1, 1]),
    ],
)
def test_an_open_size_as_a_number_says_what_gives_it(use) -> None:
    with pytest.raises(ValueError, match=r"is None.*K\.shape"):
        use(Input((None, 3)))


@pytest.mark.parametrize("others", [0, 1, 3])
def test_a_size_that_turns_out_to_be_zero_is_zero(others) -> None:
    """As for the overlaps of boxes with the boxes of an image that has none."""
    a, b = K.placeholder((2, 1)), K.placeholder((1, None))
    pairs = K.reshape(K.dot(a, b), (-1, 1))
    table = K.reshape(pairs, (K.shape(a)[0] + K.shape(b)[1] * 0, K.shape(b)[1]))
    found = K.function([a, b], [table, K.sum(table, axis=1)])([ones((2, 1)), 2 * ones((1, others))])
    assert found[0].shape == (2, others) and found[1].tolist() == [2.0 * others] * 2
