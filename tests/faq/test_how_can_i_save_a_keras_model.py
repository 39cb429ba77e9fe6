"""FAQ: how can I save a Keras model?"""

from __future__ import annotations

import numpy as np
import pytest

ATTENTION = """
from keras.engine.topology import Layer
from keras.models import Sequential
from keras.layers import Dense
from keras import backend as K

class AttentionLayer(Layer):
    def build(self, input_shape):
        self.score = self.add_weight(name='score', shape=(input_shape[-1],), initializer='uniform')
        super(AttentionLayer, self).build(input_shape)
    def call(self, x):
        return x * K.softmax(x * self.score)
    def compute_output_shape(self, input_shape):
        return input_shape

model = Sequential([AttentionLayer(input_shape=(8,)), Dense(3)])
model.save('my_model.h5')
json_string, yaml_string = model.to_json(), model.to_yaml()
"""


def test_the_whole_model_is_identical_after_loading_and_trains_on(run, compiled, data):
    x, y = data
    compiled.fit(x, y, epochs=2, verbose=0, shuffle=False)
    expected = compiled.predict(x)
    model = run(
        """
from keras.models import load_model

model.save('my_model.h5')  # creates a HDF5 file 'my_model.h5'
del model  # deletes the existing model

model = load_model('my_model.h5')
""",
        model=compiled,
    )["model"]
    assert np.array_equal(model.predict(x), expected)
    assert model.metrics_names == ["loss", "accuracy"]
    restored, kept = model.optimizer.get_weights(), compiled.optimizer.get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(restored, kept, strict=True)) and len(kept) > 10


def test_the_architecture_alone_as_json_and_yaml(run, compiled, data):
    names = run(
        """
json_string = model.to_json()
yaml_string = model.to_yaml()
from keras.models import model_from_json
model_a = model_from_json(json_string)
from keras.models import model_from_yaml
model_b = model_from_yaml(yaml_string)
""",
        model=compiled,
    )
    for model in (names["model_a"], names["model_b"]):
        assert model.get_config() == compiled.get_config()
        model.set_weights(compiled.get_weights())
        assert np.array_equal(model.predict(data[0]), compiled.predict(data[0]))


def test_the_weights_alone_by_order_and_by_name(run):
    names = run("""
from keras.models import Sequential
from keras.layers import Dense
fname = 'my_model_weights.h5'
model = Sequential()
model.add(Dense(2, input_dim=3, name='dense_1'))
model.add(Dense(3, name='dense_2'))
model.save_weights(fname)
saved = model.get_weights()

same = Sequential.from_config(model.get_config())
same.load_weights('my_model_weights.h5')

model = Sequential()
model.add(Dense(2, input_dim=3, name='dense_1'))  # will be loaded
model.add(Dense(10, name='new_dense'))  # will not be loaded
new_before = model.layers[1].get_weights()[0]
model.load_weights(fname, by_name=True)
""")
    saved, model = names["saved"], names["model"]
    assert all(np.array_equal(a, b) for a, b in zip(names["same"].get_weights(), saved, strict=True))
    assert np.array_equal(model.layers[0].get_weights()[0], saved[0])
    assert np.array_equal(model.layers[1].get_weights()[0], names["new_before"])


@pytest.mark.parametrize(
    "loading",
    [
        "load_model('my_model.h5'{})",
        "model_from_json(json_string{})",
        "model_from_yaml(yaml_string{})",
    ],
)
@pytest.mark.parametrize("scope", [False, True])
def test_custom_objects_by_argument_and_by_scope(run, loading, scope):
    imports = (
        "from keras.models import load_model, model_from_json, model_from_yaml\n"
        "from keras.utils import CustomObjectScope\n"
    )
    if scope:
        code = "with CustomObjectScope({'AttentionLayer': AttentionLayer}):\n    again = " + loading.format(
            ""
        )
    else:
        code = "again = " + loading.format(", custom_objects={'AttentionLayer': AttentionLayer}")
    names = run(ATTENTION + imports + code)
    assert type(names["again"].layers[0]).__name__ == "AttentionLayer"
    with pytest.raises(ValueError, match="AttentionLayer.*custom_objects"):
        run(ATTENTION + imports + "again = " + loading.format(""))
