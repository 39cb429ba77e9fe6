"""Models as scikit-learn estimators: parameters, clones, pipelines, searches, and what Keras 2.3's wrappers
give.
"""

from __future__ import annotations

import functools
import pickle
import subprocess
import sys

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras.callbacks import Callback
from kcompile.keras.layers import Dense
from kcompile.keras.wrappers.scikit_learn import BaseWrapper, KerasClassifier, KerasRegressor

sklearn = pytest.importorskip("sklearn")
from sklearn.base import clone, is_classifier, is_regressor  # noqa: E402
from sklearn.exceptions import NotFittedError  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils.validation import check_is_fitted  # noqa: E402

RNG = np.random.RandomState(0)
X = np.concatenate([RNG.normal(center, 0.3, (20, 2)) for center in ((-2, 0), (2, 0), (0, 3))]).astype(
    "float32"
)
NAMES = np.repeat(["west", "east", "north"], 20)
ORDER = RNG.permutation(60)
X, NAMES = X[ORDER], NAMES[ORDER]


def build_classifier(units=8, outputs=3, loss="sparse_categorical_crossentropy", metrics=("accuracy",)):
    activation = "sigmoid" if outputs == 1 else "softmax"
    model = keras.Sequential(
        [Dense(units, activation="tanh", input_shape=(2,)), Dense(outputs, activation=activation)]
    )
    model.compile(keras.optimizers.Adam(0.1), loss=loss, metrics=list(metrics))
    return model


def build_regressor(units=8, outputs=1, metrics=()):
    model = keras.Sequential([Dense(units, activation="tanh", input_shape=(2,)), Dense(outputs)])
    model.compile(keras.optimizers.Adam(0.1), loss="mse", metrics=list(metrics))
    return model


class Builder:
    def __call__(self, units=8):
        return build_classifier(units)


class OwnClassifier(KerasClassifier):
    def __call__(self, units=8):
        return build_classifier(units)


def classifier(**params):
    return KerasClassifier(build_classifier, **{"epochs": 15, "batch_size": 16, "verbose": 0, **params})


# --- parameters --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "build",
    [build_classifier, Builder(), functools.partial(build_classifier, outputs=3), Builder().__call__],
    ids=["function", "object", "partial", "method"],
)
def test_parameters_may_be_those_of_the_builder_and_of_the_models_methods(build):
    wrapper = KerasClassifier(build, units=4, epochs=2, batch_size=3, verbose=0, steps=None, callbacks=[])
    assert wrapper.get_params() == {
        "build_fn": build,
        "units": 4,
        "epochs": 2,
        "batch_size": 3,
        "verbose": 0,
        "steps": None,
        "callbacks": [],
    }
    wrapper.fit(X, NAMES, epochs=1)
    assert wrapper.model.layers[0].units == 4


def test_a_subclass_may_build_the_model_itself():
    wrapper = OwnClassifier(units=5, epochs=1, verbose=0)
    wrapper.fit(X, NAMES)
    assert wrapper.model.layers[0].units == 5


def test_a_mistyped_parameter_is_refused_and_the_nearest_named():
    with pytest.raises(ValueError, match=r"unit is not a legal parameter. Did you mean 'units'\?"):
        KerasClassifier(build_classifier, unit=3)
    with pytest.raises(ValueError, match="epoch is not a legal parameter"):
        classifier().set_params(epoch=3)


def test_a_wrapper_without_builder_says_so():
    with pytest.raises(ValueError, match="needs build_fn"):
        KerasClassifier()


def test_set_params_changes_parameters_and_returns_the_wrapper():
    wrapper = classifier()
    assert wrapper.set_params(units=2, build_fn=Builder()) is wrapper
    assert wrapper.sk_params["units"] == 2 and isinstance(wrapper.build_fn, Builder)


def test_filter_sk_params_keeps_what_a_function_takes():
    wrapper = classifier(units=2)
    assert wrapper.filter_sk_params(build_classifier) == {"units": 2}
    assert wrapper.filter_sk_params(build_classifier, {"outputs": 4}) == {"units": 2, "outputs": 4}


def test_keras_1_spelling_of_epochs_trains_for_that_many():
    wrapper = KerasRegressor(build_regressor, nb_epoch=3, verbose=0)
    with pytest.warns(UserWarning, match="nb_epoch"):
        history = wrapper.fit(X, X[:, 0])
    assert len(history.epoch) == 3


def test_callbacks_are_copied_for_each_training():
    seen = []

    class Count(Callback):
        epochs = 0

        def on_epoch_end(self, epoch, logs=None):
            self.epochs += 1

        def on_train_end(self, logs=None):
            seen.append(self.epochs)

    callback = Count()
    wrapper = classifier(epochs=2, callbacks=[callback])
    wrapper.fit(X, NAMES)
    wrapper.fit(X, NAMES)
    assert seen == [2, 2] and callback.epochs == 0


# --- what a classifier and a regressor give ----------------------------------------------------------------


def test_a_classifier_learns_labels_of_any_kind():
    keras.utils.set_random_seed(1) if hasattr(keras.utils, "set_random_seed") else np.random.seed(1)
    wrapper = classifier(epochs=40)
    history = wrapper.fit(X, NAMES)
    assert len(history.history["loss"]) == 40
    assert wrapper.classes_.tolist() == ["east", "north", "west"] and wrapper.n_classes_ == 3
    labels, probabilities = wrapper.predict(X), wrapper.predict_proba(X)
    assert labels.shape == (60,) and probabilities.shape == (60, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert (wrapper.classes_[probabilities.argmax(axis=1)] == labels).all()
    assert wrapper.score(X, NAMES) == pytest.approx(np.mean(labels == NAMES), abs=1e-6)
    assert np.mean(labels == NAMES) > 0.9


def test_labels_become_one_hot_for_categorical_crossentropy():
    wrapper = classifier(loss="categorical_crossentropy", epochs=2)
    wrapper.fit(X, NAMES)
    assert wrapper.model.output_shape == (None, 3)
    assert 0 <= wrapper.score(X[:5], np.repeat("east", 5)) <= 1


def test_one_hot_labels_are_taken_as_they_are():
    wrapper = classifier(loss="categorical_crossentropy", epochs=1)
    wrapper.fit(X, np.eye(3)[np.searchsorted(["east", "north", "west"], NAMES)])
    assert wrapper.classes_.tolist() == [0, 1, 2]
    assert set(wrapper.predict(X)) <= {0, 1, 2}


def test_a_model_of_one_output_gives_both_probabilities():
    wrapper = classifier(outputs=1, loss="binary_crossentropy", epochs=2)
    wrapper.fit(X, NAMES == "west")
    assert wrapper.predict(X).shape == (60, 1) and wrapper.predict(X).dtype == bool
    probabilities = wrapper.predict_proba(X)
    assert probabilities.shape == (60, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)


def test_sample_weights_reach_the_training():
    wrapper = classifier(epochs=1)
    history = wrapper.fit(X, NAMES, sample_weight=np.zeros(60))
    assert history.history["loss"] == [0.0]


@pytest.mark.parametrize("y", [np.zeros((4, 2, 2)), np.array(3)])
def test_labels_of_another_shape_are_refused(y):
    with pytest.raises(ValueError, match="Invalid shape for y"):
        classifier().fit(X[:4], y)


def test_accuracy_that_was_not_compiled_is_asked_for():
    wrapper = classifier(epochs=1, metrics=())
    wrapper.fit(X, NAMES)
    with pytest.raises(ValueError, match="not configured to compute accuracy"):
        wrapper.score(X, NAMES)


@pytest.mark.parametrize("metrics", [(), ("mae",)])
def test_a_regressor_scores_by_the_negative_loss(metrics):
    wrapper = KerasRegressor(build_regressor, metrics=metrics, epochs=3, verbose=0)
    wrapper.fit(X, X[:, 0].tolist())
    predicted = wrapper.predict(X)
    assert predicted.shape == (60,)
    assert wrapper.score(X, X[:, 0]) == pytest.approx(-np.mean((predicted - X[:, 0]) ** 2), rel=1e-4)


def test_a_regressor_of_several_outputs_keeps_their_axis():
    wrapper = KerasRegressor(build_regressor, outputs=2, epochs=1, verbose=0)
    wrapper.fit(X, X)
    assert wrapper.predict(X[:1]).shape == (1, 2)


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_predicting_before_fit_is_an_error_that_says_so(method):
    with pytest.raises(ValueError, match=r"call fit\(\) first"):
        getattr(classifier(), method)(X)


# --- inside scikit-learn -----------------------------------------------------------------------------------


def test_scikit_learn_sees_what_each_wrapper_is():
    assert is_classifier(classifier()) and not is_regressor(classifier())
    assert is_regressor(KerasRegressor(build_regressor)) and not is_classifier(
        KerasRegressor(build_regressor)
    )
    assert not is_classifier(BaseWrapper(build_regressor))
    with pytest.raises(NotFittedError):
        check_is_fitted(classifier())


def test_a_clone_has_the_same_parameters_and_no_model():
    wrapper = classifier(units=3, callbacks=[Callback()], class_weight={0: 1.0, 1: 2.0, 2: 1.0})
    wrapper.fit(X, NAMES, epochs=1)
    copy = clone(wrapper)
    assert type(copy) is KerasClassifier and not hasattr(copy, "model")
    assert copy.get_params().keys() == wrapper.get_params().keys()
    assert copy.sk_params["class_weight"] == {0: 1.0, 1: 2.0, 2: 1.0}
    assert repr(copy).startswith("KerasClassifier(epochs=15")


def test_grid_search_tries_parameters_of_the_builder_and_of_fit():
    search = GridSearchCV(classifier(), [{"units": [3]}, {"epochs": [1]}], cv=2, error_score="raise")
    search.fit(X, NAMES)
    assert search.cv_results_["params"] == [{"units": 3}, {"epochs": 1}]
    assert search.best_estimator_.model.layers[0].units == search.best_params_.get("units", 8)
    assert search.predict(X).shape == (60,)
    assert search.best_score_ == search.cv_results_["mean_test_score"].max()


def test_cross_validation_in_a_pipeline():
    pipeline = make_pipeline(StandardScaler(), classifier(epochs=10))
    pipeline.set_params(kerasclassifier__units=6)
    assert cross_val_score(pipeline, X, NAMES, cv=2, error_score="raise").shape == (2,)
    assert cross_val_predict(pipeline, X, NAMES, cv=2, method="predict_proba").shape == (60, 3)
    pipeline.fit(X, NAMES)
    assert pipeline.predict(X).shape == (60,) and pipeline.score(X, NAMES) > 1 / 3
    assert pipeline[-1].model.layers[0].units == 6


def test_regressors_are_scored_by_scikit_learns_metrics_too():
    wrapper = KerasRegressor(build_regressor, epochs=2, verbose=0)
    scores = cross_val_score(
        wrapper, X, X[:, 0], cv=2, scoring="neg_mean_absolute_error", error_score="raise"
    )
    assert (scores < 0).all()


def test_a_fitted_wrapper_can_be_pickled():
    wrapper = KerasRegressor(build_regressor, epochs=1, verbose=0)
    wrapper.fit(X, X[:, 0])
    again = pickle.loads(pickle.dumps(wrapper))
    np.testing.assert_array_equal(again.predict(X), wrapper.predict(X))


def test_importing_the_wrappers_does_not_load_scikit_learn():
    code = "import sys, kcompile.keras.wrappers.scikit_learn; print('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
