"""Limits training: fewer epochs, fewer steps an epoch; and prediction, where a program says so."""

import functools
import inspect


def install(front_end, limits, trained, note):
    """Wraps fit and its like of a Keras's models; remembers each model that was trained."""
    for name in ("fit", "fit_generator"):
        if hasattr(front_end.Model, name):
            _wrap(front_end.Model, name, limits, trained, note)
    _remember(front_end.Model, "train_on_batch", trained)
    if "predictions" in limits:
        _limit_predictions(front_end.Model, limits["predictions"], note)
    front_end.without_published_weights(note)


def _wrap(cls, name, limits, trained, note):
    real = getattr(cls, name)
    signature = inspect.signature(real)

    @functools.wraps(real)
    def fit(self, *arguments, **keywords):
        if getattr(self, "_is_in_limited_fit", False):
            return real(self, *arguments, **keywords)
        given = signature.bind_partial(self, *arguments, **keywords).arguments
        extra = given.pop("kwargs", {})
        given.pop("self")
        _limit_epochs(given, limits["epochs"], note)
        _limit_steps(given, limits["steps"], note)
        object.__setattr__(self, "_is_in_limited_fit", True)
        try:
            return real(self, **given, **extra)
        finally:
            object.__setattr__(self, "_is_in_limited_fit", False)
            trained[id(self)] = (self, given.get("x", given.get("generator")))

    setattr(cls, name, fit)


def _remember(cls, name, trained):
    real = getattr(cls, name)

    @functools.wraps(real)
    def method(self, x, *arguments, **keywords):
        trained.setdefault(id(self), (self, x))
        return real(self, x, *arguments, **keywords)

    setattr(cls, name, method)


def _limit_predictions(cls, limit, note):
    """After so many calls for arrays of the same shapes, a model gives what the last of them gave."""
    real = cls.predict
    seen = {}

    @functools.wraps(real)
    def predict(self, x, *arguments, **keywords):
        key = id(self), tuple(tuple(array.shape) for array in _arrays(x))
        calls, found = seen.get(key, (0, None))
        if calls < limit:
            found = real(self, x, *arguments, **keywords)
        else:
            note(f"predict: after {limit} calls for the same sizes a model gives what the last of them gave")
        seen[key] = calls + 1, found
        return found

    cls.predict = predict


def _limit_epochs(given, limit, note):
    first = given.get("initial_epoch", 0) or 0
    last = given.get("epochs", 1)
    if last > first + limit:
        note(f"fit: {last - first} epochs cut to {limit}")
        given["epochs"] = first + limit


def _limit_steps(given, limit, note):
    for name in ("steps_per_epoch", "validation_steps"):
        if isinstance(given.get(name), int) and given[name] > limit:
            note(f"fit: {name} {given[name]} cut to {limit}")
            given[name] = limit
    batch_size = given.get("batch_size") or 32
    validation = given.get("validation_data")
    if hasattr(validation, "take") and hasattr(validation, "prefetch") and not given.get("validation_steps"):
        given["validation_data"] = validation.take(limit)
        note(f"fit: at most {limit} batches of a dataset to validate on")
    x = given.get("x")
    if hasattr(x, "take") and hasattr(x, "prefetch"):
        if given.get("steps_per_epoch") is None:
            given["x"] = x.take(limit)
            note(f"fit: at most {limit} batches of a dataset")
        return
    sizes = {len(array) for array in _arrays(x) if hasattr(array, "shape") and len(array.shape)}
    if len(sizes) != 1 or given.get("steps_per_epoch") is not None:
        return
    size = sizes.pop()
    most = max(limit * batch_size, 64)
    if size > most:
        for name in ("x", "y", "sample_weight"):
            if given.get(name) is not None:
                given[name] = _cut(given[name], most)
        note(f"fit: {size} samples cut to {most}")


def _arrays(x):
    if isinstance(x, dict):
        return [array for value in x.values() for array in _arrays(value)]
    if isinstance(x, (list, tuple)):
        return [array for value in x for array in _arrays(value)]
    return [x]


def _cut(x, most):
    if isinstance(x, dict):
        return {name: _cut(value, most) for name, value in x.items()}
    if isinstance(x, tuple):
        return tuple(_cut(value, most) for value in x)
    if isinstance(x, list) and x and hasattr(x[0], "shape") and getattr(x[0], "shape", ()):
        return [_cut(value, most) for value in x]
    return x[:most]
