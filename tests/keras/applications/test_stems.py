"""How the MobileNets begin, by the rules of Keras 2.3 and of tf.keras; layers of tf_keras 2.21."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import keras, tf_keras

SIZE = 32
#: Name, arguments, the first layers and their number as tf_keras has them, and what Keras 2.3 has beside.
STEMS = {
    "MobileNet": ({"alpha": 0.25}, ["conv1", "conv1_bn", "conv1_relu"], 86, "conv1_pad"),
    "MobileNetV2": ({"alpha": 0.35}, ["Conv1", "bn_Conv1", "Conv1_relu"], 154, "Conv1_pad"),
}


@pytest.mark.parametrize("name", STEMS)
def test_the_first_convolution_pads_as_a_layer_before_it_did(name: str) -> None:
    arguments, first, count, padding = STEMS[name]
    shared = {**arguments, "include_top": False, "weights": None, "input_shape": (SIZE, SIZE, 3)}
    later = getattr(tf_keras.applications, name)(**shared)
    earlier = getattr(keras.applications, name)(**shared)
    names = [layer.name for layer in later.layers]
    assert names[1:4] == first and len(names) == count
    assert [layer.name for layer in earlier.layers][1:] == [padding, *names[1:]]
    earlier.set_weights(later.get_weights())
    x = np.random.RandomState(0).rand(1, SIZE, SIZE, 3)
    np.testing.assert_allclose(later.predict(x), earlier.predict(x), rtol=1e-4, atol=1e-5)
