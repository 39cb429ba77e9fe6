"""Weights of a live model and the parameters that stand for them: shared, copied, and written back.

What a layer here stores otherwise than Keras's (gates of a GRU in another order) is found by sending the
numbers of places through the reader of files: each parameter then knows where its elements lie.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..formats import LayerWeights
from ..ir import Parameter, changing
from ..keras.core.layer import Layer
from ..keras.saving.versions.keras3_weights import TreeMatch

Objects = Mapping[str, tuple[str, list[tuple[str, Any]]]]
"""Variables by path and name, of each object that a layer consists of."""


class Link(NamedTuple):
    """A parameter and the variables that its elements come from.

    Attributes:
        places: where each element lies among those of the variables, one variable after the other; None where
            the parameter is one variable as it stands.
    """

    parameter: Parameter
    variables: list[Any]
    places: np.ndarray | None


class Links:
    """All parameters of a model, each with its variables.

    Args:
        array_of: the numbers of a variable.
        shareable: the same as memory that both sides can use, or None.
        assign: writes numbers into a variable.
    """

    def __init__(
        self,
        array_of: Callable[[Any], np.ndarray],
        shareable: Callable[[Any], tuple[np.ndarray, Callable[[], Any]] | None],
        assign: Callable[[Any, np.ndarray], None],
    ) -> None:
        self._array_of, self._shareable, self._assign = array_of, shareable, assign
        self._links: dict[Parameter, Link] = {}
        self._shared: set[Parameter] = set()
        self._by_variable: dict[int, Parameter] = {}

    def parameter_of(self, variable: Any) -> Parameter | None:
        """The parameter that stands for a variable, if one does."""
        return self._by_variable.get(id(variable))

    def add(self, parameter: Parameter, variable: Any) -> None:
        """A parameter that is one variable as it stands."""
        self._take(Link(parameter, [variable], None))

    def add_layer(self, layer: Layer, objects: Objects) -> None:
        """The parameters of a layer that is built, by the tree of Keras's objects.

        Raises:
            ValueError: if number or shape of its variables differs.
        """
        variables = [v for _, (_, pairs) in objects.items() for _, v in pairs]
        tokens = {id(v): np.broadcast_to(np.int64(0), tuple(v.shape)) for v in variables}
        plan = _plan(layer, objects, tokens)
        of_token = {id(tokens[id(v)]): v for v in variables}
        if not all(id(array) in of_token for _, array in plan):
            self._add_rearranged(layer, objects, variables)
            return
        for parameter, array in plan:
            self.add(parameter, of_token[id(array)])

    def _add_rearranged(self, layer: Layer, objects: Objects, variables: list[Any]) -> None:
        places, start = {}, 0
        for variable in variables:
            size = math.prod(variable.shape)
            places[id(variable)] = np.arange(start, start + size).reshape(tuple(variable.shape))
            start += size
        for parameter, array in _plan(layer, objects, places):
            self._take(Link(parameter, variables, np.asarray(array).astype(np.int64)))

    def _take(self, link: Link) -> None:
        parameter, (variable, *_) = link.parameter, link.variables
        self._links[parameter] = link
        if link.places is None:
            self._by_variable.setdefault(id(variable), parameter)
            parameter.trainable = bool(variable.trainable)
            shared = self._shareable(variable)
            if shared is not None and parameter.storage.share(*shared):
                self._shared.add(parameter)
                return
        self._copy(link)

    def arranged(self, parameter: Parameter, numbers: Mapping[int, np.ndarray]) -> np.ndarray:
        """Numbers of the variables behind a parameter, as its elements lie.

        Args:
            numbers: an array of its shape for each variable, by id.

        Raises:
            KeyError: if a variable has none.
            ValueError: for another shape.
        """
        link = self._links[parameter]
        arrays = [np.asarray(numbers[id(v)]) for v in link.variables]
        for array, variable in zip(arrays, link.variables, strict=True):
            if array.shape != tuple(variable.shape):
                raise ValueError(f"its state of {variable.name!r} has the shape {array.shape}.")
        if link.places is None:
            return arrays[0]
        return np.concatenate([array.reshape(-1) for array in arrays])[link.places]

    def pull(self) -> None:
        """Takes the weights of the live model as they are now."""
        for parameter, link in self._links.items():
            if parameter not in self._shared:
                self._copy(link)

    def _copy(self, link: Link) -> None:
        numbers = self._numbers(link).astype(link.parameter.dtype, copy=False)
        if not np.array_equal(numbers, link.parameter.storage.array):
            link.parameter.storage.assign(numbers)

    def _numbers(self, link: Link) -> np.ndarray:
        if link.places is None:
            return self._array_of(link.variables[0])
        return np.concatenate([self._array_of(v).reshape(-1) for v in link.variables])[link.places]

    def push(self) -> None:
        """Writes all weights into their variables."""
        with changing():
            for link in self._links.values():
                self._push(link)

    def _push(self, link: Link) -> None:
        numbers = link.parameter.storage.array
        if link.places is None:
            self._assign(link.variables[0], numbers)
            return
        start = 0
        for variable in link.variables:
            array = np.array(self._array_of(variable))
            within = (link.places >= start) & (link.places < start + array.size)
            array.reshape(-1)[link.places[within] - start] = numbers[within]
            start += array.size
            self._assign(variable, array)


class CopiedNumbers(Links):
    """Weights that are copied once, of variables of int8 the numbers that they stand for; none is linked to
    its variable.

    Args:
        array_of: the numbers of a variable.
    """

    def __init__(self, array_of: Callable[[Any], np.ndarray]) -> None:
        super().__init__(array_of, lambda variable: None, lambda variable, array: None)

    def add_layer(self, layer: Layer, objects: Objects) -> None:
        arrays = {id(v): self._array_of(v) for _, pairs in objects.values() for _, v in pairs}
        for parameter, array in _plan(layer, objects, arrays):
            parameter.storage.assign(np.asarray(array, parameter.dtype))


def _plan(layer: Layer, objects: Objects, arrays: Mapping[int, Any]) -> list[tuple[Parameter, Any]]:
    stored = {
        path: LayerWeights(name, [(key, arrays[id(v)]) for key, v in pairs])
        for path, (name, pairs) in objects.items()
    }
    return TreeMatch(stored, "the live model").layer(layer).plan


def elements(variables: Iterable[Any]) -> int:
    """How many numbers the variables have."""
    return sum(math.prod(v.shape) for v in variables)
