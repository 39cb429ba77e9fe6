"""Pipelines of tf.data as plain functions of ``tf``: run by TensorFlow for the golden file, and by ours."""

import numpy as np


def _table(tf):
    D = tf.data.Dataset
    pairs = D.from_tensor_slices((np.arange(10, dtype="float32").reshape(5, 2), np.arange(5)))
    named = D.from_tensor_slices({"b": np.arange(6), "a": np.arange(12.0).reshape(6, 2)})
    words = D.from_tensor_slices(["a", "bb", "a", "ccc"])

    def ragged():
        return D.range(1, 6).map(lambda n: tf.fill([n], n))

    def triangle(n):
        return D.range(n)

    def lists():
        return tf.ragged.constant([[1, 2], [3], [], [4, 5, 6]])

    def deep():
        return tf.ragged.constant([[[1, 2], []], [[3]], [[4], [5, 6], [7]]])

    def sparse():
        return tf.SparseTensor([[0, 1], [1, 0], [2, 2]], [1.0, 2.0, 3.0], [3, 4])

    spec = tf.TensorSpec
    return {
        # sources
        "range": lambda: D.range(5),
        "range_start": lambda: D.range(2, 5),
        "range_step": lambda: D.range(10, 0, -3),
        "range_type": lambda: D.range(3, output_type=tf.int32),
        "slices_list": lambda: D.from_tensor_slices([1, 2, 3]),
        "slices_floats": lambda: D.from_tensor_slices([[1.5, 2], [3, 4]]),
        "slices_float64": lambda: D.from_tensor_slices(np.arange(3.0)),
        "slices_uint8": lambda: D.from_tensor_slices(np.arange(4, dtype="uint8").reshape(2, 2)),
        "slices_bool": lambda: D.from_tensor_slices([True, False]),
        "slices_words": lambda: words,
        "slices_words_2d": lambda: D.from_tensor_slices([["a", "b"], ["c", "d"]]),
        "slices_tuple": lambda: pairs,
        "slices_nested": lambda: D.from_tensor_slices(({"x": [1, 2]}, ([3, 4], [5.0, 6.0]))),
        "slices_dict": lambda: named,
        "slices_tensor": lambda: D.from_tensor_slices(tf.constant([[1, 2], [3, 4]])),
        "tensors": lambda: D.from_tensors(([1, 2], 3.0)),
        "tensors_words": lambda: D.from_tensors("abc"),
        "generator": lambda: D.from_generator(lambda: iter([1, 2, 3]), output_signature=spec((), tf.int32)),
        "generator_types": lambda: D.from_generator(
            lambda: iter([([1, 2], 0.5), ([3], 1)]), (tf.int64, tf.float32), ([None], [])
        ),
        "generator_dict": lambda: D.from_generator(
            lambda: iter([{"a": 1, "b": "x"}]),
            output_signature={"a": spec((), tf.int64), "b": spec((), tf.string)},
        ),
        "generator_args": lambda: D.from_generator(
            lambda n: iter(range(n)), output_types=tf.int64, output_shapes=(), args=(3,)
        ),
        "generator_open": lambda: D.from_generator(lambda: iter([[1], [2, 3]]), output_types=tf.int32),
        "zip_args": lambda: D.zip(D.range(3), D.range(5, 10)),
        "zip_tuple": lambda: D.zip((D.range(3), pairs)),
        "zip_dict": lambda: D.zip({"n": D.range(2), "w": words}),
        "zip_batch": lambda: D.zip((D.from_tensor_slices([1, 2, 3]), D.from_tensor_slices([4, 5, 6]))).batch(
            2
        ),
        "zip_endless": lambda: D.zip(D.range(2), D.range(2).repeat()),
        # choosing and ordering
        "take": lambda: D.range(5).take(3),
        "take_more": lambda: D.range(3).take(7),
        "take_all": lambda: D.range(3).take(-1),
        "take_endless": lambda: D.range(3).repeat().take(5),
        "skip": lambda: pairs.skip(3),
        "skip_more": lambda: D.range(3).skip(4),
        "skip_all": lambda: D.range(3).skip(-1),
        "repeat": lambda: D.range(3).repeat(2),
        "repeat_none": lambda: D.range(3).repeat(0),
        "shard": lambda: D.range(10).shard(3, 1),
        "shard_last": lambda: D.range(10).shard(4, 3),
        "concatenate": lambda: D.range(2).concatenate(D.range(5, 7)),
        "concatenate_shapes": lambda: D.from_tensors([1, 2]).concatenate(D.from_tensors([1, 2, 3])),
        "cache": lambda: D.range(3).cache().repeat(2),
        "prefetch": lambda: D.range(4).prefetch(tf.data.AUTOTUNE),
        "unique": lambda: words.unique(),
        "take_while": lambda: D.range(10).take_while(lambda x: x < 4),
        "filter": lambda: D.range(10).filter(lambda x: tf.equal(x % 3, 0)),
        "filter_pairs": lambda: pairs.filter(lambda x, y: y > 2),
        "shuffle_one": lambda: D.range(4).shuffle(1),
        "with_options": lambda: D.range(2).with_options(tf.data.Options()),
        # ragged and sparse tensors
        "ragged_slices": lambda: D.from_tensor_slices(lists()),
        "ragged_slices_deep": lambda: D.from_tensor_slices(deep()),
        "ragged_tensors": lambda: D.from_tensors(lists()),
        "ragged_batch": lambda: D.from_tensor_slices(lists()).batch(3),
        "ragged_batch_drop": lambda: D.from_tensor_slices(lists()).batch(3, drop_remainder=True),
        "ragged_batch_deep": lambda: D.from_tensor_slices(deep()).batch(2),
        "ragged_batch_pairs": lambda: D.from_tensor_slices((lists(), [1.0, 2.0, 3.0, 4.0])).batch(2),
        "ragged_batch_dict": lambda: (
            D.from_tensor_slices({"x": lists(), "y": [[1], [2], [3], [4]]}).skip(1).batch(2)
        ),
        "ragged_batch_words": lambda: D.from_tensor_slices(tf.ragged.constant([["a", "b"], ["c"]])).batch(2),
        "ragged_batch_map": lambda: (
            D.from_tensor_slices((lists(), [1, 2, 3, 4])).batch(2).map(lambda x, y: (x.to_tensor(), y))
        ),
        "ragged_batch_repeat": lambda: D.from_tensor_slices(lists()).repeat(2).batch(5),
        "ragged_map_sum": lambda: D.from_tensor_slices(lists()).map(tf.reduce_sum),
        "ragged_map_ragged": lambda: D.from_tensor_slices(lists()).batch(2).map(lambda x: x * 2),
        "ragged_unbatch": lambda: D.from_tensor_slices(lists()).batch(2).unbatch(),
        "ragged_unbatch_batch": lambda: D.from_tensor_slices(deep()).batch(2).unbatch().batch(3),
        "ragged_zip": lambda: D.zip((D.from_tensor_slices(lists()), D.range(4))).batch(2),
        "ragged_padded": lambda: D.from_tensor_slices(lists()).map(lambda x: x).padded_batch(2),
        "ragged_generator": lambda: D.from_generator(
            lambda: iter([tf.ragged.constant([[1, 2], [3]])]),
            output_signature=tf.RaggedTensorSpec([2, None], tf.int32),
        ),
        "dense_to_ragged": lambda: ragged().apply(tf.data.experimental.dense_to_ragged_batch(2)),
        "ragged_batch_of_dense": lambda: ragged().map(lambda x: (x, x[0])).ragged_batch(2),
        "ragged_batch_drops": lambda: ragged().ragged_batch(2, drop_remainder=True),
        "sparse_slices": lambda: D.from_tensor_slices(sparse()),
        "sparse_tensors": lambda: D.from_tensors(sparse()),
        "sparse_batch": lambda: D.from_tensor_slices((sparse(), [1, 2, 3])).batch(2),
        "sparse_dense": lambda: D.from_tensor_slices(sparse()).batch(2).map(tf.sparse.to_dense),
        # functions
        "map": lambda: D.range(4).map(lambda x: x * 2),
        "map_float": lambda: D.range(4).map(lambda x: tf.cast(x, tf.float32) / 2.0),
        "map_pairs": lambda: pairs.map(lambda x, y: (x + 1.0, y)),
        "map_dict": lambda: named.map(lambda e: (e["a"], e["b"])),
        "map_to_dict": lambda: pairs.map(lambda x, y: {"x": x, "y": y}),
        "map_list": lambda: D.range(2).map(lambda x: [x, x + 1]),
        "map_inner_list": lambda: D.range(2).map(lambda x: {"a": [x, x + 1]}),
        "map_constant": lambda: D.range(2).map(lambda x: (x, 7)),
        "map_parallel": lambda: D.range(30).map(lambda x: x + 1, num_parallel_calls=tf.data.AUTOTUNE),
        "map_batches": lambda: pairs.batch(2).map(lambda x, y: (x * 2.0, y)),
        "map_batches_sum": lambda: pairs.batch(2).map(lambda x, y: tf.reduce_sum(x, axis=1)),
        "map_reshape": lambda: D.range(4).batch(2, drop_remainder=True).map(lambda x: tf.reshape(x, [1, 2])),
        "map_ragged": ragged,
        "map_words": lambda: words.map(lambda w: w + "!"),
        "map_words_equal": lambda: words.map(lambda w: w == "a"),
        "map_one_hot": lambda: D.range(3).map(lambda x: tf.one_hot(x, 3)),
        "enumerate": lambda: words.enumerate(start=5),
        "enumerate_pairs": lambda: pairs.take(2).enumerate(),
        "scan": lambda: D.range(5).scan(tf.constant(0, tf.int64), lambda s, x: (s + x, s + x)),
        "flat_map": lambda: D.range(4).flat_map(triangle),
        "flat_map_slices": lambda: D.from_tensor_slices([[1, 2], [3, 4]]).flat_map(D.from_tensor_slices),
        "flat_map_pairs": lambda: pairs.flat_map(lambda x, y: D.from_tensors((x, y)).repeat(2)),
        "interleave": lambda: D.range(1, 6).interleave(
            lambda x: D.from_tensors(x).repeat(6), cycle_length=2, block_length=4
        ),
        "interleave_unequal": lambda: D.range(6).interleave(triangle, cycle_length=3, block_length=2),
        "interleave_single": lambda: D.range(5).interleave(triangle, cycle_length=3),
        "interleave_exact": lambda: D.from_tensor_slices([2, 4, 1, 2]).interleave(
            lambda n: D.range(tf.cast(n, tf.int64)), cycle_length=2, block_length=2
        ),
        "choose": lambda: D.choose_from_datasets(
            [D.from_tensors("a").repeat(), D.from_tensors("b").repeat(), D.from_tensors("c").repeat()],
            D.range(3).repeat(2),
        ),
        "choose_ends": lambda: D.choose_from_datasets(
            [D.range(2), D.range(10, 20)], D.from_tensor_slices(np.array([0, 1, 0, 0, 1])), True
        ),
        "choose_goes_on": lambda: D.choose_from_datasets(
            [D.range(2), D.range(10, 20)], D.from_tensor_slices(np.array([0, 1, 0, 0, 1])), False
        ),
        "sample_weighted": lambda: D.sample_from_datasets([D.range(3), D.range(9)], [1.0, 0.0]),
        "apply": lambda: D.range(6).apply(lambda d: d.batch(2)),
        "apply_unbatch": lambda: D.range(4).batch(2).apply(tf.data.experimental.unbatch()),
        # batches
        "batch": lambda: D.range(5).batch(2),
        "batch_drop": lambda: D.range(5).batch(2, drop_remainder=True),
        "batch_large": lambda: D.range(3).batch(8),
        "batch_pairs": lambda: pairs.batch(2),
        "batch_dict": lambda: named.batch(4),
        "batch_words": lambda: words.batch(3),
        "batch_batch": lambda: D.range(8).batch(2).batch(3),
        "batch_repeat": lambda: D.range(3).batch(2).repeat(2),
        "repeat_batch": lambda: D.range(3).repeat(2).batch(4),
        "skip_batch": lambda: pairs.skip(1).batch(2),
        "map_batch": lambda: D.range(5).map(lambda x: (x, [x, x])).batch(2),
        "unbatch": lambda: pairs.batch(2).unbatch(),
        "unbatch_drop": lambda: D.range(5).batch(2, drop_remainder=True).unbatch(),
        "unbatch_rows": lambda: D.from_tensors(np.arange(6).reshape(3, 2)).unbatch(),
        "rebatch": lambda: D.range(7).batch(3).rebatch(2),
        "rebatch_drop": lambda: D.range(7).batch(3).rebatch(2, drop_remainder=True),
        "rebatch_list": lambda: D.range(8).batch(4).rebatch([2, 1, 1]),
        "padded": lambda: ragged().padded_batch(2),
        "padded_shapes": lambda: ragged().padded_batch(2, padded_shapes=(7,)),
        "padded_values": lambda: ragged().padded_batch(
            3, padded_shapes=(None,), padding_values=tf.constant(-1, tf.int64), drop_remainder=True
        ),
        "padded_pairs": lambda: (
            ragged()
            .map(lambda x: (x, tf.cast(x, tf.float32)))
            .padded_batch(2, padded_shapes=([None], [6]), padding_values=(tf.constant(9, tf.int64), 0.5))
        ),
        "padded_words": lambda: D.from_generator(
            lambda: iter([["a"], ["b", "c"]]), output_signature=spec((None,), tf.string)
        ).padded_batch(2),
        "padded_images": lambda: D.from_tensors(np.ones((2, 3))).padded_batch(1, padded_shapes=(3, None)),
        "window": lambda: D.range(7).window(3).flat_map(lambda w: w.batch(3)),
        "window_shift": lambda: D.range(7).window(3, shift=1).flat_map(lambda w: w.batch(3)),
        "window_drop": lambda: (
            D.range(7).window(3, shift=2, drop_remainder=True).flat_map(lambda w: w.batch(3))
        ),
        "window_stride": lambda: D.range(10).window(3, shift=2, stride=3).flat_map(lambda w: w.batch(3)),
        "window_stride_drop": lambda: (
            D.range(10).window(3, shift=1, stride=2, drop_remainder=True).flat_map(lambda w: w.batch(3))
        ),
        "window_gap": lambda: D.range(10).window(2, shift=4).flat_map(lambda w: w.batch(2)),
        "window_pairs": lambda: pairs.window(2).flat_map(lambda x, y: D.zip((x.batch(2), y.batch(2)))),
        "window_count": lambda: D.range(7).window(3, shift=2).map(lambda w: tf.constant(1)),
        "window_drop_count": lambda: (
            D.range(7).window(3, shift=2, stride=2, drop_remainder=True).map(lambda w: tf.constant(1))
        ),
        "group": lambda: D.range(10).group_by_window(lambda x: x % 2, lambda key, group: group.batch(3), 3),
        "group_sizes": lambda: D.range(10).group_by_window(
            lambda x: x % 2, lambda key, group: group.batch(5), window_size_func=lambda key: key + 2
        ),
        "group_keys": lambda: D.range(5).group_by_window(
            lambda x: x % 2, lambda key, group: group.map(lambda x: (key, x)), 2
        ),
        "buckets": lambda: ragged().bucket_by_sequence_length(lambda x: tf.shape(x)[0], [3, 5], [2, 2, 2]),
        "buckets_bounds": lambda: (
            ragged()
            .take(4)
            .bucket_by_sequence_length(
                lambda x: tf.shape(x)[0], [3, 5], [2, 2, 2], pad_to_bucket_boundary=True
            )
        ),
    }


def names():
    """Those of all pipelines."""
    return sorted(_table(_Nothing()))


def make(tf, name):
    """The pipeline of a name, of ``tf``."""
    return _table(tf)[name]()


def plain(element):
    """An element of numpy as JSON has it."""
    if isinstance(element, tuple):
        return {"tuple": [plain(entry) for entry in element]}
    if isinstance(element, dict):
        return {"dict": [[key, plain(element[key])] for key in sorted(element)]}
    array = np.asarray(element)
    if array.dtype.kind == "O" and any(isinstance(row, np.ndarray) for row in array):
        return {"rows": [plain(row) for row in array]}
    if array.dtype.kind in "OS":
        return {"string": np.vectorize(bytes.decode, otypes=[object])(array).tolist()}
    return {array.dtype.name: array.tolist(), "shape": list(array.shape)}


def answers(tf, name):
    """What a pipeline gives: its elements, twice; the spec and the number of them that are known before."""
    dataset = make(tf, name)
    passes = [[plain(e) for e in dataset.as_numpy_iterator()] for _ in range(2)]
    assert passes[0] == passes[1], name
    return {
        "elements": passes[0],
        "spec": repr(dataset.element_spec),
        "cardinality": int(dataset.cardinality().numpy()),
    }


class _Nothing:
    """Stands in for ``tf`` where only the names of pipelines are wanted."""

    def __getattr__(self, name):
        return self

    def __call__(self, *args, **kwargs):
        return self
