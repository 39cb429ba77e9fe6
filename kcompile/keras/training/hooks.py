"""Methods of models that fit, evaluate and predict of tf.keras and Keras 3 call, and these here do not.

A subclass that overrides one would train by another rule than it says, so it is refused.
"""

from __future__ import annotations

from ..core.layer import Layer

_LOSSES = ("compute_loss", "compute_metrics", "get_metrics_result")

#: By what is done, the methods that would have a say in it.
HOOKS: dict[str, tuple[str, ...]] = {
    "train": ("train_step", "make_train_function", *_LOSSES),
    "test": ("test_step", "make_test_function", *_LOSSES),
    "predict": ("predict_step", "make_predict_function"),
}

_ADVICE = {
    "train": (
        "say the loss by compile(loss=...), add_loss() and add_metric(), or override fit() with a loop of "
        "your own that calls train_on_batch() of models without it, or a K.function()"
    ),
    "test": (
        "say the loss and the metrics by compile() and add_metric(), or override evaluate() with a loop of "
        "your own over predict_on_batch()"
    ),
    "predict": "do what it does in call() or in a layer, or override predict()",
}


def refuse_overridden(model: Layer, mode: str, asked: str) -> None:
    """Raises NotImplementedError if a model has a method that ``asked``, "fit" for instance, would not call.

    Args:
        mode: "train", "test" or "predict".
        asked: the method of the model that was called.
    """
    for name in HOOKS[mode]:
        hook = getattr(model, name, None)
        if callable(hook) and not isinstance(hook, Layer):
            raise NotImplementedError(
                f"{type(model).__name__}.{name} would not be called: {asked}() of tf.keras and Keras 3 calls "
                f"such a method, {asked}() here has a step of its own. To do what it says, {_ADVICE[mode]}. "
                f"If it is not meant for {asked}(), give it another name."
            )
