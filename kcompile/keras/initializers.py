"""Initializers: what weights start with. Calling one gives a numpy array.

Classes, parameters and defaults are those of ``keras.initializers`` in Keras 2.3. Without a ``seed`` one is
drawn from numpy's global generator at each call, so ``np.random.seed`` decides; with one, it grows by 1 with
each call, so that two weights that share an initializer differ.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..formats import UnsafeFileError
from ..ir import Value, as_dtype, claim_steps
from . import backend as K
from . import registry
from .declaration import configuration, configured
from .utils.generic_utils import deserialize_keras_object, interpreted
from .utils.generic_utils import serialize_keras_object as serialize_keras_object
from .utils.objects import serialized

# Standard deviation of the normal distribution cut at two standard deviations
_TRUNCATED_STDDEV = 0.87962566103423978


class Initializer:
    """Base of the initializers: a function of a shape and a dtype, which can be written to a file.

    Raises:
        NotImplementedError: when called, if a subclass defines no ``__call__(shape, dtype=None)``.
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        """An array of ``shape``; floatx unless ``dtype`` is given."""
        raise NotImplementedError(f"{type(self).__name__} does not define __call__(shape, dtype=None).")

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return configuration(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Initializer:
        """An instance with these arguments; the ``dtype`` that TensorFlow's Keras writes is left out."""
        return cls(**{name: value for name, value in config.items() if name != "dtype"})


def _array(values: Any, dtype: Any) -> np.ndarray:
    return np.asarray(values, dtype=as_dtype(K.floatx() if dtype is None else dtype))


def _draw_type(dtype: Any) -> Any:
    """float64 is drawn as such, all else as float32, which takes half the time."""
    return np.float64 if as_dtype(K.floatx() if dtype is None else dtype) == np.float64 else np.float32


class Zeros(Initializer):
    """All zeros. Called with a shape, it gives an array of that shape."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        return _array(np.zeros(tuple(shape)), dtype)


class Ones(Initializer):
    """All ones. Called with a shape, it gives an array of that shape."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        return _array(np.ones(tuple(shape)), dtype)


class Constant(Initializer):
    """One value throughout.

    Args:
        value: a number, or an array with the elements in order (filled up with its last one).

    Called with a shape, it gives an array of that shape.
    """

    value: Any

    @configured
    def __init__(self, value: Any = 0) -> None: ...

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        return np.array(K.constant(self.value, dtype=dtype, shape=tuple(shape)).array)

    def get_config(self) -> dict[str, Any]:
        value = self.value
        return {"value": value.tolist() if isinstance(value, np.ndarray | np.generic) else value}


class _Random(Initializer):
    """What the random ones share: the seed."""

    seed: int | None

    def _generator(self) -> np.random.Generator:
        if self.seed is None:
            return np.random.default_rng(np.random.randint(10_000_000))
        generator = np.random.default_rng(self.seed)
        self.seed += 1
        return generator


class RandomNormal(_Random):
    """Normally distributed values. Called with a shape, it gives an array of that shape."""

    mean: float
    stddev: float

    @configured
    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None: ...

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        values = self._generator().standard_normal(tuple(shape), dtype=_draw_type(dtype))
        return _array(values * self.stddev + self.mean, dtype)


class RandomUniform(_Random):
    """Values distributed evenly over [minval, maxval).

    Called with a shape, it gives an array of that shape.
    """

    minval: float
    maxval: float

    @configured
    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None) -> None: ...

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        values = self._generator().random(tuple(shape), dtype=_draw_type(dtype))
        return _array(values * (self.maxval - self.minval) + self.minval, dtype)


class TruncatedNormal(_Random):
    """Normally distributed values; those more than two standard deviations from the mean are drawn again.

    Called with a shape, it gives an array of that shape.
    """

    mean: float
    stddev: float

    @configured
    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None: ...

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        values = _truncated(self._generator(), shape, dtype)
        return _array(values * self.stddev + self.mean, dtype)


def _truncated(generator: np.random.Generator, shape: Sequence[int], dtype: Any) -> np.ndarray:
    """Standard normal values with absolute values up to 2."""
    values = generator.standard_normal(tuple(shape), dtype=_draw_type(dtype))
    flat = values.reshape(-1)
    again = np.flatnonzero(np.abs(flat) > 2)
    while again.size:
        flat[again] = generator.standard_normal(again.size, dtype=flat.dtype)
        again = again[np.abs(flat[again]) > 2]
    return flat.reshape(values.shape)


def _positive(initializer: Initializer, name: str, value: float) -> float:
    if value <= 0.0:
        raise ValueError(f"`{name}` must be a positive float. Got: {value}")
    return value


def _mode(initializer: Initializer, name: str, value: str) -> str:
    mode = value.lower()
    if mode not in ("fan_in", "fan_out", "fan_avg"):
        raise ValueError(
            f'Invalid `mode` argument: expected one of "fan_in", "fan_out", "fan_avg"; got {mode!r}.'
        )
    return mode


def _distribution(initializer: Initializer, name: str, value: str) -> str:
    distribution = value.lower()
    if distribution not in _DISTRIBUTIONS:
        raise ValueError(
            f"Invalid `distribution` argument: expected one of {', '.join(_DISTRIBUTIONS)}; "
            f"got {distribution!r}."
        )
    return distribution


_DISTRIBUTIONS = ("normal", "uniform", "truncated_normal", "untruncated_normal")


class VarianceScaling(_Random):
    """Values whose variance is ``scale / n``.

    Args:
        scale: positive factor.
        mode: n is the number of inputs ("fan_in"), of outputs ("fan_out"), or the mean of both ("fan_avg").
        distribution: "normal" (cut at two standard deviations; also called "truncated_normal"), "uniform", or
            "untruncated_normal".
        seed: seed of the first call.

    Called with a shape, it gives an array of that shape.

    Raises:
        ValueError: for a scale that is not positive, or an unknown mode or distribution.
    """

    scale: float
    mode: str
    distribution: str

    @configured(scale=_positive, mode=_mode, distribution=_distribution)
    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "normal",
        seed: int | None = None,
    ) -> None: ...

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        fan_in, fan_out = _compute_fans(shape)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, n)
        generator = self._generator()
        if self.distribution == "uniform":
            limit = float(np.sqrt(3.0 * variance))
            values = generator.random(tuple(shape), dtype=_draw_type(dtype)) * (2 * limit) - limit
        elif self.distribution == "untruncated_normal":
            values = generator.standard_normal(tuple(shape), dtype=_draw_type(dtype)) * float(
                np.sqrt(variance)
            )
        else:
            values = _truncated(generator, shape, dtype) * (float(np.sqrt(variance)) / _TRUNCATED_STDDEV)
        return _array(values, dtype)


class Orthogonal(_Random):
    """A matrix with orthonormal rows or columns (Saxe et al., 2013), reshaped.

    The same ``seed`` gives the values that Keras 2.3 gives.

    Args:
        gain: factor.
        seed: seed of the first call.

    Called with a shape of at least two axes, it gives an array of that shape.

    Raises:
        ValueError: when called with a shape of fewer than two axes.
    """

    gain: float

    @configured
    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None: ...

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        shape = tuple(shape)
        if len(shape) < 2:
            raise ValueError(
                f"The tensor to initialize must be at least two-dimensional. Received: shape={shape}"
            )
        flat = (int(np.prod(shape[:-1])), shape[-1])
        claim_steps(flat[0] * flat[1] * min(flat) // 50, f"an orthogonal matrix of {flat[0]} times {flat[1]}")
        if self.seed is None:
            normal = np.random.normal(0.0, 1.0, flat)
        else:
            normal = np.random.RandomState(self.seed).normal(0.0, 1.0, flat)
            self.seed += 1
        left, _, right = np.linalg.svd(normal, full_matrices=False)
        matrix = left if left.shape == flat else right
        return _array(self.gain * matrix.reshape(shape), dtype)


class Identity(Initializer):
    """``gain`` times the identity matrix; for weights of two axes.

    Raises:
        ValueError: when called for another number of axes.
    """

    gain: float

    @configured
    def __init__(self, gain: float = 1.0) -> None: ...

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        if len(shape) != 2:
            raise ValueError(
                "Identity matrix initializer can only be used for 2D matrices. "
                f"Received: shape={tuple(shape)}"
            )
        return _array(self.gain * np.eye(shape[0], shape[1]), dtype)


def lecun_uniform(seed: int | None = None) -> VarianceScaling:
    """Uniform over ±sqrt(3 / fan_in) (LeCun et al., 1998)."""
    return VarianceScaling(scale=1.0, mode="fan_in", distribution="uniform", seed=seed)


def glorot_normal(seed: int | None = None) -> VarianceScaling:
    """Truncated normal of variance 2 / (fan_in + fan_out) (Glorot and Bengio, 2010)."""
    return VarianceScaling(scale=1.0, mode="fan_avg", distribution="normal", seed=seed)


def glorot_uniform(seed: int | None = None) -> VarianceScaling:
    """Uniform over ±sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio, 2010)."""
    return VarianceScaling(scale=1.0, mode="fan_avg", distribution="uniform", seed=seed)


def he_normal(seed: int | None = None) -> VarianceScaling:
    """Truncated normal of variance 2 / fan_in (He et al., 2015)."""
    return VarianceScaling(scale=2.0, mode="fan_in", distribution="normal", seed=seed)


def lecun_normal(seed: int | None = None) -> VarianceScaling:
    """Truncated normal of variance 1 / fan_in (Klambauer et al., 2017)."""
    return VarianceScaling(scale=1.0, mode="fan_in", distribution="normal", seed=seed)


def he_uniform(seed: int | None = None) -> VarianceScaling:
    """Uniform over ±sqrt(6 / fan_in) (He et al., 2015)."""
    return VarianceScaling(scale=2.0, mode="fan_in", distribution="uniform", seed=seed)


class _Preset(VarianceScaling):
    """A VarianceScaling under a name of its own, as later versions have it: its only argument is the seed."""

    preset: Callable[[], VarianceScaling]

    def __init__(self, seed: int | None = None, **later: Any) -> None:
        axes = {name: value for name, value in later.items() if value is not None}
        if axes or set(later) - {"input_axes", "output_axes"}:  # Keras 3 writes these two, None by default
            raise TypeError(f"{type(self).__name__} takes a seed; found {axes or later}.")
        super().__init__(**{**type(self).preset().get_config(), "seed": seed})

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed}


def _preset(name: str, function: Callable[..., VarianceScaling]) -> type[_Preset]:
    """The class of later versions whose instances are what a function makes."""
    doc = f"{function.__name__} as a class: called with a shape, it gives an array of that shape."
    return type(name, (_Preset,), {"preset": staticmethod(function), "__doc__": doc, "__module__": __name__})


GlorotUniform = _preset("GlorotUniform", glorot_uniform)
GlorotNormal = _preset("GlorotNormal", glorot_normal)
HeUniform = _preset("HeUniform", he_uniform)
HeNormal = _preset("HeNormal", he_normal)
LecunUniform = _preset("LecunUniform", lecun_uniform)
LecunNormal = _preset("LecunNormal", lecun_normal)

zero = zeros = Zeros
one = ones = Ones
constant = Constant
uniform = random_uniform = RandomUniform
normal = random_normal = RandomNormal
truncated_normal = TruncatedNormal
variance_scaling = VarianceScaling
identity = IdentityInitializer = Identity
orthogonal = OrthogonalInitializer = Orthogonal


def _compute_fans(shape: Sequence[int], data_format: str = "channels_last") -> tuple[float, float]:
    """Numbers of inputs and outputs of a weight: a matrix (in, out) or a convolution kernel.

    Raises:
        ValueError: for an unknown ``data_format``.
    """
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(f"Invalid data_format: {data_format}")
    if len(shape) == 2:
        return shape[0], shape[1]
    if len(shape) in (3, 4, 5):
        first = data_format == "channels_first"
        window = int(np.prod(shape[2:] if first else shape[:-2]))
        inputs, outputs = (shape[1], shape[0]) if first else (shape[-2], shape[-1])
        return inputs * window, outputs * window
    size = float(np.sqrt(np.prod(shape)))
    return size, size


_ALL: dict[str, Any] = {
    name: found
    for name, found in list(globals().items())
    if not name.startswith("_") and inspect.isclass(found) and issubclass(found, Initializer)
}
_FUNCTIONS = (lecun_uniform, glorot_normal, glorot_uniform, he_normal, lecun_normal, he_uniform)
_ALL.update({function.__name__: function for function in _FUNCTIONS})


def serialize(initializer: Any, use_legacy_format: bool = True) -> Any:
    """``{"class_name", "config"}`` of an initializer, or a function's name.

    Args:
        use_legacy_format: False for the form of tf.keras 2.12 and later, with module and registered name.
    """
    return serialized(initializer, use_legacy_format)


def deserialize(
    config: Any, custom_objects: Mapping[str, Any] | None = None, use_legacy_format: bool | None = None
) -> Any:
    """The initializer that a config or name describes.

    Args:
        use_legacy_format: of tf.keras; both forms are read.

    Raises:
        ValueError: for an unknown name; the message lists near ones.
    """
    return deserialize_keras_object(config, registry.names("initializer"), custom_objects, "initializer")


def get(identifier: Any) -> Any:
    """An initializer from a name, a config, an instance, a class, or any function of (shape, dtype).

    Raises:
        ValueError: for an unknown name, or for what is none of these.
    """
    if identifier is None:
        return None
    found = interpreted(identifier, deserialize, "initializer", _ALL)
    return found() if inspect.isclass(found) else found


def initial_value(initializer: Callable[..., Any], shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """What an initializer returns, as an array: K values of custom initializers are evaluated.

    Raises:
        ValueError: if the initializer refuses the shape; the message names both.
    """
    parameters = inspect.signature(initializer).parameters
    try:
        value = initializer(shape, dtype=dtype) if "dtype" in parameters else initializer(shape)
    except UnsafeFileError:
        raise
    except ValueError as error:
        raise ValueError(f"{type(initializer).__name__} of a weight of shape {shape}: {error}") from error
    if isinstance(value, Value):
        value = K.eval(value)
    array = np.asarray(value, dtype=as_dtype(dtype))
    return array if array.shape == shape else np.broadcast_to(array, shape)


registry.register(globals())
registry.name("initializer", _ALL)
