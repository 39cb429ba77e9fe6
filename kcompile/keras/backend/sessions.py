"""Sessions of TensorFlow 1, as Keras code uses them: ``run`` computes tensors from what it is fed.

There is one graph of all values, and variables have their numbers when they are made. So a session holds
nothing, and what programs say to it of memory and devices is accepted.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NoReturn

from ...ir import Parameter, Value
from .assignments import Update
from .functions import Function
from .variables import get_value

#: How many sets of fetches are kept compiled, beside the tensor that each begins with.
_KEPT = 32
_INSTEAD = (
    "model.save('model.h5') writes a file that Keras reads, model.export('model.onnx') one for deployment."
)


class Operation:
    """What is done when a session runs it, and gives None: updates, such as a training step.

    Args:
        updates: pairs (variable, new value), as ``K.update`` returns them.
    """

    def __init__(self, updates: Iterable[Any] = ()) -> None:
        self.updates = list(updates)

    def run(self, feed_dict: Mapping[Any, Any] | None = None, session: Session | None = None) -> None:
        """Does it in a session, the default one if none is given."""
        (session or get_session()).run(self, feed_dict)


class Graph:
    """Stands for TensorFlow's graph: values know what makes them, and there is no other graph."""

    @contextlib.contextmanager
    def as_default(self) -> Iterator[Graph]:
        """The graph."""
        yield self

    @contextlib.contextmanager
    def device(self, name: Any) -> Iterator[None]:
        """Nothing."""
        yield

    def finalize(self) -> None:
        """Nothing."""

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            f"The graph has no {name!r}: tensors are not looked up by name, and no GraphDef is written. "
            f"{_INSTEAD}"
        )


_graph = Graph()


def get_default_graph() -> Graph:
    """The one graph."""
    return _graph


class Session:
    """Computes tensors of the graph.

    Args:
        target, config: of TensorFlow, accepted.
        graph: the one graph, where a program says it.
    """

    def __init__(self, target: str = "", graph: Graph | None = None, config: Any = None) -> None:
        self.graph = graph or _graph

    def run(
        self,
        fetches: Any,
        feed_dict: Mapping[Any, Any] | None = None,
        options: Any = None,
        run_metadata: Any = None,
    ) -> Any:
        """The numbers of tensors, in the lists, tuples and dicts that they come in.

        Args:
            fetches: a tensor, a variable, an update as ``K.update`` returns it, of which the new value is
                given, an ``Operation``, which gives None, or nests of these.
            feed_dict: the arrays of placeholders and of any other tensors, each of the shape of its tensor;
                of ``K.learning_phase()`` 0 or 1 (0 where it is left out).
            options, run_metadata: of TensorFlow, accepted.

        Raises:
            TypeError: for what is no tensor, names of tensors among them.
        """
        fed = dict(feed_dict or {})
        for key in fed:
            if not isinstance(key, Value) or isinstance(key, Parameter):
                raise TypeError(f"feed_dict: expected tensors of the graph as keys, found {key!r}.")
        outputs: list[Value] = []
        updates: list[Any] = []
        nest = _taken_apart(fetches, outputs, updates)
        if not updates and all(isinstance(value, Parameter) for value in outputs):
            return _put_together(nest, [get_value(value) for value in outputs])
        return _put_together(nest, _function(list(fed), outputs, updates)(list(fed.values())))

    @contextlib.contextmanager
    def as_default(self) -> Iterator[Session]:
        """Within, ``K.get_session`` gives this session."""
        _entered.append(self)
        try:
            yield self
        finally:
            _entered.remove(self)

    def list_devices(self) -> list[Any]:
        """Nothing: ``tf.config.list_physical_devices`` lists PyTorch's devices."""
        return []

    def close(self) -> None:
        """Nothing."""

    def __enter__(self) -> Session:
        _entered.append(self)
        return self

    def __exit__(self, *exception: object) -> None:
        _entered.remove(self)


def _function(inputs: list[Value], outputs: list[Value], updates: list[Any]) -> Function:
    """The function of these values; kept with one of them, so that it is freed with them."""
    values = [value for pair in updates for value in pair]
    computed = [value for value in (*outputs, *values) if not isinstance(value, Parameter)]
    anchor = (computed or outputs or values)[0]
    known: OrderedDict[Any, Function] = anchor.annotations.setdefault("_functions_of_sessions", OrderedDict())
    key = tuple(tuple(map(id, listed)) for listed in (inputs, outputs, values))
    function = known.pop(key, None) or Function(inputs, outputs, updates)
    known[key] = function  # the last one; threads may be at it, too
    while len(known) > _KEPT:
        known.popitem(last=False)
    return function


def fetched_with(value: Value, updates: Iterable[Any]) -> Value:
    """The value, which a session computes together with updates, pairs as ``K.update`` returns them."""
    value.annotations["_updates_of_sessions"] = list(updates)
    return value


def _eval(tensor: Value, feed_dict: Mapping[Any, Any] | None = None, session: Session | None = None) -> Any:
    """The numbers of a tensor by a session, the default one if none is given; see ``Session.run``."""
    return (session or get_session()).run(tensor, feed_dict)


Value.eval = _eval  # type: ignore[attr-defined]  # as tensors of TensorFlow 1 have it


class _Output(int):
    """The place of a fetch among the outputs."""


def _taken_apart(fetches: Any, outputs: list[Value], updates: list[Any]) -> Any:
    """The nest of fetches with the places of their outputs, which are added to the lists."""
    if isinstance(fetches, Mapping):
        return {key: _taken_apart(entry, outputs, updates) for key, entry in fetches.items()}
    if isinstance(fetches, Update):
        updates.append(fetches)
        fetches = fetches[1]
    if isinstance(fetches, list | tuple):
        parts = [_taken_apart(entry, outputs, updates) for entry in fetches]
        return type(fetches)(*parts) if hasattr(fetches, "_fields") else type(fetches)(parts)
    if isinstance(fetches, Value):
        outputs.append(fetches)
        updates.extend(fetches.annotations.get("_updates_of_sessions", ()))
        return _Output(len(outputs) - 1)
    if isinstance(fetches, Operation):
        updates.extend(fetches.updates)
    elif fetches is not None:
        raise TypeError(
            f"session.run computes tensors, variables and updates; found {fetches!r}."
            + (" Tensors are not looked up by name." if isinstance(fetches, str) else "")
        )
    return None


def _put_together(nest: Any, numbers: list[Any]) -> Any:
    if isinstance(nest, _Output):
        return numbers[nest]
    if isinstance(nest, dict):
        return {key: _put_together(entry, numbers) for key, entry in nest.items()}
    if isinstance(nest, list | tuple):
        parts = [_put_together(entry, numbers) for entry in nest]
        return type(nest)(*parts) if hasattr(nest, "_fields") else type(nest)(parts)
    return None


#: Those that were entered and not left, the default one first.
_entered: list[Session] = [Session()]


def get_session() -> Session:
    """The session entered last, or that of ``set_session``, or the process's own."""
    return _entered[-1]


def set_session(session: Session) -> None:
    """Makes a session the default one.

    Raises:
        TypeError: if it is none.
    """
    if not isinstance(session, Session):
        raise TypeError(f"K.set_session takes a session, tf.Session(); found {session!r}.")
    _entered[0] = session
