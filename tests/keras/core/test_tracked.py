"""Lists and dicts that are attributes of users' layers tell the layer of what is put into them."""

from __future__ import annotations

import copy
import gc
import json
import pickle
import weakref

import numpy as np
import pytest

from kcompile.keras.core.tracked import TrackedDict, TrackedList, tracked
from kcompile.keras.layers import Dense, Layer
from kcompile.keras.models import Model


class Owner:
    def __init__(self):
        self.told = []

    def _track_attribute(self, name, value):
        self.told.append(value)


CHANGES = {
    "append": (lambda x: x.append(9), [1, 2, 9], [9]),
    "extend": (lambda x: x.extend(n for n in (8, 9)), [1, 2, 8, 9], [8, 9]),
    "insert": (lambda x: x.insert(0, 9), [9, 1, 2], [9]),
    "plus": (lambda x: x.__iadd__([9]), [1, 2, 9], [9]),
    "item": (lambda x: x.__setitem__(1, 9), [1, 9], [9]),
    "slice": (lambda x: x.__setitem__(slice(0, 2), [7, 8, 9]), [7, 8, 9], [7, 8, 9]),
    "pop": (lambda x: x.pop(), [1], []),
    "sort": (lambda x: x.sort(reverse=True), [2, 1], []),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_list_tells_of_what_is_put_into_it(name):
    change, expected, told = CHANGES[name]
    owner = Owner()
    found = tracked(owner, [1, 2])
    change(found)
    assert found == expected and owner.told == told and isinstance(found, TrackedList)


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.__setitem__("b", 2),
        lambda x: x.update({"b": 2}),
        lambda x: x.update(b=2),
        lambda x: x.setdefault("b", 2),
        lambda x: x.__ior__({"b": 2}),
    ],
    ids=["item", "update", "keywords", "setdefault", "or"],
)
def test_a_dict_tells_of_what_is_put_into_it(change):
    owner = Owner()
    found = tracked(owner, {"a": 1})
    change(found)
    assert found == {"a": 1, "b": 2} and owner.told == [2] and found.setdefault("a", 5) == 1


def test_what_is_within_tells_too():
    owner = Owner()
    found = tracked(owner, {"rows": [[1]]})
    found["rows"][0].append(2)
    found["rows"].append([3])
    found["rows"][1].append(4)
    assert owner.told == [2, [3], 4] and found == {"rows": [[1, 2], [3, 4]]}


def test_copies_are_plain_and_the_owner_is_not_kept():
    owner = Owner()
    found = tracked(owner, [1, {"a": [2]}])
    for copied in (copy.copy(found), copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
        assert type(copied) is list and copied == [1, {"a": [2]}]
    assert type(copy.deepcopy(found)[1]) is dict and isinstance(found[1], TrackedDict)
    assert json.dumps(found) == '[1, {"a": [2]}]'
    alive = weakref.ref(owner)
    del owner
    gc.collect()
    assert alive() is None
    found.append(3)
    assert found[-1] == 3


def test_layers_put_into_a_list_train():
    class Blocks(Model):
        def __init__(self):
            super().__init__()
            self.blocks = []
            for _ in range(2):
                self.blocks.append(Dense(2))

        def call(self, x):
            for block in self.blocks:
                x = block(x)
            return x

    model = Blocks()
    model.compile("sgd", "mse")
    x, y = np.ones((4, 2), "float32"), np.zeros((4, 2), "float32")
    model.fit(x, y, verbose=0)
    before = [np.array(w) for w in model.get_weights()]
    model.fit(x, y, verbose=0)
    assert len(before) == 4
    assert all((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))


def test_layers_that_are_built_in_keep_their_lists():
    class Own(Layer):
        def __init__(self):
            super().__init__()
            self.sizes = [1]

    plain = Dense(2)
    plain.notes = [1]
    assert type(plain.notes) is list and isinstance(Own().sizes, TrackedList)
