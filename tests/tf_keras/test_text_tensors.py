"""Tensors of text that are made of nothing, and records of datasets, as TensorFlow has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kcompile.tf_keras import tensorflow as tf

TEXT = [["a", "b"], ["c", ""]]

CASES: dict[str, tuple[Callable[[], Any], Any]] = {
    "zeros": (lambda: tf.zeros([2], tf.string), [b"", b""]),
    "no zeros": (lambda: tf.zeros([0, 1], dtype=tf.dtypes.string), []),
    "zeros_like": (lambda: tf.zeros_like(tf.constant(TEXT)), [[b"", b""], [b"", b""]]),
    "fill": (lambda: tf.fill([2, 1], "x"), [[b"x"], [b"x"]]),
    "concat": (
        lambda: tf.concat((tf.zeros([0, 2], tf.string), TEXT, [["d", "e"]]), axis=0),
        [[b"a", b"b"], [b"c", b""], [b"d", b"e"]],
    ),
    "numbers": (lambda: tf.zeros([2], tf.int32), [0, 0]),
    "numbers like": (lambda: tf.zeros_like(tf.constant([1, 2]), dtype=tf.float32), [0.0, 0.0]),
    "filled numbers": (lambda: tf.fill([2], 3), [3, 3]),
}


@pytest.mark.parametrize("name", CASES)
def test_tensors_of_one_value_hold_text_too(name: str) -> None:
    function, expected = CASES[name]
    assert function().numpy().tolist() == expected


def test_a_dataset_of_records_is_written_at_once(tmp_path: Any) -> None:
    records = [b"one", b"", b"three"]
    for compression in (None, "GZIP"):
        path = str(tmp_path / f"{compression}.tfrecord")
        writer = tf.data.experimental.TFRecordWriter(path, compression)
        writer.write(tf.data.Dataset.from_tensor_slices(records))
        read = tf.data.TFRecordDataset(path, compression_type=compression or "")
        assert list(read.as_numpy_iterator()) == records
        with pytest.raises(TypeError, match="writes a dataset"):
            writer.write(b"one")
