"""Models as scikit-learn estimators: for its pipelines, cross-validation and searches.

scikit-learn itself is imported only when it asks an estimator what it is.
"""

from __future__ import annotations

import copy
import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import losses, registry
from ..models import Sequential
from ..utils.generic_utils import did_you_mean, has_arg, to_list
from ..utils.np_utils import to_categorical


class BaseWrapper:
    """What KerasClassifier and KerasRegressor share.

    Args:
        build_fn: function (or object with ``__call__``) that makes and compiles a model; None for a subclass
            that defines ``__call__``.
        **sk_params: arguments of ``build_fn``, and of the model's ``fit``, ``predict`` and ``evaluate``, such
            as ``epochs``; each goes to whatever takes it. A search may vary all of them.

    Raises:
        ValueError: a parameter that none of these takes.
    """

    _estimator_type: str | None = None

    def __init__(self, build_fn: Callable[..., Any] | None = None, **sk_params: Any) -> None:
        self.build_fn = build_fn
        self.sk_params = sk_params
        self.check_params(sk_params)

    def _builder(self) -> Callable[..., Any]:
        if self.build_fn is not None:
            return self.build_fn
        if callable(self):
            return self.__call__
        raise ValueError(
            f"{type(self).__name__} needs build_fn, a function that makes and compiles a model, or a "
            "__call__ of its own."
        )

    def check_params(self, params: dict[str, Any]) -> None:
        """Raise ValueError if a name is an argument neither of the builder nor of the model's methods."""
        takers: list[Callable[..., Any]] = [
            Sequential.fit,
            Sequential.predict,
            Sequential.predict_classes,
            Sequential.evaluate,
            self._builder(),
        ]
        for name in params:
            if name == "nb_epoch" or any(has_arg(taker, name) for taker in takers):
                continue
            known = {known for taker in takers for known in inspect.signature(taker).parameters}
            hint = did_you_mean(name, known - {"self"}, 3)
            raise ValueError(f"{name} is not a legal parameter{hint and '.' + hint}")

    def get_params(self, **params: Any) -> dict[str, Any]:
        """``build_fn`` and all ``sk_params``: the objects themselves, which scikit-learn's ``clone`` insists
        on.
        """
        return {**self.sk_params, "build_fn": self.build_fn}

    def set_params(self, **params: Any) -> BaseWrapper:
        """Change parameters; returns the estimator."""
        params = dict(params)
        if "build_fn" in params:
            self.build_fn = params.pop("build_fn")
        self.check_params(params)
        self.sk_params.update(params)
        return self

    def fit(self, x: Any, y: Any, **kwargs: Any) -> Any:
        """Make a new model and train it.

        Args:
            x: array (samples, features...).
            y: array (samples,) or (samples, outputs).
            **kwargs: arguments of the model's ``fit``; they go before ``sk_params``.

        Returns:
            The History of the training.
        """
        builder = self._builder()
        self.model = builder(**self.filter_sk_params(builder))
        y = np.asarray(y)
        if losses.is_categorical_crossentropy(self.model.loss) and y.ndim != 2:
            y = to_categorical(y)
        # Copies: callbacks keep state, which must not go from one training to the next.
        fit_args = copy.deepcopy(self.filter_sk_params(Sequential.fit))
        if "nb_epoch" in self.sk_params:
            warnings.warn("The `nb_epoch` parameter has been renamed `epochs`.", stacklevel=2)
            fit_args.setdefault("epochs", self.sk_params["nb_epoch"])
        fit_args.update(kwargs)
        return self.model.fit(x, y, **fit_args)

    def filter_sk_params(
        self, fn: Callable[..., Any], override: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Those of ``sk_params`` that ``fn`` takes, and all of ``override``."""
        return {name: value for name, value in self.sk_params.items() if has_arg(fn, name)} | (override or {})

    def _fitted_model(self) -> Any:
        try:
            return self.model
        except AttributeError:
            raise ValueError(f"This {type(self).__name__} has no model yet: call fit() first.") from None

    # --- scikit-learn's protocol
    # --------------------------------------------------------------------------------------

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model")

    def __sklearn_tags__(self) -> Any:
        from sklearn import utils

        tags = utils.Tags(
            estimator_type=self._estimator_type,
            target_tags=utils.TargetTags(required=True, multi_output=True),
            input_tags=utils.InputTags(three_d_array=True),
            non_deterministic=True,
        )
        if self._estimator_type == "classifier":
            tags.classifier_tags = utils.ClassifierTags()
        elif self._estimator_type == "regressor":
            tags.regressor_tags = utils.RegressorTags()
        return tags

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({values})"


class KerasClassifier(BaseWrapper):
    """A scikit-learn classifier over a model: one output per class, or one output for two classes.

    See BaseWrapper for the arguments. Attributes after ``fit``: ``model``, ``classes_``, ``n_classes_``.
    """

    _estimator_type = "classifier"

    def fit(self, x: Any, y: Any, sample_weight: Any = None, **kwargs: Any) -> Any:
        """Make a new model and train it.

        Args:
            x: array (samples, features...).
            y: labels of any kind (samples,) or (samples, 1), or one-hot (samples, classes).
            sample_weight: array (samples,).
            **kwargs: arguments of the model's ``fit``.

        Returns:
            The History of the training.

        Raises:
            ValueError: ``y`` has another shape.
        """
        y = np.array(y)
        if y.ndim == 2 and y.shape[1] > 1:
            self.classes_ = np.arange(y.shape[1])
        elif y.ndim == 1 or (y.ndim == 2 and y.shape[1] == 1):
            self.classes_ = np.unique(y)
            y = np.searchsorted(self.classes_, y)
        else:
            raise ValueError(f"Invalid shape for y: {y.shape}")
        self.n_classes_ = len(self.classes_)
        if sample_weight is not None:
            kwargs["sample_weight"] = sample_weight
        return super().fit(x, y, **kwargs)

    def predict(self, x: Any, **kwargs: Any) -> np.ndarray:
        """Labels (samples,), or (samples, 1) where the model has one output.

        ``kwargs``: arguments of the model's ``predict_classes``.
        """
        probabilities = self._fitted_model().predict(
            x, **self.filter_sk_params(Sequential.predict_classes, kwargs)
        )
        if probabilities.shape[-1] > 1:
            classes = probabilities.argmax(axis=-1)
        else:
            classes = (probabilities > 0.5).astype("int32")
        return self.classes_[classes]

    def predict_proba(self, x: Any, **kwargs: Any) -> np.ndarray:
        """Probabilities (samples, classes); for a model with one output, of both classes.

        ``kwargs``: arguments of the model's ``predict_proba``.
        """
        probabilities = self._fitted_model().predict(
            x, **self.filter_sk_params(Sequential.predict_proba, kwargs)
        )
        if probabilities.shape[1] == 1:
            return np.hstack([1 - probabilities, probabilities])
        return probabilities

    def score(self, x: Any, y: Any, **kwargs: Any) -> float:
        """Mean accuracy.

        Args:
            x: array (samples, features...).
            y: labels (samples,).
            **kwargs: arguments of the model's ``evaluate``.

        Raises:
            ValueError: the model was not compiled with the metric "accuracy".
        """
        model = self._fitted_model()
        y = np.searchsorted(self.classes_, y)
        if losses.is_categorical_crossentropy(model.loss) and y.ndim != 2:
            y = to_categorical(y, len(self.classes_))
        results = to_list(model.evaluate(x, y, **self.filter_sk_params(Sequential.evaluate, kwargs)))
        for name, result in zip(model.metrics_names, results, strict=True):
            if name in ("accuracy", "acc"):
                return result
        raise ValueError(
            "The model is not configured to compute accuracy. You should pass "
            '`metrics=["accuracy"]` to the `model.compile()` method.'
        )


class KerasRegressor(BaseWrapper):
    """A scikit-learn regressor over a model. See BaseWrapper for the arguments."""

    _estimator_type = "regressor"

    def predict(self, x: Any, **kwargs: Any) -> np.ndarray:
        """Predictions (samples,), or (samples, outputs) for several. ``kwargs``: arguments of the model's
        ``predict``.
        """
        predictions = np.array(
            self._fitted_model().predict(x, **self.filter_sk_params(Sequential.predict, kwargs))
        )
        return predictions[..., 0] if predictions.shape[-1] == 1 else predictions

    def score(self, x: Any, y: Any, **kwargs: Any) -> float:
        """Minus the loss, so that more is better. ``kwargs``: arguments of the model's ``evaluate``."""
        loss = self._fitted_model().evaluate(x, y, **self.filter_sk_params(Sequential.evaluate, kwargs))
        return -to_list(loss)[0]


registry.register(globals())
