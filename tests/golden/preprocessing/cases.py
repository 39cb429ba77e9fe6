"""What to ask of ``keras.preprocessing``, Keras's or ours: ``CASES`` maps a name to ``function(keras,
tools)``.

A case returns a dictionary of arrays and of values that JSON has. ``tools.folder`` is an empty folder of its
own, ``tools.table`` makes a table from a dictionary of lists. This file runs under Python 3.7 as well.
"""

import json
import os
import random
import warnings

import numpy as np

CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def batch_arrays(batch, prefix=""):
    """The arrays of a batch, however nested, by their place in it."""
    if isinstance(batch, (tuple, list)):
        found = {}
        for index, part in enumerate(batch):
            found.update(batch_arrays(part, "%s.%d" % (prefix, index)))
        return found
    return {"batch" + prefix: np.asarray(batch)}


def several(batches):
    found = {}
    for index, batch in enumerate(batches):
        found.update(batch_arrays(batch, "%d" % index))
    return found


# --- sequences

RAGGED = [[1], [2, 3, 4, 5], [], [6, 7]]


@case
def pad_sequences(keras, tools):
    pad = keras.preprocessing.sequence.pad_sequences
    found = {
        "default": pad(RAGGED),
        "maxlen3": pad(RAGGED, maxlen=3),
        "longer": pad(RAGGED, maxlen=6, value=9),
    }
    found["post"] = pad(RAGGED, maxlen=3, padding="post", truncating="post")
    found["mixed"] = pad(RAGGED, maxlen=3, padding="post", truncating="pre", dtype="float64", value=-1.5)
    found["vectors"] = pad([[[1, 2]], [[3, 4], [5, 6], [7, 8]]], maxlen=2, dtype="float32")
    found["words"] = pad([["a"], ["bc", "d"]], dtype=object, value="-").tolist()
    return found


@case
def sampling_table(keras, tools):
    make = keras.preprocessing.sequence.make_sampling_table
    return {"default": make(50), "factor": make(20, sampling_factor=1e-3), "one": make(1)}


@case
def skipgrams(keras, tools):
    sequence = keras.preprocessing.sequence
    words = [3, 0, 5, 2, 7, 1, 4]
    found = {}
    found["seeded"] = sequence.skipgrams(words, 10, seed=7)
    random.seed(3)
    found["window"] = sequence.skipgrams(
        words, 10, window_size=1, negative_samples=2.5, categorical=True, seed=1
    )
    random.seed(4)
    found["in_order"] = sequence.skipgrams(words, 10, window_size=2, negative_samples=0, shuffle=False)
    random.seed(5)
    table = sequence.make_sampling_table(10, sampling_factor=0.1)
    found["sampled"] = sequence.skipgrams(words, 10, sampling_table=table, shuffle=False)
    random.seed(6)
    found["own_seed"] = sequence.skipgrams(words, 10, window_size=2)
    del found["seeded"]  # its negative samples come from the unseeded generator
    return {name: [list(part) for part in pair] for name, pair in found.items()}


@case
def remove_long_sequences(keras, tools):
    return {"kept": keras.preprocessing.sequence._remove_long_seq(3, RAGGED, [1, 2, 3, 4])}


@case
def timeseries(keras, tools):
    data = np.arange(40.0).reshape(20, 2)
    targets = np.arange(20) * 10
    generator = keras.preprocessing.sequence.TimeseriesGenerator
    found = {}
    variants = {
        "plain": dict(length=3, batch_size=4),
        "strided": dict(length=6, sampling_rate=2, stride=3, batch_size=2, reverse=True),
        "part": dict(length=2, start_index=4, end_index=15, batch_size=5),
        "shuffled": dict(length=2, shuffle=True, batch_size=6),
    }
    for name, options in variants.items():
        np.random.seed(11)
        made = generator(data, targets, **options)
        found[name + "_length"] = len(made)
        for index in range(len(made)):
            found["%s_x%d" % (name, index)], found["%s_y%d" % (name, index)] = made[index]
    found["json"] = json.loads(generator(data[:5].tolist(), targets[:5], length=2).to_json())
    return found


# --- text

TEXTS = [
    "The cat sat on the mat.",
    "A dog, a cat -- and the END!",
    "It's the dog's mat;\tisn't it?\n",
    "",
]


@case
def words(keras, tools):
    text = keras.preprocessing.text
    found = {"default": [text.text_to_word_sequence(t) for t in TEXTS]}
    found["filters"] = text.text_to_word_sequence("a-b|c D", filters="|", lower=False)
    found["split"] = text.text_to_word_sequence("one, two;three", filters=";", split=",")
    found["long_split"] = text.text_to_word_sequence("one<>two.three", split="<>")
    found["md5"] = text.hashing_trick(TEXTS[1], 50, hash_function="md5")
    found["own_hash"] = text.hashing_trick(TEXTS[0], 7, hash_function=len)
    found["one_hot_range"] = all(1 <= i < 9 for i in text.one_hot(TEXTS[0], 9))
    return found


TOKENIZERS = {
    "plain": {},
    "limited": {"num_words": 5},
    "oov": {"num_words": 4, "oov_token": "<unk>"},
    "oov_all": {"oov_token": "<unk>"},
    "characters": {"char_level": True},
    "cased": {"lower": False, "filters": ".,"},
}


@case
def tokenizers(keras, tools):
    found = {}
    for name, options in TOKENIZERS.items():
        tokenizer = keras.preprocessing.text.Tokenizer(**options)
        tokenizer.fit_on_texts(TEXTS)
        tokenizer.fit_on_texts([["the", "Bird"]])
        sequences = tokenizer.texts_to_sequences(TEXTS + ["unknown the", ["mat", "Zebra"]])
        found[name + "_sequences"] = sequences
        found[name + "_texts"] = tokenizer.sequences_to_texts(sequences + [[1, 99, 3]])
        found[name + "_config"] = json.loads(tokenizer.to_json())
        for table in ("word_counts", "word_docs", "index_docs", "index_word", "word_index"):
            found[name + "_config"]["config"][table] = json.loads(found[name + "_config"]["config"][table])
        for mode in ("binary", "count", "freq", "tfidf"):
            found[name + "_" + mode] = tokenizer.texts_to_matrix(TEXTS, mode=mode)
    return found


@case
def sequences_fitted(keras, tools):
    tokenizer = keras.preprocessing.text.Tokenizer(num_words=6)
    tokenizer.fit_on_sequences([[1, 2, 2], [2, 5], []])
    return {"tfidf": tokenizer.sequences_to_matrix([[1, 1, 5], [], [2, 9]], mode="tfidf")}


# --- one image


def picture(height=9, width=7, channels=3, seed=0):
    return np.random.RandomState(seed).uniform(0, 255, (height, width, channels)).astype("float32")


AFFINE = {
    "turned": dict(theta=30),
    "far": dict(theta=-75, tx=4.5, ty=-3.25),
    "shifted": dict(tx=2, ty=-1),
    "sheared": dict(shear=20, zx=0.7, zy=1.6),
    "shrunk": dict(zx=3.1, zy=2.7, theta=10),
}


@case
def affine(keras, tools):
    image = keras.preprocessing.image
    found = {}
    for name, options in AFFINE.items():
        for mode in ("constant", "nearest", "reflect", "wrap"):
            for order in (0, 1):
                key = "%s_%s_%d" % (name, mode, order)
                found[key] = image.apply_affine_transform(
                    picture(), fill_mode=mode, order=order, cval=17.0, **options
                )
    first = picture().transpose(2, 0, 1)
    axes = dict(row_axis=1, col_axis=2, channel_axis=0)
    found["channels_first"] = image.apply_affine_transform(first, theta=25, shear=10, **axes)
    whole = picture().astype("uint8")
    found["uint8"] = image.apply_affine_transform(whole, theta=25, zx=0.8)
    found["int32"] = image.apply_affine_transform(whole.astype("int32") - 128, theta=25, fill_mode="reflect")
    found["one_pixel"] = image.apply_affine_transform(picture(1, 1), theta=25, tx=1, fill_mode="wrap")
    found["row"] = image.apply_affine_transform(picture(1, 6), tx=1.5, ty=1.5, fill_mode="reflect")
    return found


@case
def random_changes(keras, tools):
    image = keras.preprocessing.image
    last = dict(row_axis=0, col_axis=1, channel_axis=2)
    found = {}
    np.random.seed(21)
    found["rotation"] = image.random_rotation(picture(), 40, fill_mode="wrap", **last)
    found["shift"] = image.random_shift(picture(), 0.3, 0.4, **last)
    found["shear"] = image.random_shear(picture(), 30, fill_mode="constant", cval=5.0, **last)
    found["zoom"] = image.random_zoom(picture(), (0.5, 1.5), interpolation_order=0, **last)
    found["zoom_none"] = image.random_zoom(picture(), (1, 1), **last)
    found["channel_shift"] = image.random_channel_shift(picture(), 60.0, channel_axis=2)
    found["brightness"] = image.random_brightness(picture(), (0.2, 1.8))
    found["rotation_first"] = image.random_rotation(picture().transpose(2, 0, 1), 40)
    found["zoom_first"] = image.random_zoom(picture().transpose(2, 0, 1), (0.5, 1.5))
    found["channel"] = image.apply_channel_shift(picture(), -40.0, channel_axis=2)
    found["dark"] = image.apply_brightness_shift(picture(channels=1), 0.4)
    found["light"] = image.apply_brightness_shift(picture(channels=4), 1.7)
    return found


@case
def images_and_arrays(keras, tools):
    image = keras.preprocessing.image
    found = {}
    for channels in (1, 3, 4):
        for scale in (True, False):
            made = image.array_to_img(picture(channels=channels), scale=scale)
            key = "%d_%s" % (channels, scale)
            found["mode_" + key] = made.mode
            found["array_" + key] = image.img_to_array(made)
    found["mode_deep"] = image.array_to_img(picture(channels=1) * 100, scale=False).mode
    first = image.array_to_img(picture().transpose(2, 0, 1), data_format="channels_first")
    found["first"] = image.img_to_array(first, data_format="channels_first", dtype="uint8")
    found["black"] = image.img_to_array(image.array_to_img(np.zeros((2, 2, 1))))
    return found


@case
def image_files(keras, tools):
    image = keras.preprocessing.image
    path = os.path.join(tools.folder, "a.png")
    image.save_img(path, picture(12, 10, 4), scale=False)
    found = {}
    for mode in ("rgb", "rgba", "grayscale"):
        found["mode_" + mode] = image.img_to_array(image.load_img(path, color_mode=mode))
    for interpolation in ("nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"):
        loaded = image.load_img(path, target_size=(5, 7), interpolation=interpolation)
        found["to_" + interpolation] = image.img_to_array(loaded)
    deep = os.path.join(tools.folder, "deep.png")
    image.save_img(deep, picture(4, 4, 1) * 100, scale=False)
    found["deep"] = image.img_to_array(image.load_img(deep, color_mode="grayscale"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image.save_img(os.path.join(tools.folder, "b.jpg"), picture(4, 4, 4), file_format="jpeg")
        found["gray"] = image.img_to_array(image.load_img(path, grayscale=True))
    found["jpeg_mode"] = image.load_img(os.path.join(tools.folder, "b.jpg")).mode
    return found


# --- generators

GENERATORS = {
    "plain": {},
    "everything": dict(
        rotation_range=30,
        width_shift_range=0.2,
        height_shift_range=0.3,
        shear_range=15,
        zoom_range=0.3,
        channel_shift_range=20.0,
        horizontal_flip=True,
        vertical_flip=True,
        rescale=1.0 / 255,
    ),
    "pixels": dict(
        width_shift_range=3, height_shift_range=[-2, 0, 1], fill_mode="wrap", interpolation_order=0
    ),
    "floats": dict(width_shift_range=2.0, height_shift_range=[0.1, 0.2], fill_mode="constant", cval=3.0),
    "brightness": dict(brightness_range=(0.3, 1.6), zoom_range=[0.8, 1.0]),
    "samplewise": dict(samplewise_center=True, samplewise_std_normalization=True, fill_mode="reflect"),
    "function": dict(preprocessing_function=lambda x: x - 100.0, rescale=0.5, horizontal_flip=True),
}


def pictures(count=6, height=6, width=5, channels=3):
    return np.random.RandomState(5).uniform(0, 255, (count, height, width, channels)).astype("float32")


@case
def transforms_drawn(keras, tools):
    found = {}
    for name, options in GENERATORS.items():
        generator = keras.preprocessing.image.ImageDataGenerator(**options)
        for seed in range(3):
            drawn = generator.get_random_transform((6, 5, 3), seed=seed)
            for key, value in drawn.items():
                found["%s_%d_%s" % (name, seed, key)] = None if value is None else float(value)
    return found


@case
def flows_of_arrays(keras, tools):
    found = {}
    for name, options in GENERATORS.items():
        generator = keras.preprocessing.image.ImageDataGenerator(**options)
        flow = generator.flow(pictures(), np.arange(6), batch_size=4, seed=9)
        for key, value in several([next(flow), next(flow), next(flow)]).items():
            found["%s_%s" % (name, key)] = value
        found[name + "_transformed"] = generator.random_transform(pictures()[0], seed=2)
    return found


@case
def flows_by_index(keras, tools):
    generator = keras.preprocessing.image.ImageDataGenerator(horizontal_flip=True)
    flow = generator.flow(pictures(), np.arange(6), batch_size=4, seed=3)
    found = {"length": len(flow)}
    found.update(several([flow[1], flow[0]]))
    flow.on_epoch_end()
    found.update({"again_" + key: value for key, value in several([flow[0]]).items()})
    return found


@case
def flow_options(keras, tools):
    image = keras.preprocessing.image
    generator = image.ImageDataGenerator(validation_split=0.34)
    x, y = pictures(), np.array([0, 1, 0, 1, 0, 1])
    found = {}
    for subset in ("training", "validation"):
        flow = generator.flow(
            (x, [np.arange(6), np.arange(12).reshape(6, 2)]), y, shuffle=False, subset=subset
        )
        found.update({subset + key: value for key, value in several([next(flow)]).items()})
    weighted = generator.flow(x, y, sample_weight=np.arange(6) / 10.0, shuffle=False, batch_size=3)
    found.update({"weighted" + key: value for key, value in several([next(weighted)]).items()})
    found["alone"] = next(generator.flow(x, shuffle=True, seed=1, batch_size=2))
    first = image.ImageDataGenerator(data_format="channels_first", rotation_range=40, horizontal_flip=True)
    found["first"] = next(first.flow(x.transpose(0, 3, 1, 2), seed=4, batch_size=2))
    saving = generator.flow(x, y, batch_size=2, seed=6, save_to_dir=tools.folder, save_prefix="p")
    next(saving)
    names = sorted(os.listdir(tools.folder))
    found["saved"] = names
    found["saved_image"] = image.img_to_array(image.load_img(os.path.join(tools.folder, names[0])))
    return found


FITTED = {
    "featurewise": dict(featurewise_center=True, featurewise_std_normalization=True, rescale=0.1),
    "zca": dict(featurewise_center=True, zca_whitening=True, zca_epsilon=1e-2),
    "first": dict(featurewise_center=True, featurewise_std_normalization=True, data_format="channels_first"),
}


@case
def fitted_generators(keras, tools):
    found = {}
    for name, options in FITTED.items():
        generator = keras.preprocessing.image.ImageDataGenerator(**options)
        x = pictures(60, 3, 4, 3)
        x = x.transpose(0, 3, 1, 2) if name == "first" else x
        generator.fit(x)
        found[name + "_mean"], found[name + "_standardized"] = generator.mean, generator.standardize(x[0] + 0)
        for attribute in ("std", "principal_components"):
            if getattr(generator, attribute) is not None:
                found["%s_%s" % (name, attribute)] = getattr(generator, attribute)
    augmented = keras.preprocessing.image.ImageDataGenerator(
        featurewise_center=True, featurewise_std_normalization=True, rotation_range=50, horizontal_flip=True
    )
    augmented.fit(pictures(5), augment=True, rounds=2, seed=8)
    found["augmented_mean"], found["augmented_std"] = augmented.mean, augmented.std
    return found


# --- folders and tables


def image_tree(keras, folder):
    """cats: 3 images, one in a subfolder; dogs: 4; eels: 2; and files that are no images."""
    rng = np.random.RandomState(1)
    names = [
        "cats/b.png",
        "cats/sub/c.PNG",
        "cats/a.bmp",
        "dogs/3.png",
        "dogs/1.png",
        "dogs/2.png",
        "dogs/10.png",
    ]
    names += ["eels/x.png", "eels/y.png"]
    for name in names:
        path = os.path.join(folder, *name.split("/"))
        if not os.path.isdir(os.path.dirname(path)):
            os.makedirs(os.path.dirname(path))
        image = keras.preprocessing.image.array_to_img(rng.uniform(0, 255, (7, 6, 3)), scale=False)
        image.save(path)
    for name in ("cats/notes.txt", "list.csv"):
        with open(os.path.join(folder, *name.split("/")), "w") as file:
            file.write("none")
    return names


@case
def flows_of_folders(keras, tools):
    image_tree(keras, tools.folder)
    found = {}
    plain = keras.preprocessing.image.ImageDataGenerator(rescale=1.0 / 255, validation_split=0.5)
    turning = keras.preprocessing.image.ImageDataGenerator(rotation_range=90, horizontal_flip=True)
    variants = {
        "categorical": (plain, dict(shuffle=False)),
        "sparse": (plain, dict(class_mode="sparse", seed=3, interpolation="bilinear")),
        "binary": (turning, dict(class_mode="binary", classes=["dogs", "cats"], seed=5, color_mode="rgba")),
        "input": (turning, dict(class_mode="input", seed=6, color_mode="grayscale")),
        "none": (plain, dict(class_mode=None, seed=7)),
        "validation": (plain, dict(subset="validation", seed=8)),
        "training": (plain, dict(subset="training", seed=8)),
    }
    for name, (generator, options) in variants.items():
        flow = generator.flow_from_directory(tools.folder, target_size=(5, 4), batch_size=4, **options)
        found[name + "_filenames"] = [file.replace(os.sep, "/") for file in flow.filenames]
        found[name + "_indices"] = flow.class_indices
        found[name + "_counts"] = [flow.samples, flow.num_classes, len(flow)]
        found[name + "_classes"] = flow.classes
        for key, value in several([next(flow), next(flow), next(flow)]).items():
            found["%s_%s" % (name, key)] = value
    return found


@case
def flows_of_tables(keras, tools):
    names = image_tree(keras, tools.folder)
    kinds = [name.split("/")[0] for name in names]
    columns = {
        "filename": names + ["gone.png", "list.csv"],
        "class": kinds + ["cats", "dogs"],
        "many": [["cats", "pets"], ["pets"], ["cats"], ("dogs", "pets")]
        + ["dogs"] * 3
        + [["eels"], ["none"]]
        + ["dogs"] * 2,
        "side": ["left" if i % 2 else "right" for i in range(11)],
        "a": [i / 2.0 for i in range(11)],
        "b": list(range(11)),
        "weight": [0.5 + i for i in range(11)],
    }
    table = tools.table(columns)
    plain = keras.preprocessing.image.ImageDataGenerator(validation_split=0.4)
    variants = {
        "categorical": dict(shuffle=False),
        "some": dict(classes=["dogs", "eels"], seed=1),
        "many": dict(y_col="many", seed=2),
        "many_some": dict(y_col="many", classes=["pets", "dogs"], shuffle=False),
        "binary": dict(y_col="side", class_mode="binary", seed=3, weight_col="weight"),
        "sparse": dict(class_mode="sparse", subset="validation", shuffle=False),
        "training": dict(class_mode="sparse", subset="training", shuffle=False),
        "raw": dict(y_col="a", class_mode="raw", seed=4),
        "raw_two": dict(y_col=["a", "b"], class_mode="raw", seed=4),
        "multi": dict(y_col=["a", "b"], class_mode="multi_output", seed=5, weight_col="b"),
        "input": dict(class_mode="input", shuffle=False),
        "none": dict(class_mode=None, seed=6),
    }
    found = {}
    for name, options in variants.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            flow = plain.flow_from_dataframe(table, tools.folder, target_size=(3, 3), batch_size=5, **options)
        found[name + "_filenames"] = flow.filenames
        found[name + "_indices"] = getattr(flow, "class_indices", None)
        for key, value in several([next(flow), next(flow)]).items():
            found["%s_%s" % (name, key)] = value
    return found


# --- word lists


def word_lists():
    """Ranks as imdb.npz and reuters.npz hold them, in arrays of lists: (x_train, y_train, x_test, y_test)."""
    rng = np.random.RandomState(17)

    def lists(count):
        made = np.empty(count, dtype=object)
        for index in range(count):
            made[index] = rng.randint(1, 40, rng.randint(2, 9)).tolist()
        return made

    return lists(13), rng.randint(0, 2, 13), lists(7), rng.randint(0, 2, 7)


IMDB = {
    "default": {},
    "limits": dict(num_words=20, skip_top=5),
    "short": dict(maxlen=6),
    "bare": dict(start_char=None, oov_char=None, index_from=0, num_words=25, seed=2),
}
REUTERS = dict(IMDB, split=dict(test_split=0.5, seed=7))


@case
def word_data_sets(keras, tools):
    x_train, y_train, x_test, y_test = word_lists()
    found = {}
    with tools.files("imdb", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test):
        for name, options in IMDB.items():
            for part, (x, y) in zip(("train", "test"), keras.datasets.imdb.load_data(**options)):
                found["imdb_%s_%s" % (name, part)] = [list(x), y.tolist()]
    with tools.files("reuters", x=x_train, y=y_train):
        for name, options in REUTERS.items():
            for part, (x, y) in zip(("train", "test"), keras.datasets.reuters.load_data(**options)):
                found["reuters_%s_%s" % (name, part)] = [list(x), y.tolist()]
    x, y = np.arange(33.0).reshape(11, 3), np.arange(11.0)
    with tools.files("boston_housing", x=x, y=y):
        for name, options in {"default": {}, "split": dict(test_split=0.4, seed=1)}.items():
            (a, b), (c, d) = keras.datasets.boston_housing.load_data(**options)
            found["boston_" + name] = [part.tolist() for part in (a, b, c, d)]
    return found
