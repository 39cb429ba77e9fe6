"""tf.train.Example, TFRecord files and sparse tensors."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.tf_keras import tensorflow as tf

#: What TensorFlow 2.21 writes for three lists a, b and c.
BYTES = bytes.fromhex(
    "0a340a160a016112111a0f0a0d01ac02ffffffffffffffffff010a0d0a0162120812060a040000003f0a0b0a016312060a040a02"
    "7879"
)


def record():
    train = tf.train
    return train.Example(
        features=train.Features(
            feature={
                "image": train.Feature(bytes_list=train.BytesList(value=[b"\x00\xff", "text"])),
                "score": train.Feature(float_list=train.FloatList(value=[1.5, -2.0])),
                "label": train.Feature(int64_list=train.Int64List(value=[3, -1, 2**40])),
            }
        )
    )


def test_a_record_comes_back_through_a_file(tmp_path):
    path = str(tmp_path / "a.tfrecord")
    with tf.io.TFRecordWriter(path) as writer:
        for _ in range(3):
            writer.write(record().SerializeToString())
    features = {
        "image": tf.io.FixedLenFeature([2], tf.string),
        "score": tf.io.FixedLenFeature([2], tf.float32),
        "label": tf.io.VarLenFeature(tf.int64),
        "none": tf.io.FixedLenFeature([], tf.int64, default_value=7),
        "rows": tf.io.FixedLenSequenceFeature([1], tf.float32, allow_missing=True),
    }
    fixed = {name: feature for name, feature in features.items() if name != "label"}
    assert len(list(tf.data.TFRecordDataset(path).map(lambda x: tf.io.parse_single_example(x, fixed)))) == 3
    parsed = [tf.io.parse_single_example(x, features) for x in tf.data.TFRecordDataset(path)]
    assert len(parsed) == 3 and parsed[0]["image"].numpy().tolist() == [b"\x00\xff", b"text"]
    assert parsed[0]["score"].numpy().tolist() == [1.5, -2] and int(parsed[0]["none"]) == 7
    assert np.asarray(tf.sparse.to_dense(parsed[0]["label"])).tolist() == [3, -1, 2**40]
    assert parsed[0]["rows"].shape == (0, 1)
    batch = tf.io.parse_example([record().SerializeToString(), tf.train.Example().SerializeToString()],
                                {"label": tf.io.VarLenFeature(tf.int64)})  # fmt: skip
    assert np.asarray(tf.sparse.to_dense(batch["label"])).tolist() == [[3, -1, 2**40], [0, 0, 0]]


def test_a_record_is_written_and_read_as_by_tensorflow():
    train = tf.train
    example = train.Example(features=train.Features(feature={
        "c": train.Feature(bytes_list=train.BytesList(value=[b"xy"])),
        "b": train.Feature(float_list=train.FloatList(value=[0.5])),
        "a": train.Feature(int64_list=train.Int64List(value=[1, 300, -1])),
    }))  # fmt: skip
    assert example.SerializeToString() == BYTES
    again = train.Example.FromString(BYTES).features.feature
    assert again["a"].int64_list.value == [1, 300, -1] and again["c"].bytes_list.value == [b"xy"]
    assert again["b"].WhichOneof("kind") == "float_list" and again["b"].float_list.value == [0.5]


@pytest.mark.parametrize("data", [b"\x0a\xff", b"\x0b", b"\xff" * 12, b"\x0a\x05ab"])
def test_other_bytes_are_refused(data):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"no tf\.train\.Example"):
        tf.train.Example.FromString(data)


def test_a_list_of_another_type_or_length_is_refused():
    data = record().SerializeToString()
    for feature, message in (
        (tf.io.FixedLenFeature([3], tf.int64), "image: expected int64_list"),
        (tf.io.FixedLenFeature([3], tf.string), "expected 3 values"),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            tf.io.parse_single_example(data, {"image": feature})
    with pytest.raises(tf.errors.InvalidArgumentError, match="it is not there"):
        tf.io.parse_single_example(data, {"other": tf.io.FixedLenFeature([], tf.string)})


def test_sparse_tensors_are_what_their_elements_are():
    dense = np.array([[0, 2, 0], [3, 0, 0]], "float32")
    x = tf.sparse.from_dense(dense)
    assert x.indices.numpy().tolist() == [[0, 1], [1, 0]] and x.shape.as_list() == [2, 3]
    sparse, back = tf.sparse, lambda y: np.asarray(tf.sparse.to_dense(y))
    assert np.array_equal(back(x), dense) and np.array_equal(back(x * 2.0), dense * 2)
    assert np.array_equal(back(sparse.transpose(x)), dense.T)
    assert np.array_equal(back(sparse.concat(0, [x, x])), np.concatenate([dense, dense]))
    assert np.array_equal(back(sparse.concat(-1, [x, x])), np.concatenate([dense, dense], 1))
    assert np.array_equal(back(sparse.expand_dims(x, 0)), dense[None])
    assert np.array_equal(back(sparse.add(x, x)), 2 * dense)
    assert np.array_equal(back(sparse.slice(x, [0, 1], [2, 2])), dense[:, 1:])
    assert np.array_equal(back(sparse.eye(2, 3)), np.eye(2, 3))
    assert np.array_equal(sparse.sparse_dense_matmul(x, dense.T), dense @ dense.T)
    assert float(sparse.reduce_sum(x)) == 5 and np.asarray(sparse.reduce_max(x, axis=1)).tolist() == [2, 3]
    assert np.array_equal(back(sparse.map_values(tf.square, x)), dense**2)
    text = tf.SparseTensor([[0, 1]], ["a"], [1, 2])
    assert tf.sparse.to_dense(text, default_value="-").numpy().tolist() == [[b"-", b"a"]]


def test_sparse_sums_take_places_in_any_order():
    a = tf.SparseTensor([[1, 2], [0, 0], [1, 2]], [1.0, 2.0, 4.0], [2, 3])
    b = tf.SparseTensor([[0, 0], [0, 1]], [-2.0, 0.5], [2, 3])
    total = tf.sparse.add(a, b)
    assert np.asarray(total.indices).tolist() == [[0, 0], [0, 1], [1, 2]]
    assert np.asarray(total.values).tolist() == [0, 0.5, 5]
    assert np.asarray(tf.sparse.add(a, b, threshold=1.0).indices).tolist() == [[1, 2]]
    assert np.asarray(tf.sparse.add(tf.sparse.from_dense([[1.0, 0.0]]), [[1.0, 1.0]])).tolist() == [[2, 1]]
    with pytest.raises(ValueError, match="one shape"):
        tf.sparse.add(a, tf.sparse.from_dense([[1.0, 0.0]]))


@pytest.mark.parametrize("part", [
    lambda r: r, lambda r: r.features, lambda r: r.features.feature["image"],
    lambda r: r.features.feature["score"].float_list, lambda r: r.features.feature["label"].int64_list,
], ids=["Example", "Features", "Feature", "FloatList", "Int64List"])  # fmt: skip
def test_every_part_of_a_record_is_written_and_read(part):
    message = part(record())
    data = message.SerializeToString()
    assert type(message).FromString(data) == message
    other = type(message)()
    assert other != message
    assert other.ParseFromString(data) == len(data) and other == message


def test_a_record_is_filled_by_its_names_and_shown_as_text():
    example = tf.train.Example()
    example.features.feature["n"].int64_list.value.extend([1, 2])
    example.features.feature["t"].bytes_list.value.append(b'a"\n')
    assert example.features.feature["t"].WhichOneof("kind") == "bytes_list"
    again = tf.train.Example.FromString(example.SerializeToString())
    assert again == example and again.features.feature["n"].int64_list.value == [1, 2]
    assert repr(tf.train.Feature(float_list=tf.train.FloatList(value=[0.5]))) == (
        "float_list {\n  value: 0.5\n}\n"
    )
    assert repr(again).splitlines() == [
        "features {", "  feature {", '    key: "n"', "    value {", "      int64_list {", "        value: 1",
        "        value: 2", "      }", "    }", "  }", "  feature {", '    key: "t"', "    value {",
        "      bytes_list {", '        value: "a\\"\\n"', "      }", "    }", "  }", "}",
    ]  # fmt: skip
