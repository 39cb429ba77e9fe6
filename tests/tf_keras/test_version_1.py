"""TensorFlow 1's names and arguments, as programs of Keras 2.0 to 2.3 use them, by TensorFlow's numbers."""

from __future__ import annotations

import types
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from kcompile.cli.brought_names import OF_BACKEND
from kcompile.keras import backend as K
from kcompile.keras import layers, models, optimizers, rules
from kcompile.tf_keras import backend_imports
from kcompile.tf_keras import tensorflow as tf
from tests.golden.functions import v1_cases
from tests.golden.functions.make_eager import flat

FILE = Path(__file__).parents[1] / "golden" / "functions" / "v1.npz"


@cache
def stored():
    with np.load(FILE) as answers:
        return {name: answers[name] for name in answers.files}


@pytest.fixture(params=["tf", "tf.compat.v1"])
def v1(request):
    """Where the names are: in ``tf`` itself for programs of Keras 2.3."""
    if request.param == "tf.compat.v1":
        yield tf.compat.v1
        return
    rules.follow(rules.KERAS_2)
    yield tf
    rules.follow(None)


def check(kind, name, found):
    expected = [stored()[f"{kind}/{name}/{place}"] for place in range(len(found))]
    assert f"{kind}/{name}/{len(found)}" not in stored()
    for a, b in zip(map(np.asarray, found), expected, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name", v1_cases.CASES)
def test_functions_compute_at_once_what_tensorflow_1_does(name, v1):
    given = types.SimpleNamespace(**{key: tf.constant(x) for key, x in v1_cases.arrays().items()})
    check("call", name, flat(v1_cases.CASES[name](v1, given)))


@pytest.mark.parametrize("name", sorted(v1_cases.CASES.keys() - {"sparse_to_dense", "matrix_inverse"}))
def test_sessions_compute_the_same_from_what_they_are_fed(name, v1):
    arrays = v1_cases.arrays()
    inputs = {key: K.placeholder(x.shape, dtype=x.dtype.name) for key, x in arrays.items()}
    found = flat(v1_cases.CASES[name](v1, types.SimpleNamespace(**inputs)))
    with v1.Session() as session:
        check("call", name, session.run(found, {inputs[key]: x for key, x in arrays.items()}))


@pytest.mark.parametrize("name", v1_cases.METRICS)
def test_metrics_count_over_batches(name, v1):
    np.testing.assert_allclose(v1_cases.counted(v1, name), stored()[f"metric/{name}"], rtol=2e-3, atol=1e-6)


@pytest.mark.parametrize("name", v1_cases.OPTIMIZERS)
def test_optimizers_train_by_sessions(name, v1):
    np.testing.assert_allclose(
        v1_cases.trained(v1, name), stored()[f"optimizer/{name}"], rtol=1e-4, atol=2e-5
    )


@pytest.mark.parametrize("name", v1_cases.OPTIMIZERS)
@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_optimizers_train_in_fit_and_go_on_from_files(name, ending, tmp_path):
    x, y = np.random.default_rng(0).random((2, 8, 3), "float32")
    model = models.Sequential([layers.Dense(3, input_shape=(3,))])
    model.compile(optimizers.TFOptimizer(v1_cases.OPTIMIZERS[name](tf.compat.v1)), "mse")
    model.fit(x, y, epochs=2, shuffle=False, verbose=0)
    model.save(tmp_path / f"model.{ending}")
    again = models.load_model(str(tmp_path / f"model.{ending}"))
    for each in (model, again):
        each.fit(x, y, epochs=2, shuffle=False, verbose=0)
    assert again.optimizer.__class__.__module__.startswith("kcompile.keras.optimizers")
    for ours, theirs in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_a_metric_of_tensorflow_1_is_one_of_compile():
    """As published kernels have it: local variables, an update that the value depends on, and means of it."""

    def mean_iou(y_true, y_pred):
        scores = []
        for threshold in (0.4, 0.6):
            score, update = tf.metrics.mean_iou(y_true, tf.to_int32(y_pred > threshold), 2)
            K.get_session().run(tf.local_variables_initializer())
            with tf.control_dependencies([update]):
                scores.append(tf.identity(score))
        return K.mean(K.stack(scores), axis=0)

    x = np.random.default_rng(0).random((8, 4), "float32")
    y = (x > 0.5).astype("float32")
    model = models.Sequential([layers.Activation("linear", input_shape=(4,))])
    model.compile("sgd", "mse", metrics=[mean_iou])
    expected = []
    for threshold in (0.4, 0.6):
        chosen = x > threshold
        each = [np.sum((y == k) & (chosen == k)) / np.sum((y == k) | (chosen == k)) for k in (0, 1)]
        expected.append(np.mean(each))
    assert model.evaluate(x, y, batch_size=8, verbose=0)[1] == pytest.approx(np.mean(expected), rel=1e-5)


def test_programs_of_tf_keras_read_the_same_calls_as_tensorflow_2():
    rules.follow(rules.TF_KERAS)
    try:
        x = tf.ones([1000])
        assert abs(np.mean(np.asarray(tf.nn.dropout(x, 0.9)) == 0) - 0.9) < 0.05
        assert tf.losses.mean_squared_error([[1.0, 2.0]], [[1.0, 4.0]]).shape == (1,)
    finally:
        rules.follow(None)


def test_a_part_to_keep_that_is_said_by_place_is_told():
    rules.follow(rules.KERAS_2)
    try:
        with pytest.warns(UserWarning, match="keeps that part, as in TensorFlow 1"):
            kept = np.asarray(tf.nn.dropout(tf.ones([1000]), 0.9))
    finally:
        rules.follow(None)
    assert abs(np.mean(kept == 0) - 0.1) < 0.05
    assert np.all(np.asarray(tf.nn.dropout(tf.ones([10]), keep_prob=1.0)) == 1)
    with pytest.raises(ValueError, match="keep_prob or rate"):
        tf.compat.v1.nn.dropout(tf.ones([3]))


def test_settings_of_sessions_are_taken_to_any_depth():
    config = tf.ConfigProto(allow_soft_placement=True, gpu_options=tf.GPUOptions(allow_growth=True))
    config.gpu_options.per_process_gpu_memory_fraction = 0.3
    config.graph_options.optimizer_options.global_jit_level = 1
    assert config.gpu_options.allow_growth and config.graph_options.optimizer_options.global_jit_level == 1
    session = tf.InteractiveSession(config=config)
    try:
        assert K.get_session() is session is tf.get_default_session()
        with tf.get_default_graph().as_default(), tf.Session() as inner:
            assert K.get_session() is inner
        assert tf.global_variables_initializer().run() is None
    finally:
        K.set_session(tf.Session())


def test_messages_of_tensorboard_are_written(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    writer = tf.summary.FileWriter(str(tmp_path))
    summary = tf.Summary()
    value = summary.value.add()
    value.tag, value.simple_value = "loss", 0.5
    writer.add_summary(summary, 3)
    writer.add_summary(tf.Summary(value=[tf.Summary.Value(tag="loss", simple_value=0.25)]), 4)
    writer.close()
    events = accumulator.EventAccumulator(str(tmp_path))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("loss")] == [(3, 0.5), (4, 0.25)]


def test_files_are_there_by_their_old_names(tmp_path):
    (tmp_path / "a.txt").write_text("text")
    assert tf.gfile.Exists(str(tmp_path / "a.txt")) and tf.gfile.ListDirectory(str(tmp_path)) == ["a.txt"]
    with tf.gfile.FastGFile(str(tmp_path / "a.txt"), "rb") as file:
        assert file.read() == b"text"


def test_what_is_printed_is_seen_whenever_it_is_computed(capfd):
    x = K.placeholder((None,))
    printed = tf.Print(x * 2, [x, tf.shape(x)], message="seen: ")
    for numbers in ([1.0, 2.0], [3.0]):
        assert tf.Session().run(printed, {x: numbers}).tolist() == [2 * n for n in numbers]
        out = "".join(capfd.readouterr())
        assert out.count("seen: ") == 2 and f"[{numbers[0]:.0f}." in out and f"[{len(numbers)}]" in out


@pytest.mark.parametrize("name", sorted({*OF_BACKEND.split()} - {"np"}))
def test_the_backend_has_what_it_imported_of_tensorflow(name):
    assert backend_imports.imported(name) is not None


def test_graphs_say_what_is_there_in_place_of_what_they_lack():
    with pytest.raises(AttributeError, match=r"model\.export"):
        tf.get_default_graph().as_graph_def()
    with pytest.raises(NotImplementedError, match=r"model\.weights"):
        tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES)


FORMS = {
    "assert": (lambda: tf.assert_near([1.0], [1.0], 0.1, 0.1, ["data"], None, "said"), None),
    "confusion_matrix": (
        lambda: tf.confusion_matrix([0, 1], [0, 0], 2, tf.int64, "n", [1, 2]), [[1, 0], [2, 0]],
    ),
    "depth_to_space": (
        lambda: tf.depth_to_space(tf.ones([1, 1, 1, 4]), 2, "n", data_format="NHWC")[0, :, :, 0],
        [[1, 1]] * 2,
    ),
    "multinomial": (lambda: tf.multinomial([[-99.0, 99.0]], 2, 7, "n", tf.int32), [[1, 1]]),
    "string_split": (lambda: tf.string_split(source=["a b"], delimiter=" ").values, [b"a", b"b"]),
    "string_to_number": (lambda: tf.string_to_number(string_tensor=["2.5"]), [2.5]),
    "substr": (lambda: tf.substr(["hello"], 1, 3, "n", "BYTE"), [b"ell"]),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_functions_take_their_arguments_in_the_order_of_then(name):
    call, expected = FORMS[name]
    found = call()
    if expected is not None:
        assert np.asarray(found).tolist() == expected
    with pytest.raises(TypeError):
        tf.substr(["hello"], 1, 3, "n", "BYTE", "more")


def test_numbers_are_checked_and_sizes_are_numbers():
    assert tf.dimension_value(tf.Dimension(3)) == 3 and tf.Dimension(None) is None
    assert tf.dimension_at_index((None, 4), 1) == 4
    assert np.asarray(tf.verify_tensor_all_finite([1.0], "all")).tolist() == [1]
    with pytest.raises(tf.errors.InvalidArgumentError, match="seen here"):
        tf.verify_tensor_all_finite(x=[np.nan], message="seen here")
