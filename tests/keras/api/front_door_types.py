"""What mypy must make of the packages that import when first asked: real types, and mistakes to find.

Read by `make lint`, not run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import assert_type

    import numpy as np

    import kcompile
    from kcompile import keras
    from kcompile.ir import Value
    from kcompile.keras import backend as K
    from kcompile.keras.applications import resnet50
    from kcompile.keras.callbacks import EarlyStopping, History
    from kcompile.keras.initializers import VarianceScaling
    from kcompile.keras.layers import Conv2D, Dense, LSTMCell
    from kcompile.keras.models import Model, Sequential
    from kcompile.keras.optimizers import Adam
    from kcompile.keras.preprocessing.image import ImageDataGenerator
    from kcompile.keras.regularizers import L1L2
    from kcompile.keras.wrappers.scikit_learn import KerasClassifier

    def results(x: np.ndarray, value: Value) -> None:
        assert_type(keras.layers.Dense(10), Dense)
        assert_type(keras.layers.Conv2D(8, 3, (2, 2), name="first"), Conv2D)
        assert_type(keras.layers.LSTMCell(8, "tanh", dropout=0.1), LSTMCell)
        assert_type(keras.models.load_model("m.h5"), Model)
        assert_type(keras.models.Sequential(), Sequential)
        assert_type(keras.Sequential([keras.layers.Dense(10, activation="relu")]), Sequential)
        assert_type(keras.Input((3,)), Value)
        assert_type(keras.optimizers.Adam(learning_rate=1e-3), Adam)
        assert_type(keras.backend.sum(value, axis=-1), Value)
        assert_type(K.mean(value, axis=[0, 1], keepdims=True), Value)
        assert_type(keras.activations.relu(value), Value)
        assert_type(keras.losses.mean_squared_error(value, value), Value)
        assert_type(keras.initializers.he_normal(seed=1), VarianceScaling)
        assert_type(keras.regularizers.l2(0.01), L1L2)
        assert_type(keras.callbacks.EarlyStopping(patience=3), EarlyStopping)
        assert_type(keras.utils.to_categorical(x), np.ndarray)
        assert_type(keras.preprocessing.image.ImageDataGenerator(), ImageDataGenerator)
        assert_type(keras.wrappers.scikit_learn.KerasClassifier(lambda: None), KerasClassifier)
        assert_type(keras.applications.ResNet50(weights=None), Model)
        assert_type(keras.applications.resnet50.ResNet50(weights=None), Model)
        assert_type(resnet50.ResNet50(weights=None), Model)
        assert_type(keras.engine.Model(), Model)
        assert_type(keras.Sequential().fit(x, x), History)
        assert_type(keras.Sequential().count_params(), int)
        assert_type(kcompile.keras.layers.Dense(1), Dense)

    def mistakes(model: Model, x: np.ndarray) -> None:
        _ = keras.nosuch  # type: ignore[attr-defined]
        keras.layers.Danse(10)  # type: ignore[attr-defined]
        keras.applications.ResNet51()  # type: ignore[attr-defined]
        keras.utils.to_categorial(x)  # type: ignore[attr-defined]
        _ = kcompile.device_scop  # type: ignore[attr-defined]
        keras.layers.Dense()  # type: ignore[call-arg]
        keras.layers.Conv2D(8)  # type: ignore[call-arg]
        keras.layers.Dense("10")  # type: ignore[arg-type]
        keras.layers.LSTM(4, return_sequences="yes")  # type: ignore[arg-type]
        keras.optimizers.Adam(learning_rate="fast")  # type: ignore[arg-type]
        keras.backend.sum()  # type: ignore[call-arg]
        keras.backend.sum(x, axis="last")  # type: ignore[arg-type]
        keras.models.load_model()  # type: ignore[call-arg]
        model.fit(x, x, epochs="ten")  # type: ignore[arg-type]
        keras.callbacks.EarlyStopping(patience="3")  # type: ignore[arg-type]
