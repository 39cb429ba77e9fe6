"""FAQ: how can I obtain the output of an intermediate layer?"""

from __future__ import annotations

import numpy as np


def test_by_a_new_model_over_get_layer(run, compiled, data):
    names = run(
        """
from keras.models import Model
layer_name = 'my_layer'
intermediate_layer_model = Model(inputs=model.input,
                                 outputs=model.get_layer(layer_name).output)
intermediate_output = intermediate_layer_model.predict(data)
""",
        model=compiled,
        data=data[0],
    )
    kernel, bias = compiled.layers[0].get_weights()
    assert np.allclose(names["intermediate_output"], np.maximum(data[0] @ kernel + bias, 0), atol=1e-5)


def test_by_a_keras_function(run, compiled, data):
    names = run(
        """
from keras import backend as K
get_3rd_layer_output = K.function([model.layers[0].input],
                                  [model.layers[3].output])
layer_output = get_3rd_layer_output([x])[0]
""",
        model=compiled,
        x=data[0],
    )
    assert np.allclose(names["layer_output"], compiled.predict(data[0]), atol=1e-6)


def test_by_a_keras_function_with_the_learning_phase(run, compiled, data):
    names = run(
        """
from keras import backend as K
get_output = K.function([model.layers[0].input, K.learning_phase()], [model.layers[1].output])
test_mode = get_output([x, 0])[0]
train_mode = get_output([x, 1])[0]
""",
        model=compiled,
        x=data[0],
    )
    test, train = names["test_mode"], names["train_mode"]
    kept = train != 0
    assert np.allclose(train[kept], 2 * test[kept], atol=1e-5)
    assert 0.2 < kept.mean() / (test != 0).mean() < 0.8
