"""K.get_session and its session: what TensorFlow 1's programs compute by it."""

from __future__ import annotations

import gc
import weakref
from typing import Any, NamedTuple

import numpy as np
import pytest

from kcompile.keras import backend as K
from kcompile.keras.backend.sessions import Operation, Session
from kcompile.keras.layers import Dense, Dropout, Input
from kcompile.keras.models import Model


class Pair(NamedTuple):
    first: Any
    second: Any


@pytest.fixture
def session():
    return K.get_session()


def test_fetches_come_in_the_nests_that_they_are_asked_for_in(session):
    x = K.placeholder((None, 2))
    weight = K.variable([[1.0], [2.0]])
    y = K.dot(x, weight)
    fed = {x: [[1, 1]]}
    assert session.run(y, fed).tolist() == [[3]]
    assert [n.tolist() for n in session.run([y, x], fed)] == [[[3]], [[1, 1]]]
    found = session.run({"pair": Pair(y, (weight, None)), "again": [y]}, fed)
    assert found["pair"].first.tolist() == found["again"][0].tolist() == [[3]]
    assert isinstance(found["pair"], Pair) and isinstance(found["pair"].second, tuple)
    assert found["pair"].second[0].tolist() == [[1], [2]] and found["pair"].second[1] is None
    assert session.run([]) == [] and session.run(None) is None


def test_any_tensor_may_be_fed_and_the_learning_phase(session):
    x = Input((4,))
    hidden = Dropout(0.5)(x)
    doubled = hidden * 2.0
    ones = np.ones((2, 4), "float32")
    assert session.run(doubled, {hidden: ones}).tolist() == (2 * ones).tolist()
    assert session.run(doubled, {x: ones}).tolist() == (2 * ones).tolist()
    many = np.ones((50, 4), "float32")
    assert set(np.unique(session.run(doubled, {x: many, K.learning_phase(): 1}))) == {0.0, 4.0}


def test_one_variable_is_set_to_another_as_target_networks_are(session):
    first, second = K.variable([1.0, 2.0]), K.variable([5.0, 6.0])
    assert session.run(K.update(first, second)).tolist() == [5, 6]
    assert K.get_value(first).tolist() == [5, 6]
    K.set_value(second, [7.0, 8.0])
    session.run([[K.update(first, second)]])
    assert K.get_value(first).tolist() == [7, 8]


def test_updates_are_done_where_they_are_fetched_and_give_the_new_value(session):
    count = K.variable(1.0)
    assert session.run(K.update_add(count, 2.0)) == K.get_value(count) == 3
    before, after = session.run([count * 1.0, K.update(count, count * 2.0)])
    assert (before, after, K.get_value(count)) == (3, 6, 6)
    assert session.run((count, count * 2.0)) == (6, 12)  # a pair of fetches is no update
    assert K.get_value(count) == 6
    assert session.run([Operation([K.update(count, 0.0)]), count * 1.0]) == [None, 6]
    Operation([K.update_sub(count, 1.0)]).run()
    assert K.get_value(count) == -1


def test_tensors_compute_themselves(session):
    x = K.placeholder((None, 2))
    assert (x * 2.0).eval(feed_dict={x: [[1, 2]]}).tolist() == [[2, 4]]
    assert (x * 2.0).eval({x: [[1, 2]]}, Session()).tolist() == [[2, 4]]
    assert K.variable(3.0).eval(session=session) == 3 and K.constant([1.0]).eval().tolist() == [1]


@pytest.mark.parametrize(
    ("fetches", "fed", "message"),
    [
        ("dense/BiasAdd:0", None, "not looked up by name"),
        ([3], None, "computes tensors, variables and updates; found 3"),
        (None, {"x:0": 1}, "expected tensors of the graph as keys, found 'x:0'"),
    ],
)
def test_what_is_no_tensor_is_refused(session, fetches, fed, message):
    with pytest.raises(TypeError, match=message):
        session.run(fetches, fed)


def test_only_a_session_is_made_the_default_one():
    with pytest.raises(TypeError, match=r"tf\.Session\(\)"):
        K.set_session(object())
    before = K.get_session()
    other = Session()
    try:
        K.set_session(other)
        assert K.get_session() is other
    finally:
        K.set_session(before)


def test_what_was_run_is_not_compiled_again_and_is_freed_with_its_model(session):
    x = Input((3,))
    model = Model(x, Dense(2)(x))
    ones = np.ones((1, 3))
    first = session.run(model.output, {model.input: ones})
    kept = model.output.annotations["_functions_of_sessions"]
    for _ in range(3):
        assert session.run(model.output, {model.input: ones}).tolist() == first.tolist()
    assert len(kept) == 1
    model.set_weights([2 * w for w in model.get_weights()])
    np.testing.assert_allclose(session.run(model.output, {model.input: ones}), 2 * first, rtol=1e-6)
    gone = weakref.ref(model)
    del model, x, kept
    gc.collect()
    assert gone() is None
