"""What programs ask of tf beside mathematics: shapes, structures, loops, devices, checkpoints, logs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kcompile import keras
from kcompile.ir import Value
from kcompile.keras import backend as K
from kcompile.tf_keras import tensorflow as tf


def test_shapes_answer_as_tensorflows_do():
    x = tf.zeros([2, 3])
    assert x.shape == (2, 3) and x.shape.as_list() == [2, 3] and x.shape.rank == x.shape.ndims == 2
    assert x.get_shape()[1:].as_list() == [3] and (x.shape[:1] + [5]).as_list() == [2, 5]
    assert ([7] + x.shape).as_list() == [7, 2, 3] and x.shape.num_elements() == 6
    symbolic = K.placeholder((None, 3))
    assert symbolic.shape.as_list() == [None, 3] and not symbolic.shape.is_fully_defined()
    symbolic.set_shape([4, None])
    assert symbolic.shape.as_list() == [4, 3]
    with pytest.raises(ValueError, match="incompatible"):
        x.set_shape([3, 3])
    assert tf.TensorShape([None, -1, 2]).as_list() == [None, None, 2]
    assert tf.TensorSpec([None], tf.float32).is_compatible_with(tf.constant([1.0]))
    assert isinstance(tf.TensorSpec([None]), tf.TypeSpec)
    paddings, crops = tf.required_space_to_batch_paddings([5, 4, 1], [4, 4, 3], [[0, 1], [1, 0], [0, 0]])
    assert np.asarray(paddings).tolist() == [[0, 3], [1, 3], [0, 2]]  # TensorFlow's
    assert np.asarray(crops).tolist() == [[0, 2], [0, 3], [0, 2]]


def test_eager_tensors_are_compared_printed_and_hashed():
    x = tf.constant([1.0, 2.0])
    assert np.asarray(x == 1.0).tolist() == [True, False] and np.asarray(x != [1.0, 2.0]).tolist() == [
        False,
        False,
    ]
    assert (x == None) is False and [x].index(x) == 0 and {x: 1}[x] == 1  # noqa: E711
    assert str(x) == "tf.Tensor([1. 2.], shape=(2,), dtype=float32)" and "shape=(2,)" in repr(x)
    assert f"{tf.constant(1.5):.2f}" == "1.50" and isinstance(tf.constant(1.5).numpy(), np.float32)
    assert isinstance(x, tf.Tensor) and x[tf.newaxis, ..., 0].shape == (1,)


def test_structures_are_mapped_and_flattened_in_the_order_of_keys():
    nest = {"b": (1, [2]), "a": 3}
    assert tf.nest.flatten(nest) == [3, 1, 2]
    assert tf.nest.map_structure(lambda a, b: a + b, nest, nest) == {"b": (2, [4]), "a": 6}
    assert tf.nest.pack_sequence_as(nest, [0, 1, 2]) == {"a": 0, "b": (1, [2])}
    with pytest.raises(ValueError, match="differ"):
        tf.nest.assert_same_structure(nest, {"b": 1})
    with pytest.raises(ValueError, match="3 entries"):
        tf.nest.pack_sequence_as(nest, [1])


def _loops(x):
    return [
        tf.map_fn(lambda row: row * 2, x),
        tf.vectorized_map(lambda row: tf.reduce_sum(row), x),
        tf.scan(lambda total, row: total + row, x),
        tf.scan(lambda total, row: total * row, x, reverse=True),
        tf.foldl(lambda total, row: total - row, x),
        tf.foldr(lambda total, row: total - row, x),
        tf.cond(tf.reduce_sum(x) > 0, lambda: x + 1, lambda: x - 1),
        tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * x), (0, x))[1],
        tf.case([(tf.reduce_sum(x) < 0, lambda: x), (tf.reduce_sum(x) > 0, lambda: x * 3)], lambda: x * 0),
        tf.switch_case(tf.constant(1), [lambda: x, lambda: x * 5]),
    ]


def test_loops_and_branches_compute_at_once_and_trace_to_the_same_numbers():
    array = np.arange(1, 7, dtype="float32").reshape(3, 2)
    expected = [
        array * 2, array.sum(1), np.cumsum(array, 0), np.cumprod(array[::-1], 0)[::-1],
        array[0] - array[1] - array[2], array[2] - array[1] - array[0], array + 1,
        array**4, array * 3, array * 5,
    ]  # fmt: skip
    x = K.placeholder((3, 2))
    traced = K.function([x], _loops(x))([array])
    for eager, symbolic, numbers in zip(_loops(tf.constant(array)), traced, expected, strict=True):
        np.testing.assert_allclose(eager, numbers, rtol=1e-6)
        np.testing.assert_allclose(symbolic, numbers, rtol=1e-6)


def test_a_function_of_numpy_is_refused_in_a_graph():
    x = K.placeholder(())
    with pytest.raises(NotImplementedError, match="run_eagerly"):
        tf.numpy_function(np.sin, [x], tf.float32)


def test_an_array_of_tensors_is_written_grown_and_stacked():
    array = tf.TensorArray(tf.float32, size=0, dynamic_size=True)
    for i in range(3):
        array = array.write(i, [float(i)])
    assert np.asarray(array.stack()).tolist() == [[0], [1], [2]] and int(array.size()) == 3
    assert np.asarray(array.concat()).tolist() == [0, 1, 2] and np.asarray(array.gather([2, 0])).tolist() == [
        [2],
        [0],
    ]
    with pytest.raises(IndexError, match="dynamic_size"):
        tf.TensorArray(tf.float32, 1).write(1, 0.0)


def test_a_function_has_the_gradient_that_it_says():
    @tf.custom_gradient
    def clipped(x, y):
        return x * y, lambda upstream: (tf.clip_by_value(upstream, -1.0, 1.0), upstream * 0 + 7)

    a, b = tf.Variable(3.0), tf.Variable(4.0)
    with tf.GradientTape() as tape:
        z = clipped(a, b) * 5.0
    assert float(z) == 60 and [float(g) for g in tape.gradient(z, [a, b])] == [1, 7]
    traced = tf.function(lambda: _gradients(lambda: clipped(a, b) * 5.0, [a, b]))
    assert [float(g) for g in traced()] == [1, 7]


def _gradients(make, sources):
    with tf.GradientTape() as tape:
        target = make()
    return tape.gradient(target, sources)


def test_python_functions_get_tensors_and_arrays():
    doubled = tf.py_function(lambda x: x * 2, [tf.constant([1.0])], tf.float32)
    assert np.asarray(doubled).tolist() == [2]
    total, count = tf.numpy_function(
        lambda x: (x.sum(), x.size), [tf.constant([1.0, 2.0])], [tf.float32, tf.int64]
    )
    assert float(total) == 3 and count.dtype == tf.int64
    assert tf.py_function(lambda: None, [], ()) == []


def test_settings_of_the_machine_are_kept():
    tf.config.optimizer.set_experimental_options({"layout_optimizer": False})
    tf.config.optimizer.set_jit(True)
    assert tf.config.optimizer.get_experimental_options() == {"layout_optimizer": False}
    assert tf.config.optimizer.get_jit() == "autoclustering"
    count = tf.config.threading.get_intra_op_parallelism_threads()
    tf.config.threading.set_intra_op_parallelism_threads(count + 1)
    try:
        assert torch.get_num_threads() == count + 1
    finally:
        tf.config.threading.set_intra_op_parallelism_threads(count)
    assert torch.get_num_threads() == count


def test_checks_of_numbers_say_what_is_wrong():
    tf.debugging.assert_equal([1, 2], [1, 2])
    tf.debugging.assert_near(1.0, 1.0 + 1e-7)
    tf.debugging.assert_shapes([(tf.zeros([2, 3]), ("N", 3)), (tf.zeros([2]), ("N",))])
    tf.debugging.assert_positive(K.placeholder((2,)))  # nothing is known of it
    for check, error in (
        (lambda: tf.debugging.assert_less([1, 5], [2, 3], "too large."), tf.errors.InvalidArgumentError),
        (lambda: tf.debugging.assert_non_negative([-1.0]), tf.errors.InvalidArgumentError),
        (lambda: tf.debugging.check_numerics([np.nan], "bad"), tf.errors.InvalidArgumentError),
        (lambda: tf.debugging.assert_rank(tf.zeros([2]), 2), ValueError),
        (lambda: tf.debugging.assert_type(tf.zeros([2]), tf.int32), TypeError),
        (lambda: tf.debugging.assert_shapes([(tf.zeros([2, 3]), ("N", "N"))]), ValueError),
    ):
        with pytest.raises(error):
            check()


def test_random_numbers_repeat_by_their_seeds():
    def drawn():
        return [np.asarray(x).tolist() for x in (tf.random.uniform([3]), tf.random.normal([2]))]

    tf.random.set_seed(5)
    first = drawn()
    tf.random.set_seed(5)
    assert drawn() == first and drawn() != first
    a, b = tf.random.Generator.from_seed(1), tf.random.Generator.from_seed(1)
    assert np.array_equal(a.normal([4]), b.normal([4])) and not np.array_equal(a.normal([4]), a.normal([4]))
    stateless = [tf.random.stateless_uniform([4], seed=(1, n)) for n in (2, 2, 3)]
    assert np.array_equal(stateless[0], stateless[1]) and not np.array_equal(stateless[0], stateless[2])
    assert tf.random.stateless_normal([2, 2], (0, 1), dtype=tf.float64).dtype == tf.float64
    assert tf.random.split((1, 2), 3).shape == (3, 2)
    assert np.mean(np.asarray(tf.random.gamma([2000], 3.0, beta=2.0, seed=1))) == pytest.approx(1.5, abs=0.1)
    assert np.mean(np.asarray(tf.random.poisson([2000], [4.0], seed=1))) == pytest.approx(4, abs=0.2)


def test_devices_are_listed_and_settings_accepted(request):
    cpus = tf.config.list_physical_devices("CPU")
    assert cpus[0].name == "/physical_device:CPU:0" and tf.config.list_logical_devices("CPU")
    for gpu in tf.config.experimental.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)
    with tf.device("/CPU:0"):
        assert tf.constant(1.0).shape == ()
    with tf.device("/GPU:99"):
        assert float(tf.constant(2.0) * 3) == 6
    with pytest.raises(ValueError, match="toaster"), tf.device("/toaster:0"):
        pass
    tf.config.set_soft_device_placement(False)
    request.addfinalizer(lambda: tf.config.set_soft_device_placement(True))
    with pytest.raises(ValueError, match="no device"), tf.device("/GPU:99"):
        pass
    assert tf.distribute.MirroredStrategy(["CPU:0"]).num_replicas_in_sync == 1
    for missing in (tf.distribute.cluster_resolver.TPUClusterResolver.connect, tf.distribute.TPUStrategy):
        with pytest.raises(ValueError, match="no TPUs"):
            missing()
    strategy = tf.distribute.get_strategy()
    assert strategy.run(lambda a: a + 1, args=(1,)) == 2
    assert float(strategy.reduce(tf.distribute.ReduceOp.MEAN, tf.constant([1.0, 3.0]), axis=0)) == 2


def test_models_compiled_in_a_mirrored_strategy_train_on_its_devices():
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    assert strategy.num_replicas_in_sync == 2
    x, y = np.random.default_rng(0).normal(size=(2, 12, 3))
    y = y[:, :1]

    def trained():
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.layers.Dense(1, input_shape=(3,))])
        model.compile("sgd", "mse")
        model.fit(x, y, batch_size=6, epochs=1, shuffle=False, verbose=0)
        return model

    alone = trained()
    with strategy.scope():
        assert tf.distribute.has_strategy() and tf.distribute.get_strategy() is strategy
        together = trained()
    assert list(together._step_devices) == ["cpu:0", "cpu:1"] and not list(alone._step_devices)
    for a, b in zip(alone.get_weights(), together.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


class Counter(tf.Module):
    def __init__(self):
        super().__init__()
        self.count = tf.Variable(1.0)
        self.parts = [tf.Variable([2.0, 3.0], trainable=False), {"layer": keras.layers.Dense(2)}]


def test_a_module_has_the_variables_of_what_it_has():
    module = Counter()
    module.parts[1]["layer"].build((None, 3))
    assert len(module.variables) == 4 and len(module.trainable_variables) == 3
    module.inner = Counter()
    assert module.submodules == (module.inner,) and len(module.variables) == 6


def test_checkpoints_bring_back_weights_optimizers_and_variables(tmp_path):
    model = keras.Sequential([keras.layers.Dense(2, input_shape=(3,))])
    model.compile("adam", "mse")
    x, y = np.ones((4, 3)), np.ones((4, 2))
    model.fit(x, y, verbose=0)
    step = tf.Variable(7, dtype=tf.int64)
    checkpoint = tf.train.Checkpoint(model=model, optimizer=model.optimizer, step=step)
    manager = tf.train.CheckpointManager(checkpoint, tmp_path, max_to_keep=2)
    paths = [manager.save() for _ in range(3)]
    assert manager.checkpoints == paths[1:] and tf.train.latest_checkpoint(tmp_path) == paths[-1]
    kept = [*model.get_weights(), *model.optimizer.get_weights()]
    model.fit(x, y, epochs=2, verbose=0)
    step.assign(9)
    checkpoint.restore(manager.latest_checkpoint).assert_consumed()
    for a, b in zip(kept, [*model.get_weights(), *model.optimizer.get_weights()], strict=True):
        assert np.array_equal(a, b)
    assert int(step) == 7
    again = tf.train.CheckpointManager(checkpoint, tmp_path, max_to_keep=2)
    assert again.latest_checkpoint == paths[-1]
    with pytest.raises(AssertionError, match="Not in the file"):
        tf.train.Checkpoint(other=step).restore(paths[-1]).assert_consumed()
    with pytest.raises(FileNotFoundError, match="TensorFlow itself"):
        checkpoint.restore(str(tmp_path / "none"))


def test_weights_without_an_ending_are_a_checkpoint_of_their_folder(tmp_path):
    model = keras.Sequential([keras.layers.Dense(2, input_shape=(3,))])
    assert tf.train.latest_checkpoint(tmp_path) is None
    model.save_weights(str(tmp_path / "cp-0001.ckpt"))
    (tmp_path / "notes.ckpt").write_text("none")
    kept = model.get_weights()
    model.set_weights([w + 1 for w in kept])
    latest = tf.train.latest_checkpoint(str(tmp_path))
    assert latest == str(tmp_path / "cp-0001.ckpt")
    model.load_weights(latest)
    assert all(np.array_equal(a, b) for a, b in zip(kept, model.get_weights(), strict=True))


def test_a_checkpoint_is_read_array_by_array(tmp_path):
    path = tf.train.Checkpoint(v=tf.Variable([1.0, 2.0])).save(str(tmp_path / "c"))
    ((name, shape),) = [entry for entry in tf.train.list_variables(path) if entry[1] == [2]]
    reader = tf.train.load_checkpoint(path)
    assert reader.has_tensor(name) and reader.get_variable_to_dtype_map()[name] == tf.float32
    assert tf.train.load_variable(path, name).tolist() == [1, 2] and shape == [2]
    with pytest.raises(tf.errors.NotFoundError, match="has no 'w'"):
        reader.get_tensor("w")


def test_a_folder_says_only_checkpoints_that_lie_in_it(tmp_path):
    (tmp_path / "checkpoint").write_text('{"all": ["../elsewhere", 3, "gone"]}')
    assert tf.train.latest_checkpoint(tmp_path) is None


def test_numbers_pictures_and_text_are_logged_for_tensorboard(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    assert tf.summary.scalar("nowhere", 1.0, step=0) is False
    writer = tf.summary.create_file_writer(str(tmp_path))
    with writer.as_default():
        for step in range(3):
            assert tf.summary.scalar("loss", tf.constant(1.0 / (step + 1)), step=step)
        tf.summary.image("picture", np.zeros((1, 4, 4, 3), "float32"), step=0)
        tf.summary.histogram("weights", tf.range(10), step=0)
        tf.summary.text("note", "hello", step=0)
        with pytest.raises(ValueError, match="No step"):
            tf.summary.scalar("loss", 1.0)
    writer.close()
    events = accumulator.EventAccumulator(str(tmp_path))
    events.Reload()
    assert [event.value for event in events.Scalars("loss")] == pytest.approx([1, 0.5, 1 / 3])
    assert events.Tags()["images"] == ["picture"] and events.Tags()["histograms"] == ["weights"]


def test_formats_of_tensorflow_are_refused_with_what_there_is_instead(tmp_path):
    for call in (
        lambda: tf.saved_model.save(None, tmp_path),
        lambda: tf.lite.TFLiteConverter.from_keras_model(None),
    ):
        with pytest.raises(NotImplementedError, match=r"\.keras.*\.onnx"):
            call()
    with pytest.raises(NotImplementedError, match="is not read here"):
        tf.saved_model.load(tmp_path)


def test_names_of_version_1_are_there_under_compat():
    v1 = tf.compat.v1
    v1.disable_eager_execution()
    x = v1.placeholder(tf.float32, [None, 2])
    with v1.Session(config=v1.ConfigProto(gpu_options=v1.GPUOptions(allow_growth=True))) as session:
        session.run(v1.global_variables_initializer())
        assert session.run(x * 2, {x: np.ones((1, 2))}).tolist() == [[2, 2]]
        assert [y.tolist() for y in session.run([x, x + 1], {x: np.zeros((1, 2))})] == [[[0, 0]], [[1, 1]]]
    assert v1.nn.relu is tf.nn.relu or v1.nn.relu.__name__ == "relu"
    assert v1.keras is tf.keras and tf.compat.v2.math.exp.__name__ == "exp"
    v1.logging.set_verbosity(v1.logging.ERROR)
    assert v1.get_variable("w", [2, 3]).shape == (2, 3)
    assert isinstance(v1.get_variable("c", initializer=tf.constant([1.0])), Value)


def test_test_cases_compare_arrays():
    case = tf.test.TestCase()
    case.assertAllClose({"a": tf.constant([1.0])}, {"a": [1.0 + 1e-8]})
    case.assertAllEqual(tf.constant([1, 2]), [1, 2])
    with pytest.raises(AssertionError):
        case.assertAllEqual([1], [2])
    exact, near = tf.test.compute_gradient(lambda x: x * x, [tf.constant([1.0, 2.0])])
    np.testing.assert_allclose(exact[0], near[0], rtol=1e-2)


def _random_images(x):
    """Each change, and what it must be one of, or lie within."""
    image = tf.image
    return {
        "flip_left_right": (image.random_flip_left_right(x), [x, x[:, ::-1]]),
        "flip_up_down": (image.random_flip_up_down(x), [x, x[::-1]]),
        "crop": (
            image.random_crop(x, [3, 4, 3]),
            [x[i : i + 3, j : j + 4] for i in range(3) for j in range(4)],
        ),
        "crop_of_all": (tf.image.random_crop(x, x.shape), [x]),
    }


def test_random_changes_of_images_are_those_that_may_be():
    x = np.random.default_rng(0).random((5, 7, 3)).astype("float32")
    for _ in range(5):
        for changed, possible in _random_images(x).values():
            assert any(np.array_equal(changed, p) for p in possible)
    batch = np.stack([x] * 32)
    flipped = np.asarray(tf.image.random_flip_left_right(batch))
    turned = [np.array_equal(image, x[:, ::-1]) for image in flipped]
    assert any(turned) and not all(turned)  # each image by itself
    bright = np.asarray(tf.image.random_brightness(x, 0.2)) - x
    assert np.allclose(bright, bright[0, 0, 0], atol=1e-6) and abs(bright[0, 0, 0]) <= 0.2
    for change in (tf.image.random_contrast, tf.image.random_saturation):
        assert np.allclose(change(x, 1.0, 1.0 + 1e-6), x, atol=1e-4)
    assert tf.image.random_hue(x, 0.2).shape == x.shape


def test_random_choices_follow_their_logits():
    drawn = np.asarray(tf.random.categorical(tf.math.log([[0.2, 0.8, 0.0]]), 4000, seed=3))
    assert drawn.shape == (1, 4000) and drawn.dtype == np.int64
    np.testing.assert_allclose(np.bincount(drawn[0], minlength=3) / 4000, [0.2, 0.8, 0.0], atol=0.03)
    shuffled = np.asarray(tf.random.shuffle(tf.range(100)))
    assert sorted(shuffled) == list(range(100)) and list(shuffled) != list(range(100))
    kept = np.asarray(tf.nn.dropout(tf.ones([1000]), 0.25))
    assert set(np.unique(kept)) == {0, np.float32(1 / 0.75)} and abs(np.mean(kept == 0) - 0.25) < 0.06


def test_seeds_of_two_numbers_decide_changes_of_images():
    x = np.random.default_rng(0).random((6, 8, 3)).astype("float32")
    for name, arguments in {
        "brightness": (0.3,), "contrast": (0.5, 1.5), "crop": ([3, 4, 3],), "flip_left_right": (),
        "flip_up_down": (), "hue": (0.2,), "saturation": (0.5, 1.5), "jpeg_quality": (20, 90),
    }.items():  # fmt: skip
        change = getattr(tf.image, f"stateless_random_{name}")
        assert np.array_equal(change(x, *arguments, seed=(1, 2)), change(x, *arguments, seed=(1, 2)))
    many = [float(tf.reduce_sum(tf.image.stateless_random_brightness(x, 0.3, (1, n)))) for n in range(4)]
    assert len(set(many)) == 4
    assert tf.image.resize(x, [4, 4], tf.image.ResizeMethod.NEAREST_NEIGHBOR).shape == (4, 4, 3)
    assert np.abs(np.asarray(tf.image.adjust_jpeg_quality(x * 0 + 0.5, 90)) - 0.5).max() < 0.02


def test_decompositions_have_gradients_and_are_refused_in_graphs():
    a = tf.Variable([[2.0, 1.0], [1.0, 3.0]])
    with tf.GradientTape() as tape:
        y = tf.linalg.logdet(a)
    np.testing.assert_allclose(tape.gradient(y, a), np.linalg.inv(a.numpy()).T, rtol=1e-5)
    with pytest.raises(NotImplementedError, match="ONNX has no operator"):
        tf.linalg.inv(K.placeholder((2, 2)))
    with pytest.raises(tf.errors.InvalidArgumentError, match="cholesky"):
        tf.linalg.cholesky([[-1.0, 0.0], [0.0, 1.0]])


def test_two_tensors_are_of_one_type_and_numbers_of_python_take_it():
    whole, fraction = tf.constant([1, 2]), tf.constant([1.5, 2.5])
    assert (
        (whole + 1).dtype == tf.int32 and (fraction * 2).dtype == tf.float32 and (3 - fraction).shape == (2,)
    )
    for mixed in (
        lambda: whole + fraction,
        lambda: fraction * whole,
        lambda: tf.add(whole, fraction),
        lambda: tf.matmul(tf.zeros([2, 2]), tf.zeros([2, 2], tf.float64)),
        lambda: tf.maximum(whole, tf.cast(whole, tf.int64)),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError, match="one element type"):
            mixed()


def test_equality_of_symbolic_tensors_is_element_by_element_and_identity_where_python_asks():
    x, y = K.placeholder((None, 3)), K.placeholder((None, 3))
    given = [np.array([[1.0, 0, 3]]), np.array([[1.0, 2, 3]])]
    found = K.function([x, y], [x == y, x != y, x == 0, np.zeros(3) == x, x != [1, 0, 1]])(given)
    assert [np.asarray(f).tolist() for f in found] == [
        [[True, False, True]], [[False, True, False]], [[False, True, False]], [[False, True, False]],
        [[False, False, True]],
    ]  # fmt: skip
    assert [y, x].index(x) == 1 and x not in (y, y) and (x == None) is False and {x: 1}[x] == 1  # noqa: E711
    assert x != "text" and bool(x == x) and not bool(x == y)
    layer = keras.layers.Lambda(lambda t: tf.cast(t == 0, tf.float32))
    model = keras.Sequential([keras.Input((3,)), layer])
    assert model.predict(given[0], verbose=0).tolist() == [[0, 1, 0]]


def test_masks_choose_entries_of_eager_tensors():
    x = tf.constant([[1, 2], [3, 4]])
    assert np.asarray(x[x > 2]).tolist() == [3, 4] and np.asarray(x[[True, False]]).tolist() == [[1, 2]]
