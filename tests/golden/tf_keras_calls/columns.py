"""``FeatureSpace``: columns of tables as numbers."""

import os
import tempfile

from .calls import case


def table():
    """Columns of numbers, categories and text."""
    return {
        "age": [22.0, 35.5, 61.0, 48.0, 35.5, 19.0],
        "height": [1.5, 1.75, 1.9, 1.6, 1.55, 1.8],
        "city": ["b", "a", "b", "c", "b", "a"],
        "visits": [3, 1, 3, 3, 2, 1],
        "code": [1001, 7, 12, 7, 12, 7],
        "word": ["x y", "x", "z x", "y", "y y", "z"],
    }


def space(keras, **settings):
    """A FeatureSpace over the table."""
    FeatureSpace = keras.utils.FeatureSpace
    features = {
        "age": "float_normalized",
        "height": FeatureSpace.float_rescaled(scale=2.0, offset=-1.0),
        "city": "string_categorical",
        "visits": FeatureSpace.integer_categorical(max_tokens=3, num_oov_indices=1),
        "code": FeatureSpace.integer_hashed(num_bins=5),
        "word": FeatureSpace.string_hashed(num_bins=4),
    }
    return FeatureSpace(features, **settings)


@case
def columns_as_one_vector(keras, tf):
    dataset = tf.data.Dataset.from_tensor_slices(table())
    found = []
    for given in (dataset, dataset.batch(4)):
        made = space(keras, crosses=[("city", "visits")], crossing_dim=7)
        made.adapt(given)
        one = {name: column[2] for name, column in table().items()}
        many = {name: column[:3] for name, column in table().items()}
        mapped = [made(x) for x in dataset.batch(2).take(1)] + list(dataset.batch(2).map(made).take(1))
        found += [made(one), made(many), mapped]
    made.get_encoded_features()
    return [*found, sorted(made.get_config()), made.crosses[0].name, sorted(made.one_hot_encoders)]


@case
def columns_as_a_dict(keras, tf):
    FeatureSpace = keras.utils.FeatureSpace
    made = FeatureSpace(
        {
            "city": FeatureSpace.string_categorical(output_mode="int"),
            "visits": FeatureSpace.integer_categorical(output_mode="int"),
            "age": "float",
        },
        crosses=[FeatureSpace.cross(("city", "visits"), 9, "int")],
        output_mode="dict",
    )
    made.adapt(tf.data.Dataset.from_tensor_slices({n: table()[n] for n in ("city", "visits", "age")}))
    one = made({"city": "c", "visits": 3, "age": 5.0})
    many = made({"city": tf.constant(["a", "?"]), "visits": [1, 3], "age": [[5.0], [6.0]]})
    return [{name: one[name] for name in sorted(one)}, {name: many[name] for name in sorted(many)}]


@case
def columns_by_layers_of_ones_own(keras, tf):
    FeatureSpace = keras.utils.FeatureSpace
    words = keras.layers.TextVectorization(output_mode="count")
    bins = keras.layers.Discretization(bin_boundaries=[20.0, 40.0])
    made = FeatureSpace(
        {
            "word": FeatureSpace.feature(preprocessor=words, dtype="string", output_mode="float"),
            "age": FeatureSpace.feature("float32", bins, "int"),
        },
        output_mode="dict",
    )
    made.preprocessors["word"].adapt(tf.constant(table()["word"]))
    found = [type(made.preprocessors[name]).__name__ for name in ("word", "age")]
    return [*found, made.preprocessors["word"].get_vocabulary(), list(made.features)]


@case
def columns_in_a_model(keras, tf):
    made = space(keras, crosses=[("city", "word")], crossing_dim=3)
    dataset = tf.data.Dataset.from_tensor_slices(table())
    made.adapt(dataset)
    inputs = made.get_inputs()
    encoded = made.get_encoded_features()
    outputs = keras.layers.Dense(2, kernel_initializer=keras.initializers.Constant(0.1))(encoded)
    model = keras.Model(inputs, outputs)
    kinds = [keras.backend.dtype(inputs[name]) for name in sorted(inputs) if name not in ("city", "word")]
    return [kinds, keras.backend.int_shape(encoded), model.predict(dataset.batch(6), verbose=0)]


@case
def bins_of_a_column(keras, tf):
    FeatureSpace = keras.utils.FeatureSpace
    made = FeatureSpace({"x": FeatureSpace.float_discretized(num_bins=4)}, num_discretization_bins=3)
    made.adapt(tf.data.Dataset.from_tensor_slices({"x": [float(i) for i in range(40)]}).batch(8))
    return made({"x": [0.0, 8.0, 17.0, 33.0, 99.0, -5.0]})


@case
def columns_in_a_file(keras, tf):
    made = space(keras, crosses=[("city", "visits")])
    made.adapt(tf.data.Dataset.from_tensor_slices(table()))
    one = {name: column[1] for name, column in table().items()}
    with tempfile.TemporaryDirectory() as folder:
        made.save(os.path.join(folder, "space.keras"))
        again = keras.models.load_model(os.path.join(folder, "space.keras"))
    return [type(again).__name__, again(one), again.output_mode, sorted(again.preprocessors)]


@case
def columns_that_are_refused(keras, tf):
    FeatureSpace = keras.utils.FeatureSpace
    city = FeatureSpace.string_categorical
    unadapted = FeatureSpace({"city": "string_categorical"})
    calls = [
        lambda: FeatureSpace({}),
        lambda: FeatureSpace({"a": "strings"}),
        lambda: FeatureSpace({"a": "float"}, output_mode="list"),
        lambda: FeatureSpace({"a": "float"}, crosses=[("a", "b")]),
        lambda: FeatureSpace(
            {"a": "integer_hashed", "b": "integer_hashed"}, crosses=[("a", "b")], crossing_dim=0
        ),
        lambda: city(output_mode="vector"),
        lambda: FeatureSpace.cross(("a", "b"), 3, "float"),
        lambda: unadapted({"city": "a"}),
        lambda: unadapted.get_encoded_features(),
        lambda: unadapted.adapt({"city": ["a"]}),
        lambda: FeatureSpace({"a": "float"})([1.0]),
        lambda: FeatureSpace({"a": FeatureSpace.integer_hashed(3, output_mode="int")})({"a": 1}),
    ]
    found = []
    for call in calls:
        try:
            call()
            found.append("taken")
        except ValueError:
            found.append("refused")
    return found
