"""Hashing and HashedCrossing: categories without a vocabulary, by TensorFlow's hashes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ....ir import Constant, StringTensor, TextNode, Value, op
from ... import backend as K
from ... import registry
from ...backend.tensors import static_sizes
from ...core.called_on_numbers import as_values
from ...core.layer import Layer
from ...declaration import configured, only
from ...utils.fingerprints import crossed, fingerprints
from ..arguments import positive_int
from .categories import encoded
from .decimal_text import Word, as_word, decimal_fingerprint, decimal_sip_hash
from .text_inputs import TextLayer, text_of

#: What TensorFlow begins a cross of features with.
_CROSS_KEY = 0xDECAFCAFFE


def _type_of(output_mode: str, dtype: Any) -> Any:
    """Places are whole numbers, vectors are of floats."""
    return "int64" if output_mode == "int" else K.floatx() if dtype in (None, "int64", "int32") else dtype


def _refused(layer: Layer) -> ValueError:
    return ValueError(
        f"Layer {layer.name} ({type(layer).__name__}): ONNX has no operators for the bytes of text, so the "
        "hash of text cannot be in a file; that of whole numbers can. Export the model that follows it, "
        "Model(layer.output, model.output), and call the layer in front of it."
    )


class Hashing(TextLayer):
    """The bin of each category, by the hash of its text; of whole numbers, of their decimal text.

    The bins are those of TensorFlow: FarmHash's Fingerprint64, with a salt SipHash-2-4, modulo ``num_bins``.

    Args:
        num_bins: number of bins, that of ``mask_value`` included.
        mask_value: category that gets bin 0, which then is none of the others'; None for none.
        salt: one or two whole numbers; None for none.
        output_mode: "int", "one_hot", "multi_hot" or "count".

    Input: text, or whole numbers, of any shape; output: int64 of that shape, or vectors as CategoryEncoding
    has them. Text is an input of the model, or given as it is; files have the hash of whole numbers alone.

    Raises:
        ValueError: for arguments that do not fit, or an input of fractions.
    """

    input_type = None

    @configured(num_bins=positive_int, sparse=only(False))
    def __init__(
        self,
        num_bins: int,
        mask_value: Any = None,
        salt: Any = None,
        output_mode: str = "int",
        **kwargs: Any,
    ) -> None:
        if output_mode not in ("int", "one_hot", "multi_hot", "count"):
            raise ValueError(
                "Hashing: output_mode must be 'int', 'one_hot', 'multi_hot' or 'count'; found "
                f"{output_mode!r}."
            )
        if salt is not None:
            pair = [salt, salt] if isinstance(salt, int) else salt
            whole = isinstance(pair, Sequence) and all(isinstance(part, int) for part in pair)
            if not whole or len(pair) != 2:
                raise ValueError(f"Hashing: salt must be one or two whole numbers; found {salt!r}.")
            self.salt = list(pair)
        self.dtype = _type_of(output_mode, kwargs.get("dtype"))

    def call(self, inputs: Any) -> Any:
        if isinstance(inputs, StringTensor) or inputs.dtype == object:
            return super().call(inputs)
        if inputs.dtype.kind not in "iu":
            raise ValueError(
                f"Layer {self.name} (Hashing) takes text or whole numbers; its input holds "
                f"{inputs.dtype.name}. Give the Input dtype='string' or 'int64'."
            )
        numbers = K.cast(inputs, "int64")
        word = decimal_fingerprint(numbers) if self.salt is None else decimal_sip_hash(numbers, self.salt)
        bins = op.Add(word.modulo(self._own_bins), Constant(np.int64(self._masks)))
        if self._masks:
            masked = op.Equal(numbers, Constant(np.int64(self.mask_value)))
            bins = op.Where(masked, Constant(np.int64(0)), bins)
        return self._finish(bins)

    @property
    def _masks(self) -> bool:
        return self.mask_value is not None and self.num_bins > 1

    @property
    def _own_bins(self) -> int:
        """Those of what is not masked."""
        return int(self.num_bins) - self._masks

    def _find(self, text: np.ndarray) -> np.ndarray:
        known, places = np.unique(text.ravel(), return_inverse=True)
        bins = (fingerprints(known, self.salt) % self._own_bins).astype(np.int64) + self._masks
        if self._masks:
            mask = str(self.mask_value).encode()
            bins[[entry == mask for entry in known]] = 0
        return bins[places].reshape(text.shape)

    def _write(self, text: Value) -> Value:
        raise _refused(self)

    def _finish(self, found: Value) -> Value:
        if self.output_mode == "int":
            return found
        return encoded(found, self.num_bins, self.output_mode, self.dtype)


class HashedCrossing(Layer):
    """The bin of each combination of categories, as TensorFlow hashes them.

    Args:
        num_bins: number of bins.
        output_mode: "int" or "one_hot".

    Input: a list of two or more, each text or whole numbers, (batch,) or (batch, 1) all alike; output: int64
    of that shape, or vectors (batch, num_bins). Text is an input of the model, or given as it is; files have
    the hash of whole numbers alone.

    Raises:
        ValueError: for arguments or inputs that do not fit.
    """

    @configured(num_bins=positive_int, sparse=only(False))
    def __init__(self, num_bins: int, output_mode: str = "int", **kwargs: Any) -> None:
        if output_mode not in ("int", "one_hot"):
            raise ValueError(
                f"HashedCrossing: output_mode must be 'int' or 'one_hot'; found {output_mode!r}."
            )
        self.dtype = _type_of(output_mode, kwargs.get("dtype"))

    def __call__(self, inputs: Any, **kwargs: Any) -> Any:
        """Takes text of any form, beside tensors."""
        if not isinstance(inputs, list | tuple) or len(inputs) < 2:
            raise ValueError(f"Layer {self.name} (HashedCrossing) takes a list of two inputs or more.")
        values = [
            text if (text := text_of(entry)) is not None else as_values(entry, self) for entry in inputs
        ]
        return super().__call__(values, **kwargs)

    def call(self, inputs: Any) -> Any:
        shapes = [static_sizes(entry) for entry in inputs]
        if any(len(s) > 2 or len(s) == 2 and s[1] != 1 or len(s) != len(shapes[0]) for s in shapes):
            raise ValueError(
                f"Layer {self.name} (HashedCrossing): inputs must be (batch,) or (batch, 1), all alike; "
                f"found the shapes {shapes}."
            )
        word: Any = Word(Constant(np.int64(_CROSS_KEY)))
        for entry in inputs:
            word = crossed(word, self._fingerprint(entry))
        bins = word.modulo(self.num_bins)
        return bins if self.output_mode == "int" else encoded(bins, self.num_bins, "one_hot", self.dtype)

    def _fingerprint(self, entry: Any) -> Word:
        if isinstance(entry, StringTensor):
            return Word(Constant(_signed_fingerprints(entry.array)))
        if entry.dtype == object:
            node = TextNode("Fingerprint", entry, _signed_fingerprints, self._write, np.int64, entry.dims)
            return Word(node.outputs[0])
        if entry.dtype.kind not in "iu":
            raise ValueError(
                f"Layer {self.name} (HashedCrossing) takes text and whole numbers; one of its inputs holds "
                f"{entry.dtype.name}."
            )
        return as_word(entry)

    def _write(self, text: Value) -> Value:
        raise _refused(self)


def _signed_fingerprints(text: np.ndarray) -> np.ndarray:
    """Fingerprints of text of any shape, as int64 of the same bits."""
    known, places = np.unique(text.ravel(), return_inverse=True)
    return fingerprints(known).view(np.int64)[places].reshape(text.shape)


registry.register(globals(), listed=True)
