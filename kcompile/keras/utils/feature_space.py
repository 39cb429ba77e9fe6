"""FeatureSpace: tables with columns of numbers, categories and text as vectors, each column by its type."""

from __future__ import annotations

import builtins
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ... import formats
from ...ir import StringTensor, Value
from .. import backend as K
from .. import layers as L
from .. import registry, rules
from ..backend.tensors import static_sizes
from ..core.called_on_numbers import as_values
from ..core.input_layer import Input
from ..data import Dataset
from ..layers.preprocessing.text_inputs import text_of
from .objects import deserialize_keras_object, serialize_keras_object

_BATCH = 1024  # single samples that are adapted to together


class Cross:
    """Several features whose combination is one category, by its hash.

    Args:
        feature_names: two or more.
        crossing_dim: number of categories.
        output_mode: "one_hot" or "int".
    """

    def __init__(self, feature_names: Iterable[str], crossing_dim: int, output_mode: str = "one_hot") -> None:
        _check("output_mode", output_mode, ("int", "one_hot"))
        self.feature_names = tuple(feature_names)
        self.crossing_dim = crossing_dim
        self.output_mode = output_mode

    @property
    def name(self) -> str:
        """``a_X_b``."""
        return "_X_".join(self.feature_names)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "feature_names": self.feature_names,
            "crossing_dim": self.crossing_dim,
            "output_mode": self.output_mode,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Cross:
        """What ``get_config`` was asked of."""
        return cls(**config)


class Feature:
    """A column, and how it is encoded.

    Args:
        dtype: of what the column holds.
        preprocessor: a layer, or the configuration of one.
        output_mode: "float" for what the layer gives; "one_hot" where it gives places, which become vectors,
            or "int" to keep these.
    """

    def __init__(self, dtype: str, preprocessor: Any, output_mode: str) -> None:
        _check("output_mode", output_mode, ("int", "one_hot", "float"))
        self.dtype = dtype
        self.preprocessor = (
            deserialize_keras_object(preprocessor) if isinstance(preprocessor, Mapping) else preprocessor
        )
        self.output_mode = output_mode

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        preprocessor = serialize_keras_object(self.preprocessor)
        return {"dtype": self.dtype, "preprocessor": preprocessor, "output_mode": self.output_mode}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Feature:
        """What ``get_config`` was asked of."""
        return cls(**config)


def _check(argument: str, value: Any, known: Sequence[str]) -> None:
    if value not in known:
        raise ValueError(f"{argument} must be one of {', '.join(map(repr, known))}; found {value!r}.")


class FeatureSpace:
    """Samples as dicts of columns, encoded column by column, as one vector or as a dict of tensors.

    Columns are taken to have one value for each sample. Called on a dict of numbers and text, of one sample,
    of (batch,) or (batch, 1), it computes at once; in models, ``get_inputs`` and ``get_encoded_features`` are
    symbolic. The order of a vector is that of the names of the features, then of the crosses.

    Args:
        features: name -> its type: "float", "float_normalized", "float_rescaled", "float_discretized",
            "integer_categorical", "string_categorical", "integer_hashed", "string_hashed", or what the class
            methods of these names give.
        output_mode: "concat" for one vector, or "dict".
        crosses: tuples of names of features, whose combinations are categories by their hash, or what
            ``FeatureSpace.cross`` gives.
        crossing_dim, hashing_dim, num_discretization_bins: number of categories for crosses, hashed and
            discretized features that say nothing else.

    Attributes:
        features: name -> ``Feature``.
        preprocessors: name -> the layer of a feature.
        crossers: ``a_X_b`` -> the layer of a cross.
        one_hot_encoders: name -> the layer that makes vectors of categories, once it is built.

    Raises:
        ValueError: without features, for unknown types, or crosses of features that are not there.
    """

    def __init__(
        self,
        features: Mapping[str, Any],
        output_mode: str = "concat",
        crosses: Iterable[Any] | None = None,
        crossing_dim: int = 32,
        hashing_dim: int = 32,
        num_discretization_bins: int = 32,
    ) -> None:
        if not features:
            raise ValueError("FeatureSpace needs features; found none.")
        _check("output_mode", output_mode, ("dict", "concat"))
        self.output_mode = output_mode
        self.crossing_dim = crossing_dim
        self.hashing_dim = hashing_dim
        self.num_discretization_bins = num_discretization_bins
        self.features = {name: self._feature(name, value) for name, value in features.items()}
        self.crosses = [self._cross(entry) for entry in crosses or ()]
        self.inputs = {
            name: Input((1,), dtype=feature.dtype, name=name) for name, feature in self.features.items()
        }
        self.preprocessors = {name: feature.preprocessor for name, feature in self.features.items()}
        self.crossers = {
            cross.name: L.HashedCrossing(cross.crossing_dim, name=cross.name) for cross in self.crosses
        }
        self.one_hot_encoders: dict[str, Any] = {}
        self.encoded_features: Any = None
        self.concat = L.Concatenate(axis=-1)
        self.built = False
        self._to_adapt = [name for name, layer in self.preprocessors.items() if _is_adaptable(layer)]
        self._is_adapted = not self._to_adapt

    # --- types of features ------------------------------------------------------------------------------

    @classmethod
    def cross(cls, feature_names: Iterable[str], crossing_dim: int, output_mode: str = "one_hot") -> Cross:
        """Features whose combination is a category."""
        return Cross(feature_names, crossing_dim, output_mode)

    @classmethod
    def feature(cls, dtype: str, preprocessor: Any, output_mode: str) -> Feature:
        """A column that a layer of one's own encodes."""
        return Feature(dtype, preprocessor, output_mode)

    @classmethod
    def float_rescaled(
        cls, scale: builtins.float = 1.0, offset: builtins.float = 0.0, name: Any = None
    ) -> Feature:
        """Numbers, ``x * scale + offset``."""
        layer = L.Rescaling(scale, offset, name=_layer_name(name, "float_rescaled"))
        return Feature("float32", layer, "float")

    @classmethod
    def float_normalized(cls, name: Any = None) -> Feature:
        """Numbers whose mean becomes 0 and whose variance becomes 1."""
        return Feature("float32", L.Normalization(name=_layer_name(name, "float_normalized")), "float")

    @classmethod
    def float_discretized(
        cls, num_bins: int | None, bin_boundaries: Any = None, output_mode: str = "one_hot", name: Any = None
    ) -> Feature:
        """The bin of each number, of as many about equally frequent ones, or between given boundaries."""
        layer = L.Discretization(bin_boundaries, num_bins, name=_layer_name(name, "float_discretized"))
        return Feature("float32", layer, output_mode)

    @classmethod
    def integer_categorical(
        cls, max_tokens: int | None = None, num_oov_indices: int = 1, output_mode: str = "one_hot",
        name: Any = None,
    ) -> Feature:  # fmt: skip
        """Whole numbers that are categories, each that occurs one."""
        layer = L.IntegerLookup(max_tokens, num_oov_indices, name=_layer_name(name, "integer_categorical"))
        return Feature("int64", layer, output_mode)

    @classmethod
    def string_categorical(
        cls, max_tokens: int | None = None, num_oov_indices: int = 1, output_mode: str = "one_hot",
        name: Any = None,
    ) -> Feature:  # fmt: skip
        """Text that is a category, each that occurs one."""
        layer = L.StringLookup(max_tokens, num_oov_indices, name=_layer_name(name, "string_categorical"))
        return Feature("string", layer, output_mode)

    @classmethod
    def integer_hashed(cls, num_bins: int, output_mode: str = "one_hot", name: Any = None) -> Feature:
        """Whole numbers by the bin of their hash."""
        return Feature("int64", L.Hashing(num_bins, name=_layer_name(name, "integer_hashed")), output_mode)

    @classmethod
    def string_hashed(cls, num_bins: int, output_mode: str = "one_hot", name: Any = None) -> Feature:
        """Text by the bin of its hash."""
        return Feature("string", L.Hashing(num_bins, name=_layer_name(name, "string_hashed")), output_mode)

    @classmethod
    def float(cls, name: Any = None) -> Feature:
        """Numbers as they are."""
        return Feature("float32", L.Identity(name=_layer_name(name, "float"), dtype="float32"), "float")

    def _feature(self, name: str, value: Any) -> Feature:
        if isinstance(value, Feature):
            return value
        if isinstance(value, Mapping):
            return Feature.from_config(value["config"])
        settings = {
            "float_discretized": {"num_bins": self.num_discretization_bins},
            "integer_hashed": {"num_bins": self.hashing_dim},
            "string_hashed": {"num_bins": self.hashing_dim},
        }
        _check(f"the type of feature {name!r}", value, _TYPES)
        made: Feature = getattr(self, value)(name=name, **settings.get(value, {}))
        return made

    def _cross(self, entry: Any) -> Cross:
        if isinstance(entry, Mapping):
            entry = Cross.from_config(entry["config"])
        made = entry if isinstance(entry, Cross) else Cross(entry, self.crossing_dim)
        unknown = [name for name in made.feature_names if name not in self.features]
        if unknown or not made.crossing_dim:
            raise ValueError(
                f"A cross is of features that are there, with a crossing_dim; found {made.feature_names} "
                f"with crossing_dim={made.crossing_dim!r} of the features {list(self.features)}."
            )
        return made

    # --- data -------------------------------------------------------------------------------------------

    def adapt(self, dataset: Dataset) -> None:
        """Takes vocabularies, bins and statistics from data.

        Args:
            dataset: a ``tf.data.Dataset`` of dicts with the features alone, in batches or not.

        Raises:
            ValueError: for anything else.
        """
        if not isinstance(dataset, Dataset):
            raise ValueError(f"FeatureSpace.adapt takes a tf.data.Dataset; found {type(dataset).__name__}.")
        for name in self._to_adapt:
            self.preprocessors[name].adapt(_columns(dataset, name))
        self._is_adapted = True
        self._build()

    def __call__(self, data: Mapping[str, Any]) -> Any:
        """The encoded features of one sample, of a batch, or of symbolic tensors.

        Args:
            data: name of each feature -> (), (batch,) or (batch, 1).

        Returns:
            (width,) or (batch, width); for "dict" such tensors by name, those of one sample without its axis.
        """
        self._build()
        if not isinstance(data, Mapping):
            raise ValueError(f"A FeatureSpace is called on a dict; found {type(data).__name__}.")
        tensors = {name: self._tensor(name, value) for name, value in data.items()}
        is_single = any(not static_sizes(x) for x in tensors.values())
        found = self._encoded({name: _as_column(x) for name, x in tensors.items()})
        if not is_single:
            return found
        return _first(found) if self.output_mode == "concat" else {n: _first(x) for n, x in found.items()}

    def _tensor(self, name: str, value: Any) -> Value:
        text = text_of(value)
        if text is not None:
            return text
        layer = self.preprocessors[name]
        tensor = as_values(value if isinstance(value, Value) else np.asarray(value), layer)
        dtype = self.features[name].dtype
        return tensor if tensor.dtype == object or K.dtype(tensor) == dtype else K.cast(tensor, dtype)

    # --- encoding ---------------------------------------------------------------------------------------

    def get_inputs(self) -> dict[str, Value]:
        """Name -> ``Input`` of each feature, for a model."""
        self._build()
        return self.inputs

    def get_encoded_features(self) -> Any:
        """What becomes of ``get_inputs``, in the form of ``output_mode``."""
        self._build()
        return self.encoded_features

    def _build(self) -> None:
        if not self._is_adapted:
            raise ValueError(
                f"The features {self._to_adapt} depend on data: call adapt(dataset) on the FeatureSpace."
            )
        if not self.built:
            self.encoded_features = self._encoded(self.inputs)
            self.built = True

    def _encoded(self, columns: Mapping[str, Value]) -> Any:
        places = {name: self.preprocessors[name](columns[name]) for name in columns}
        for cross in self.crosses:
            crossed = [places[name] for name in cross.feature_names]
            places[cross.name] = self.crossers[cross.name](crossed)
        modes = {name: feature.output_mode for name, feature in self.features.items()}
        names = [*sorted(columns), *sorted(self.crossers)]
        modes |= {cross.name: cross.output_mode for cross in self.crosses}
        found = {
            name: self._one_hot(name, places[name]) if modes[name] == "one_hot" else places[name]
            for name in names
        }
        if self.output_mode == "dict":
            return found
        for name, x in found.items():
            if x.dtype.kind != "f":
                raise ValueError(
                    f"The feature {name!r} is not a vector of floats: it holds {x.dtype.name}. Encode it by "
                    "output_mode='one_hot', or use FeatureSpace(output_mode='dict')."
                )
        vectors = list(found.values())
        return self.concat(vectors) if len(vectors) > 1 else vectors[0]

    def _one_hot(self, name: str, places: Value) -> Value:
        if name not in self.one_hot_encoders:
            layer = self.preprocessors[name] if name in self.preprocessors else self.crossers[name]
            count = _categories(layer)
            if count is None or places.dtype.kind != "i":
                raise ValueError(
                    f"The feature {name!r} has output_mode='one_hot', but nobody knows how many categories "
                    f"{type(layer).__name__} gives, or it gives none: found {places.dtype.name}. Use "
                    "output_mode='int' or 'float'."
                )
            self.one_hot_encoders[name] = L.CategoryEncoding(count, output_mode="multi_hot")
        encoded: Value = self.one_hot_encoders[name](places)
        return encoded

    # --- files ------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "features": serialize_keras_object(self.features),
            "output_mode": self.output_mode,
            "crosses": serialize_keras_object(self.crosses),
            "crossing_dim": self.crossing_dim,
            "hashing_dim": self.hashing_dim,
            "num_discretization_bins": self.num_discretization_bins,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> FeatureSpace:
        """What ``get_config`` was asked of, to be adapted anew where it holds statistics of numbers."""
        return cls(**config)

    def save(self, filepath: Any) -> None:
        """Writes a ``.keras`` file, which ``load_model`` reads. Statistics of numbers are in it as arguments
        of their layers."""
        self._build()
        config = self.get_config()
        for name, layer in self.preprocessors.items():
            if isinstance(layer, L.Normalization) and name in self._to_adapt:
                statistics = config["features"][name]["config"]["preprocessor"]["config"]
                statistics["mean"] = np.asarray(layer.mean).ravel().tolist()
                statistics["variance"] = np.asarray(layer.variance).ravel().tolist()
        entry = {
            "module": "keras.utils",
            "class_name": "FeatureSpace",
            "config": config,
            "registered_name": None,
        }
        objects = {"": formats.LayerWeights("")}  # which tell the format
        formats.write(formats.Archive(config=entry, objects=objects), os.fspath(filepath), format="keras")

    def take_objects(self, objects: Mapping[str, formats.LayerWeights] | None, source: str) -> None:
        """Takes the variables of a file that ``save`` wrote: it has none.

        Raises:
            ValueError: for a file of tf.keras, which holds statistics and vocabularies elsewhere.
        """
        found = [path for path, entry in (objects or {}).items() if entry.weights]
        if found:
            raise ValueError(
                f"{source}: statistics of {', '.join(found)} lie beside the configuration, as tf.keras "
                "writes a FeatureSpace. Make it here with the same features, and adapt it again."
            )


#: Types that ``features`` may name.
_TYPES = (
    "float", "float_normalized", "float_rescaled", "float_discretized", "integer_categorical",
    "string_categorical", "integer_hashed", "string_hashed",
)  # fmt: skip


def _layer_name(name: str | None, kind: str) -> str:
    return f"{name or rules.numbered(kind, K.get_uid(kind))}_preprocessor"


def _is_adaptable(layer: Any) -> bool:
    """Whether a layer takes something from data that nobody has given it."""
    given = any(
        getattr(layer, name, None) is not None for name in ("input_mean", "vocabulary", "bin_boundaries")
    )
    return hasattr(layer, "adapt") and not given


def _categories(layer: Any) -> int | None:
    """How many categories a layer gives; None where nobody knows."""
    if isinstance(layer, L.IntegerLookup | L.StringLookup):
        return layer.vocabulary_size()
    if isinstance(layer, L.Discretization):
        return len(layer.bin_boundaries) + 1
    if isinstance(layer, L.CategoryEncoding):
        return int(layer.num_tokens)
    return int(layer.num_bins) if isinstance(layer, L.Hashing | L.HashedCrossing) else None


def _columns(dataset: Dataset, name: str) -> Iterator[np.ndarray]:
    """A feature of all elements, in batches of one column; single samples are put together."""
    waiting: list[np.ndarray] = []
    for element in dataset:
        value = element[name]
        array = value.array if isinstance(value, StringTensor) else np.asarray(value)
        if array.ndim:
            yield array[:, None] if array.ndim == 1 else array
            continue
        waiting.append(array)
        if len(waiting) == _BATCH:
            yield np.stack(waiting)[:, None]
            waiting.clear()
    if waiting:
        yield np.stack(waiting)[:, None]


def _as_column(x: Value) -> Value:
    """(batch, 1) of (batch,), and (1, 1) of one value."""
    missing = 2 - len(static_sizes(x))
    if missing <= 0:
        return x
    if isinstance(x, StringTensor):
        return StringTensor(x.array.reshape((-1, 1)), x.interpreter)
    return K.reshape(x, (1, 1)) if missing == 2 else K.expand_dims(x, -1)


def _first(x: Value) -> Value:
    return K.squeeze(x, 0)


registry.register(globals())
