"""Constructors that declare their arguments: what is handed on, kept, written and refused."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from kcompile.keras import activations, initializers, regularizers
from kcompile.keras import backend as K
from kcompile.keras import layers as L
from kcompile.keras.declaration import (
    ANY,
    Argument,
    arguments_of,
    configuration,
    configured,
    converted,
    fixed,
    like,
    only,
)
from kcompile.keras.layers.arguments import positive_int
from kcompile.keras.layers.recurrent.cells import OF_SEQUENCES


class Base:
    def __init__(self, name="base"):
        self.name = name


class Scale(Base):
    limit = 1

    @configured(
        factor=positive_int,
        mode=Argument(written="changed", after="factor"),
        hidden=Argument(written="never"),
        of_later=only(3),
        whatever=only(ANY),
    )
    def __init__(self, factor, out_activation=None, hidden=0, mode="sum", *, axes=(1, 2), **kwargs):
        """Scales."""
        self.limit = 10 * self.factor
        self.given = out_activation, kwargs


class Twice(Scale):
    @configured(factor=fixed(2))
    def __init__(self, kernel_regularizer=None, axes=(3,), **kwargs): ...


class Prepared(Scale):
    @classmethod
    def _prepare(cls, arguments):
        arguments["factor"] = arguments.pop("size") + 1

    @configured
    def __init__(self, size, **kwargs): ...

    size = property(lambda self: self.factor - 1)


def test_arguments_become_attributes_before_the_body_runs():
    scale = Scale(3, "relu")
    assert (scale.factor, scale.hidden, scale.mode, scale.axes, scale.limit) == (3, 0, "sum", (1, 2), 30)
    assert scale.out_activation is activations.relu and scale.given[0] == "relu"


def test_what_the_base_class_takes_is_handed_on():
    assert Scale(3, name="mine").name == "mine" and Scale(3).name == "base"
    assert Twice(name="mine").name == "mine" and not hasattr(Twice(), "kwargs")


def test_the_configuration_has_the_arguments_of_bases_first_in_the_order_of_signatures():
    assert list(configuration(Scale(3)).items()) == [
        ("factor", 3),
        ("out_activation", "linear"),
        ("axes", (1, 2)),
    ]
    assert list(configuration(Twice("l2"))) == ["out_activation", "axes", "kernel_regularizer"]


def test_objects_are_looked_up_by_their_names_and_described():
    twice = Twice(regularizers.L1(0.5), out_activation="tanh")
    assert configuration(twice)["kernel_regularizer"] == {"class_name": "L1", "config": {"l1": 0.5}}
    assert configuration(Twice(configuration(twice)["kernel_regularizer"])) != configuration(Twice())
    assert isinstance(L.Dense(2, kernel_initializer="ones").kernel_initializer, initializers.Ones)
    with pytest.raises(ValueError, match="Unknown activation"):
        Scale(3, "rleu")


def test_an_argument_may_be_written_where_it_is_not_the_default_or_never():
    assert list(configuration(Scale(3, mode="mean", hidden=1))) == [
        "factor",
        "mode",
        "out_activation",
        "axes",
    ]
    assert "mode" not in configuration(Twice(mode="sum")) and "mode" in configuration(Twice(mode="mean"))


def test_a_subclass_may_fix_an_argument_and_change_a_default():
    twice = Twice()
    assert twice.factor == 2 and twice.limit == 20 and twice.axes == (3,)
    assert configuration(Twice(axes=(5,)))["axes"] == (5,)
    with pytest.raises(TypeError, match="multiple values for keyword argument 'factor'"):
        Twice(factor=3)


def test_arguments_of_later_versions_are_taken_at_the_value_that_means_nothing():
    assert list(configuration(Scale(3, of_later=3, whatever=7))) == ["factor", "out_activation", "axes"]
    Scale(3, of_later=None)
    with pytest.raises(ValueError, match="Scale: of_later=4 is not supported; only of_later=3 is"):
        Scale(3, of_later=4)


def test_a_class_may_change_its_arguments_before_the_base_class_sees_them():
    prepared = Prepared(4)
    assert prepared.factor == 5 and configuration(prepared)["size"] == 4


def test_a_value_is_converted_once_and_refused_with_the_name_of_the_class():
    with pytest.raises(ValueError, match="Scale: `factor` must be a positive integer, found 0"):
        Scale(0)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: Scale(), r"__init__\(\) missing 1 required positional argument: 'factor'"),
        (lambda: Scale(1, factor=2), r"__init__\(\) got multiple values for argument 'factor'"),
        (
            lambda: Scale(1, 2, 3, 4, 5),
            r"__init__\(\) takes from 2 to 5 positional arguments but 6 were given",
        ),
        (lambda: Scale(1, unknown=2), r"Base.__init__\(\) got an unexpected keyword argument 'unknown'"),
    ],
    ids=["missing", "twice", "too many", "unknown"],
)
def test_a_wrong_call_is_refused_as_that_of_any_constructor(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def test_the_signature_and_the_documentation_stay_visible():
    parameters = inspect.signature(Scale).parameters
    assert list(parameters) == ["factor", "out_activation", "hidden", "mode", "axes", "kwargs"]
    assert parameters["axes"].default == (1, 2) and Scale.__init__.__doc__ == "Scales."
    assert "kernel_initializer: 'Any' = 'glorot_uniform'" in str(inspect.signature(L.Dense))


def test_what_is_like_another_function_has_its_arguments_and_code_but_for_defaults_and_its_own_name():
    assert str(inspect.signature(L.Conv3D)) == str(inspect.signature(L.Conv2D)).replace("(1, 1)", "(1, 1, 1)")
    assert L.Conv3D.__init__.__qualname__ == "Conv3D.__init__"
    assert K.pool3d.__name__ == "pool3d" and K.pool3d.__doc__.startswith("3D pooling")
    with pytest.raises(TypeError, match=r"pool3d\(\) missing 1 required positional argument: 'pool_size'"):
        K.pool3d(np.zeros((1, 2, 2, 2, 1)))
    with pytest.raises(TypeError, match="pool2d has no argument size"):
        like(K.pool2d, size=3)


class Part(Base):
    @configured
    @like(Scale.__init__, without=("factor", "axes"), mode="mean")
    def __init__(self):
        """A part."""
        self.seen = self.hidden + 1


class Deep(Base):
    @configured
    @like(Scale.__init__, mode="deep")
    def __init__(self): ...


def test_a_constructor_like_another_may_leave_arguments_out_and_has_a_body_of_its_own():
    assert list(inspect.signature(Part).parameters) == ["out_activation", "hidden", "mode", "kwargs"]
    assert Part.__init__.__doc__ == "A part." and Part.__init__.__qualname__ == "Part.__init__"
    part = Part("relu", 4, name="mine")
    assert (part.out_activation, part.mode, part.seen, part.name) == (activations.relu, "mean", 5, "mine")
    assert not hasattr(part, "limit")
    with pytest.raises(TypeError, match=r"Scale.__init__ has no argument size, widths"):
        like(Scale.__init__, without=("widths",), size=1)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: L.LSTMCell(), r"^LSTMCell: the argument 'units' is missing. The call was LSTMCell\(\).$"),
        (lambda: Deep(mode=1), r"^Deep.__init__\(\) missing a required argument: 'factor'$"),
        (
            lambda: Part(1, 2, 3, 4),
            r"^Part.__init__\(\) too many positional arguments \(at most 3; 4 were given\)$",
        ),
        (lambda: Part(1, out_activation=2), r"^Part.__init__\(\) multiple values for argument 'out_activ"),
        (lambda: Part(factor=2), r"Base.__init__\(\) got an unexpected keyword argument 'factor'"),
    ],
    ids=["missing in a layer", "missing", "too many", "twice", "left out"],
)
def test_a_wrong_call_of_a_constructor_like_another_names_its_own_class(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def test_a_cell_takes_what_its_layer_takes_but_for_the_sequence():
    for layer, cell in [(L.LSTM, L.LSTMCell), (L.GRU, L.GRUCell), (L.SimpleRNN, L.SimpleRNNCell)]:
        assert arguments_of(cell) == [name for name in arguments_of(layer) if name not in OF_SEQUENCES]


class OwnDense(L.Dense):
    def __init__(self, factor=2, **kwargs):
        super().__init__(units=3 * factor, activation="relu", **kwargs)
        self.factor = factor

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


def test_a_subclass_of_a_layer_writes_its_constructor_and_configuration_as_in_keras():
    layer = OwnDense(factor=4, name="mine", use_bias=False)
    assert (layer.units, layer.use_bias, layer.name) == (12, False, "mine")
    assert list(layer.get_config()) == [*L.Dense(1).get_config(), "factor"]
    assert layer.get_config()["units"] == 12


def test_attributes_that_are_set_later_are_written():
    layer = L.Dense(3)
    layer.activation = activations.get("tanh")
    layer.units = 7
    assert layer.get_config()["activation"] == "tanh" and layer.get_config()["units"] == 7


class Skipping(L.Dense):
    """A subclass that passes its base class over, in the constructor and in the configuration."""

    def __init__(self, width, **kwargs):
        super(L.Dense, self).__init__(**kwargs)
        self.width = width

    def get_config(self):
        return {**super(L.Dense, self).get_config(), "width": self.width}


def test_a_subclass_may_pass_over_the_base_class():
    layer = Skipping(3, name="mine")
    config = layer.get_config()
    assert list(config) == ["name", "trainable", "dtype", "width"]
    assert Skipping.from_config(config).width == 3


class Sided(Base):
    @configured(
        size=Argument(converted(int), attribute="_size", written=lambda size: size > 1),
        later=Argument(converted(bool), default=False),
    )
    def __init__(self, size): ...


class Narrow(Sided):
    @configured(size=fixed(1, ignored=True))
    def __init__(self, **kwargs): ...


def test_an_argument_may_be_kept_under_another_name_and_written_by_its_value():
    assert Sided("2")._size == 2 and configuration(Sided("2")) == {"size": 2, "later": False}
    assert configuration(Sided(1)) == {"later": False}


def test_an_argument_of_later_versions_is_taken_though_the_signature_lacks_it():
    assert Sided(1, later=1).later is True and list(inspect.signature(Sided).parameters) == ["size"]
    with pytest.raises(TypeError, match=r"__init__\(\) got an unexpected keyword argument 'latest'"):
        Sided(1, latest=1)


def test_a_fixed_argument_may_be_given_in_vain():
    assert Narrow(size=5)._size == 1 and "size" not in configuration(Narrow())


def test_arguments_of_a_class_are_those_of_its_nearest_declared_constructor():
    assert arguments_of(OwnDense) == arguments_of(L.Dense) == list(inspect.signature(L.Dense).parameters)[:-1]
