"""Made-up files for the addresses that programs download: small, of the layout that the programs read.

Numbers are drawn from the address, so that a file is the same in every run. Classes differ, so that something
can be learnt.
"""

import datetime as dt
import gzip
import io
import json
import os
import pickle
import re
import tarfile
import wave
import zipfile
import zlib

import numpy as np

#: What the manifest says of a program: ``all_digits`` for as many as MNIST has, where it counts on them, and
#: the number of ``reviews`` of IMDB that are there to train on, of ``lines`` of a book, of ``people`` and
#: ``films`` of MovieLens, of ``unlabelled`` images.
LIMITS = json.loads(os.environ.get("PROGRAM_LIMITS", "{}"))
_MAKERS = []
#: What is in a file that stands in for published weights: a model that loads it keeps its own.
PUBLISHED_WEIGHTS = b"in place of published weights"
#: What Google Drive calls the files that programs fetch by their numbers.
DRIVE = {
    "1jvkbTr_giSP3Ru8OwGNCg6B4PvVbcO34": "left.zip",
    "1EzBZUb_mh_Dp_FKD0P4XiYYSd0QBH5zW": "right.zip",
    "1DdGIJ4PZPlF2ikl8mNM9V-PdVxVLbQi6": "lol_dataset.zip",
    "1B9A9UCJYMwTL4oBEo4RZfbMZMaZhKJaz": "instance-level-human-parsing.zip",
    "1O7m1010EJjLE5QxLZiM9Fpjs7Oj6e684": "celeba.zip",
}
_WORDS = """the a of and to in is it this that film was plot actor good bad great awful scene story with for
on as but have are they not you all one be at by an who so from like or just about out if has there
what some when more very time no even can would up only see really had which were me we than much
been do get other also first because don't its way into most make people after how too well him any
could them made think movie watch know never better where little man love say does best life end
characters your""".split()


def stands_in_for(pattern):
    """Registers the function that makes the file for addresses in which the pattern is found."""

    def register(function):
        _MAKERS.append((re.compile(pattern), function))
        return function

    return register


def content(url):
    """The bytes of the stand-in for an address.

    Raises:
        OSError: nothing stands in for it.
    """
    for pattern, make in _MAKERS:
        if match := pattern.search(url):
            rng = np.random.default_rng(zlib.crc32(url.encode()))
            return make(rng, *match.groups())
    raise OSError(f"nothing stands in for {url}")


# --- containers and parts ---------------------------------------------------------------------------------


def zipped(files):
    """A zip of {name: bytes or text}."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tarred(files, mode="w:gz"):
    """A tar of {name: bytes or text}."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, data in files.items():
            data = data.encode() if isinstance(data, str) else data
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def npz(**arrays):
    """An .npz of arrays."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def image(rng, height=64, width=64, label=0, kind="JPEG", mode="RGB"):
    """An image whose brightness and stripes tell its class."""
    from PIL import Image

    channels = 3 if mode == "RGB" else 1
    waves = np.sin(np.arange(width) * (1 + label) / 5.0)[None, :, None] * 60
    values = rng.normal(100 + 30 * (label % 4), 25, (height, width, channels)) + waves
    values = np.clip(values, 0, 255).astype("uint8")
    buffer = io.BytesIO()
    Image.fromarray(values if channels == 3 else values[..., 0]).save(buffer, kind)
    return buffer.getvalue()


def mask(rng, height=64, width=64, values=(1, 2, 3)):
    """A PNG of classes in blocks."""
    from PIL import Image

    blocks = rng.choice(np.array(values, "uint8"), (height // 8 + 1, width // 8 + 1))
    buffer = io.BytesIO()
    Image.fromarray(np.kron(blocks, np.ones((8, 8), "uint8"))[:height, :width]).save(buffer, "PNG")
    return buffer.getvalue()


def sentence(rng, low=8, high=40):
    """Some words."""
    words = [str(word) for word in rng.choice(_WORDS, rng.integers(low, high))]
    return " ".join(words).capitalize() + "."


def table(columns, rows, header=True, separator=","):
    """Text with one line a row; columns: {name: list}."""
    lines = [separator.join(columns)] if header else []
    lines += [separator.join(str(column[row]) for column in columns.values()) for row in range(rows)]
    return "\n".join(lines) + "\n"


# --- the data sets of Keras -------------------------------------------------------------------------------


def digits(rng, count):
    """Gray images whose class shows, and their labels."""
    labels = rng.integers(0, 10, count).astype("uint8")
    patterns = np.random.default_rng(7).random((10, 7, 7)) > 0.5
    images = np.kron(patterns[labels], np.full((1, 4, 4), 200, "uint8"))
    return images + rng.integers(0, 56, images.shape, "uint8"), labels


@stands_in_for(r"mnist\.npz")
def _mnist(rng):
    train, test = (60_000, 10_000) if LIMITS.get("all_digits") else (LIMITS.get("digits", 640), 256)
    (x_train, y_train), (x_test, y_test) = digits(rng, train), digits(rng, test)
    return npz(x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)


@stands_in_for(r"(train|t10k)-(images|labels)-idx\d-ubyte\.gz")
def _fashion(rng, part, what):
    whole = bool(LIMITS.get("all_digits"))
    count = {"train": (LIMITS.get("digits", 640), 60_000), "t10k": (256, 10_000)}[part][whole]
    images, labels = digits(np.random.default_rng(count), count)
    if what == "images":
        return gzip.compress(np.array([2051, count, 28, 28], ">i4").tobytes() + images.tobytes())
    return gzip.compress(np.array([2049, count], ">i4").tobytes() + labels.tobytes())


def colours(rng, count, classes):
    """Images of one colour and some noise as (count, 3, 1024), and their labels."""
    labels = rng.integers(0, classes, count)
    levels = np.random.default_rng(3).integers(0, 200, (classes, 3))
    return (levels[labels][:, :, None] + rng.integers(0, 56, (count, 3, 1024))).astype("uint8"), labels


@stands_in_for(r"cifar-10-python\.tar\.gz")
def _cifar10(rng):
    files = {}
    for name, count in [*((f"data_batch_{number}", 128) for number in range(1, 6)), ("test_batch", 256)]:
        count = 10_000 if LIMITS.get("all_digits") else count
        images, labels = colours(rng, count, 10)
        data = {b"data": images.reshape(count, -1), b"labels": [int(label) for label in labels]}
        files[f"cifar-10-batches-py/{name}"] = pickle.dumps(data, protocol=4)
    return tarred(files)


@stands_in_for(r"cifar-100-python\.tar\.gz")
def _cifar100(rng):
    files = {}
    for name, count in (("train", 640), ("test", 256)):
        images, labels = colours(rng, count, 100)
        fine = [int(label) for label in labels]
        data = {
            b"data": images.reshape(count, -1),
            b"fine_labels": fine,
            b"coarse_labels": [k // 5 for k in fine],
        }
        files[f"cifar-100-python/{name}"] = pickle.dumps(data, protocol=4)
    return tarred(files)


def _lists(rng, count, classes, words=2000):
    labels = rng.integers(0, classes, count)
    rows = np.empty(count, object)
    for row, label in enumerate(labels):
        rows[row] = [int(word) for word in rng.zipf(1.3, rng.integers(20, 120)) % words + 1] + [
            int(label) + 10
        ]
    return rows, labels


@stands_in_for(r"imdb\.npz")
def _imdb(rng):
    reviews = LIMITS.get("reviews", 500)
    (x_train, y_train), (x_test, y_test) = _lists(rng, reviews, 2, 19_000), _lists(rng, 250, 2, 19_000)
    return npz(x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)


@stands_in_for(r"reuters\.npz")
def _reuters(rng):
    x, y = _lists(rng, 1500, 46, 9_000)
    y[:46] = np.arange(46)
    return npz(x=x, y=y)


@stands_in_for(r"(imdb|reuters)_word_index\.json")
def _word_index(rng, _):
    names = dict.fromkeys([*_WORDS, *(f"word{number}" for number in range(20_000))])
    return json.dumps({word: rank for rank, word in enumerate(names, 1)}).encode()


@stands_in_for(r"boston_housing\.npz")
def _boston(rng):
    x = rng.random((506, 13)) * 10
    return npz(x=x, y=x.mean(axis=1) * 4)


# --- text -------------------------------------------------------------------------------------------------


@stands_in_for(r"aclImdb_v1")
def _acl(rng):
    files = {"aclImdb/README": "made up"}
    for part in ("train", "test"):
        for kind, mark in (("pos", 8), ("neg", 2)):
            for number in range(48):
                place = len(files) * 110  # so many words that a vocabulary of 20,000 is full
                rare = " ".join(f"word{word}" for word in range(place, place + 110))
                telling = ("great best love " if kind == "pos" else "awful bad ") * 5
                text = f"{sentence(rng, 20, 80)} {rare}<br /><br />{telling}"
                files[f"aclImdb/{part}/{kind}/{number}_{mark}.txt"] = text
    for number in range(8):
        files[f"aclImdb/train/unsup/{number}_0.txt"] = sentence(rng)
    files["aclImdb/train/pos/4077_10.txt"] = files["aclImdb/train/pos/6248_7.txt"] = sentence(rng)
    files["aclImdb/train/pos/1181_9.txt"] = sentence(rng)
    return tarred(files)


@stands_in_for(r"stack_overflow_16k")
def _stack_overflow(rng):
    files = {}
    for part in ("train", "test"):
        for label in ("csharp", "java", "javascript", "python"):
            for number in range(40):
                files[f"{part}/{label}/{number}.txt"] = f"how to {label} {sentence(rng)}\n"
    files["train/python/1755.txt"] = "why does this blank program print true\n"
    return tarred(files)


@stands_in_for(r"illiad/(cowper|derby|butler)\.txt")
def _iliad(rng, name):
    return "\n".join(f"{name} {sentence(rng)}" for _ in range(1500)).encode()


@stands_in_for(r"nietzsche\.txt|shakespeare\.txt")
def _book(rng):
    lines = LIMITS.get("lines", 240)
    words = [f"{sentence(rng)} {' '.join(f'word{n}' for n in rng.integers(0, 900, 6))}" for _ in range(lines)]
    return "\n".join(f"ROMEO:\n{line}\n" for line in words).encode()


@stands_in_for(r"(fra|spa)-eng\.zip")
def _pairs(rng, language):
    lines = []
    for _ in range(600):
        english = sentence(rng, 2, 8)
        other = "¿" + english[::-1].replace("'", "é") + "?"
        lines.append(f"{english}\t{other}" + ("\tCC-BY" if language == "fra" else ""))
    return zipped({"fra.txt" if language == "fra" else "spa-eng/spa.txt": "\n".join(lines) + "\n"})


@stands_in_for(r"news20\.tar\.gz")
def _news(rng):
    groups = ["comp.graphics", "alt.atheism", "sci.space", "rec.autos", "talk.politics.misc", "misc.forsale"]
    files = {}
    for group in groups:
        for number in range(30):
            head = "".join(f"Header-{line}: {sentence(rng, 2, 5)}\n" for line in range(11))
            text = f"{group} the cat sat on the mat {sentence(rng, 30, 90)}"
            files[f"20_newsgroup/{group}/{38987 + number}"] = head + text
    return tarred(files)


@stands_in_for(r"glove\.6B\.zip")
def _glove(rng):
    return zipped(
        {
            f"glove.6B.{size}d.txt": "".join(
                f"{word} {' '.join(f'{value:.4f}' for value in rng.normal(0, 0.4, size))}\n"
                for word in _WORDS
            )
            for size in (50, 100, 300)
        }
    )


@stands_in_for(r"cornell_movie_dialogs_corpus")
def _dialogs(rng):
    lines, talks = [], []
    for number in range(400):  # with so many words that a vocabulary of 8,192 is full
        rare = " ".join(f"word{word}" for word in range(22 * number, 22 * number + 22))
        text = f"{sentence(rng, 3, 9)} {rare}"
        lines.append(f"L{number} +++$+++ u0 +++$+++ m0 +++$+++ BIANCA +++$+++ {text}")
    for talk in range(280):  # more than 40,000 questions and answers, on which a program counts
        names = ", ".join(f"'L{(talk + k) % 400}'" for k in range(150))
        talks.append(f"u0 +++$+++ u2 +++$+++ m0 +++$+++ [{names}]")
    folder = "cornell movie-dialogs corpus"
    return zipped(
        {f"{folder}/movie_lines.txt": "\n".join(lines), f"{folder}/movie_conversations.txt": "\n".join(talks)}
    )


@stands_in_for(r"arxiv_data\.csv")
def _arxiv(rng):
    labels = ["['cs.LG']", "['cs.CV']", "['cs.LG', 'stat.ML']", "['cs.CV', 'cs.LG']"]
    rows = [
        f'"{sentence(rng)} {row}","{sentence(rng, 20, 60)} {row}","{labels[row % 4]}"' for row in range(2400)
    ]
    return ("titles,summaries,terms\n" + "\n".join(rows) + "\n").encode()


# --- tables -----------------------------------------------------------------------------------------------


@stands_in_for(r"heart\.csv")
def _heart(rng):
    rows = 303
    target = rng.integers(0, 2, rows)
    columns = {
        "age": rng.integers(30, 75, rows) + 5 * target,
        "sex": rng.integers(0, 2, rows),
        "cp": rng.integers(0, 5, rows),
        "trestbps": rng.integers(100, 180, rows),
        "chol": rng.integers(150, 350, rows),
        "fbs": rng.integers(0, 2, rows),
        "restecg": rng.integers(0, 3, rows),
        "thalach": rng.integers(90, 200, rows),
        "exang": rng.integers(0, 2, rows),
        "oldpeak": np.round(rng.random(rows) * 4, 1),
        "slope": rng.integers(1, 4, rows),
        "ca": rng.integers(0, 4, rows),
        "thal": rng.choice(["fixed", "normal", "reversible"], rows),
        "target": target,
    }
    return table(columns, rows).encode()


@stands_in_for(r"wdbc\.data")
def _cells(rng):
    malignant = rng.random(400) < 0.4
    features = rng.gamma(4.0, 1.0, (400, 30)) + malignant[:, None]
    columns = {"id": range(400), "diagnosis": np.where(malignant, "M", "B")}
    columns |= {f"feature {number}": np.round(features[:, number], 4) for number in range(30)}
    return table(columns, 400, header=False).encode()


_ADULT = {
    "workclass": ["Private", "Self-emp", "State-gov", "?"],
    "education": ["Bachelors", "HS-grad", "Masters"],
    "marital": ["Never-married", "Married", "Divorced"],
    "occupation": ["Sales", "Tech-support", "?", "Craft-repair"],
    "relationship": ["Husband", "Wife", "Unmarried"],
    "race": ["White", "Black", "Other"],
    "gender": ["Male", "Female"],
}


#: Some programs count on more countries than there are of anything else.
_COUNTRIES = """United-States Mexico Canada Cuba Jamaica India England China Germany Italy Poland Japan Taiwan
Vietnam Columbia Haiti Portugal Iran Greece France Ecuador Peru Ireland Cambodia Laos Hungary""".split()


@stands_in_for(r"adult\.(data|test)")
def _adult(rng, part):
    rows = 400
    pick = {name: rng.choice(values, rows) for name, values in _ADULT.items()}
    ends = ["<=50K", ">50K"] if part == "data" else ["<=50K.", ">50K."]
    lines = ["|1x3 Cross validator"] if part == "test" else []
    for row in range(rows):
        fields = [
            rng.integers(18, 80),
            pick["workclass"][row],
            rng.integers(20000, 300000),
            pick["education"][row],
            rng.integers(5, 16),
            pick["marital"][row],
            pick["occupation"][row],
            pick["relationship"][row],
            pick["race"][row],
            pick["gender"][row],
            rng.integers(0, 5000),
            rng.integers(0, 500),
            rng.integers(10, 60),
            rng.choice(_COUNTRIES),
            ends[rng.random() > 0.7],
        ]
        lines.append(", ".join(map(str, fields)))
    return ("\n".join(lines) + "\n").encode()


@stands_in_for(r"census-income\.(data|test)\.gz")
def _census(rng, _):
    lines = []
    for _ in range(600):
        fields = [str(rng.choice([" A", " B", " C"])) for _ in range(42)]
        for numeric in (0, 5, 16, 17, 18, 24, 30, 39):
            fields[numeric] = f" {rng.integers(0, 60)}"
        for whole in (2, 3, 36, 38, 40):
            fields[whole] = f" {rng.integers(0, 3)}"
        fields[40] = str(rng.choice([94, 95]))
        fields[41] = str(rng.choice([" - 50000.", " 50000+."]))
        lines.append(",".join(fields))
    return gzip.compress(("\n".join(lines) + "\n").encode())


@stands_in_for(r"covtype\.data\.gz")
def _covtype(rng):
    lines = []
    for row in range(700):
        area, soil = np.eye(4, dtype=int)[rng.integers(0, 4)], np.eye(40, dtype=int)[rng.integers(0, 40)]
        lines.append(",".join(map(str, [*rng.integers(0, 3000, 10), *area, *soil, row % 7 + 1])))
    return gzip.compress(("\n".join(lines) + "\n").encode())


@stands_in_for(r"creditcard\.csv|kaggle:.*creditcard")
def _cards(rng):
    rows = 1000
    columns = {"Time": np.arange(rows)}
    target = (rng.random(rows) < 0.1).astype(int)
    columns.update({f"V{number}": np.round(rng.normal(target * 2, 1, rows), 5) for number in range(1, 29)})
    columns.update({"Amount": np.round(rng.random(rows) * 100, 2), "Class": target})
    return table(columns, rows).encode()


@stands_in_for(r"ml-(latest-small|1m)\.zip")
def _movielens(rng, kind):
    genres = ["Action", "Comedy", "Drama", "Horror", "Sci-Fi"]
    queries = [
        "Matrix, The (1999)",
        "Star Wars: Episode IV - A New Hope (1977)",
        "Lion King, The (1994)",
        "Terminator 2: Judgment Day (1991)",
        "Godfather, The (1972)",
    ]
    films = LIMITS.get("films", 64)
    titles = queries + [f"Film {number} (1995)" for number in range(1, films - 4)]
    movies = [
        (number + 1, title, "|".join(rng.choice(genres, 2, replace=False)))
        for number, title in enumerate(titles)
    ]
    stars = lambda user, movie: 5 if (user + movie) % 4 == 0 else int(rng.integers(1, 6))  # noqa: E731
    people = LIMITS.get("people", 80 if kind == "1m" else 40)
    ratings = [
        (user, int(movie) + 1, stars(user, int(movie)), 964982703 + 10 * step)
        for user in range(1, people + 1)
        for step, movie in enumerate(rng.permutation(len(movies))[:30])
    ]
    if kind == "1m":
        users = [(user, "F" if user % 2 else "M", 25, user % 20, 48067) for user in range(1, people + 1)]
        parts = {"users": users, "movies": movies, "ratings": ratings}
        return zipped(
            {
                f"ml-1m/{name}.dat": "".join("::".join(map(str, row)) + "\n" for row in rows)
                for name, rows in parts.items()
            }
        )
    return zipped(
        {
            "ml-latest-small/movies.csv": "movieId,title,genres\n"
            + "".join(f'{n},"{t}",{g}\n' for n, t, g in movies),
            "ml-latest-small/ratings.csv": "userId,movieId,rating,timestamp\n"
            + "".join(f"{user},{movie},{rating}.0,{when}\n" for user, movie, rating, when in ratings),
        }
    )


@stands_in_for(r"titanic/(train|eval)\.csv")
def _titanic(rng, _):
    rows = 300
    columns = {
        "survived": rng.integers(0, 2, rows),
        "sex": rng.choice(["male", "female"], rows),
        "age": rng.integers(1, 80, rows).astype(float),
        "n_siblings_spouses": rng.integers(0, 4, rows),
        "parch": rng.integers(0, 3, rows),
        "fare": np.round(rng.random(rows) * 80, 4),
        "class": rng.choice(["First", "Second", "Third"], rows),
        "deck": rng.choice(["A", "B", "unknown"], rows),
        "embark_town": rng.choice(["Southampton", "Cherbourg"], rows),
        "alone": rng.choice(["y", "n"], rows),
    }
    return table(columns, rows).encode()


@stands_in_for(r"abalone_(train|test)\.csv")
def _abalone(rng, _):
    columns = {str(number): np.round(rng.random(300), 3) for number in range(7)}
    columns["age"] = rng.integers(3, 20, 300)
    return table(columns, 300, header=False).encode()


@stands_in_for(r"Metro_Interstate_Traffic_Volume")
def _traffic(rng):
    rows = 600
    columns = {
        "holiday": ["None"] * rows,
        "temp": np.round(rng.normal(280, 5, rows), 2),
        "rain_1h": np.zeros(rows),
        "snow_1h": np.zeros(rows),
        "clouds_all": rng.integers(0, 100, rows),
        "weather_main": rng.choice(["Clouds", "Clear"], rows),
        "weather_description": ["sky is clear"] * rows,
        "date_time": ["2012-10-02 09:00:00"] * rows,
        "traffic_volume": rng.integers(500, 6000, rows),
    }
    return gzip.compress(table(columns, rows).encode())


@stands_in_for(r"00417/fonts\.zip")
def _fonts(rng):
    files = {}
    for font in ("AGENCY", "ARIAL", "BAITI"):
        head = ["font", "fontVariant", "m_label", "strength", "italic", "orientation", "m_top", "m_left"]
        head += ["originalH", "originalW", "h", "w", *(f"r{r}c{c}" for r in range(20) for c in range(20))]
        lines = [",".join(head)]
        for _ in range(20):
            numbers = [65, 0.4, 0, 0.0, 35, 21, 51, 22, 20, 20, *rng.integers(0, 256, 400)]
            lines.append(",".join([font, "scanned", *map(str, numbers)]))
        files[f"{font}.csv"] = "\n".join(lines) + "\n"
    return zipped(files)


@stands_in_for(r"petfinder-mini\.zip")
def _pets_table(rng):
    rows = 300
    columns = {
        "Type": rng.choice(["Cat", "Dog"], rows),
        "Age": rng.integers(1, 40, rows),
        "Breed1": rng.choice(["Tabby", "Mixed Breed", "Poodle"], rows),
        "Gender": rng.choice(["Male", "Female"], rows),
        "Color1": rng.choice(["Black", "White", "Brown"], rows),
        "Color2": rng.choice(["White", "No Color"], rows),
        "MaturitySize": rng.choice(["Small", "Medium"], rows),
        "FurLength": rng.choice(["Short", "Long"], rows),
        "Vaccinated": rng.choice(["Yes", "No", "Not Sure"], rows),
        "Sterilized": rng.choice(["Yes", "No"], rows),
        "Health": ["Healthy"] * rows,
        "Fee": rng.integers(0, 200, rows),
        "Description": ["a nice pet"] * rows,
        "PhotoAmt": rng.integers(0, 6, rows),
        "AdoptionSpeed": rng.integers(0, 5, rows),
    }
    return zipped({"petfinder-mini/petfinder-mini.csv": table(columns, rows)})


@stands_in_for(r"auto-mpg\.data")
def _cars(rng):
    lines = []
    for row in range(398):
        horsepower = "?" if row % 60 == 0 else f"{rng.integers(60, 200)}.0"
        fields = [
            f"{rng.integers(10, 45)}.0",
            rng.choice([4, 6, 8]),
            f"{rng.integers(80, 400)}.0",
            horsepower,
        ]
        fields += [
            f"{rng.integers(1800, 4500)}.",
            f"{rng.integers(8, 22)}.5",
            rng.integers(70, 83),
            row % 3 + 1,
        ]
        lines.append("   ".join(map(str, fields)) + "\tcar")
    return ("\n".join(lines) + "\n").encode()


@stands_in_for(r"HIGGS\.csv\.gz")
def _higgs(rng):
    rows = rng.normal(size=(12_000, 28)).round(3)
    lines = [",".join(map(str, [float(row[0] > 0), *row])) for row in rows]
    return gzip.compress(("\n".join(lines) + "\n").encode(), 1)


@stands_in_for(r"cora\.tgz")
def _cora(rng):
    kinds = [
        "Neural_Networks",
        "Theory",
        "Genetic_Algorithms",
        "Case_Based",
        "Rule_Learning",
        "Probabilistic_Methods",
        "Reinforcement_Learning",
    ]
    papers = [
        "\t".join([str(1000 + n), *map(str, (rng.random(1433) < 0.02).astype(int)), kinds[n % 7]])
        for n in range(280)
    ]
    cites = [f"{1000 + rng.integers(280)}\t{1000 + rng.integers(280)}" for _ in range(2000)]
    return tarred({"cora/cora.content": "\n".join(papers) + "\n", "cora/cora.cites": "\n".join(cites) + "\n"})


# --- time series ------------------------------------------------------------------------------------------

_JENA = [
    "p (mbar)",
    "T (degC)",
    "Tpot (K)",
    "Tdew (degC)",
    "rh (%)",
    "VPmax (mbar)",
    "VPact (mbar)",
    "VPdef (mbar)",
    "sh (g/kg)",
    "H2OC (mmol/mol)",
    "rho (g/m**3)",
    "wv (m/s)",
    "max. wv (m/s)",
    "wd (deg)",
]


@stands_in_for(r"jena_climate_2009_2016\.csv")
def _jena(rng, rows=12_000):
    start = dt.datetime(2009, 1, 1, tzinfo=dt.timezone.utc)
    values = rng.normal(10, 3, (rows, 14)) + 5 * np.sin(np.arange(rows) / 23)[:, None]
    lines = [",".join(['"Date Time"', *(f'"{name}"' for name in _JENA)])]
    for row in range(rows):
        when = (start + dt.timedelta(minutes=10 * row)).strftime("%d.%m.%Y %H:%M:%S")
        lines.append(",".join([when, *(f"{value:.2f}" for value in values[row])]))
    return zipped({"jena_climate_2009_2016.csv": "\n".join(lines)})


@stands_in_for(r"NAB/master/data/.*/art_daily_(\w+)\.csv")
def _daily(rng, kind):
    start = dt.datetime(2014, 4, 1, tzinfo=dt.timezone.utc)
    lines = ["timestamp,value"]
    for row in range(1200):
        when = start + dt.timedelta(minutes=5 * row)
        jump = 60 if kind == "jumpsup" and 900 < row < 940 else 0
        lines.append(f"{when:%Y-%m-%d %H:%M:%S},{20 + 10 * np.sin(row / 45) + rng.random() + jump}")
    return ("\n".join(lines) + "\n").encode()


@stands_in_for(r"FordA_(TRAIN|TEST)\.tsv")
def _ford(rng, _):
    rows = []
    for row in range(128):
        label = 1 if row % 2 else -1
        signal = np.sin(np.arange(500) / (8 + 3 * label)) + rng.normal(0, 0.3, 500)
        rows.append("\t".join([str(label), *(f"{value:.4f}" for value in signal)]))
    return ("\n".join(rows) + "\n").encode()


@stands_in_for(r"PeMS-M\.zip")
def _pems(rng):
    distances = rng.integers(0, 30_000, (228, 228))
    speeds = rng.normal(60, 8, (1200, 228)).round(1)
    text = ["\n".join(",".join(map(str, row)) for row in rows) + "\n" for rows in (distances, speeds)]
    return zipped(
        {"PeMS-M/W_228.csv": text[0], "PeMS-M/V_228.csv": text[1], "W_228.csv": text[0], "V_228.csv": text[1]}
    )


@stands_in_for(r"data/ecg\.csv")
def _ecg(rng):
    rows = []
    for row in range(400):
        signal = np.sin(np.arange(140) / (9 + 5 * (row % 2))) + rng.normal(0, 0.1, 140)
        rows.append(",".join([*(f"{value:.4f}" for value in signal), f"{row % 2}.0"]))
    return ("\n".join(rows) + "\n").encode()


# --- images -----------------------------------------------------------------------------------------------


@stands_in_for(r"ddpms/releases/.*checkpoints\.zip")
def _diffusion_weights(rng):
    return zipped({"checkpoints/diffusion_model_checkpoint": PUBLISHED_WEIGHTS})


@stands_in_for(r"flower_photos\.tgz")
def _flowers(rng):
    files = {"flower_photos/LICENSE.txt": "made up"}
    for label, name in enumerate(("daisy", "dandelion", "roses", "sunflowers", "tulips")):
        for number in range(20):
            files[f"flower_photos/{name}/{number}_x.jpg"] = image(rng, 64, 80, label)
    return tarred(files)


@stands_in_for(r"cats_and_dogs_filtered\.zip")
def _cats_and_dogs(rng):
    files = {}
    for part, count in (("train", 40), ("validation", 96)):
        for label, name in enumerate(("cats", "dogs")):
            for number in range(count):
                files[f"cats_and_dogs_filtered/{part}/{name}/{name[:-1]}.{number}.jpg"] = image(
                    rng, 60, 60, label
                )
    return zipped(files)


@stands_in_for(r"kagglecatsanddogs")
def _pet_images(rng):
    files = {}
    for label, name in enumerate(("Cat", "Dog")):
        for number in range(40):
            files[f"PetImages/{name}/{number}.jpg"] = image(rng, 60, 60, label)
        files[f"PetImages/{name}/6779.jpg"] = image(rng, 60, 60, label)
    return zipped(files)


@stands_in_for(r"kaggle:dogs-vs-cats")
def _dogs_vs_cats(rng):
    train = {
        f"train/{name}.{n}.jpg": image(rng, 24, 24, k)
        for k, name in enumerate(("cat", "dog"))
        for n in range(2500)
    }
    return zipped({"train.zip": zipped(train), "sampleSubmission.csv": "id,label\n"})


@stands_in_for(r"pets/(?:data/)?(images|annotations)\.tar\.gz")
def _pets(rng, part):
    names = [f"{breed}_{number}" for breed in ("Abyssinian", "beagle", "pug") for number in range(1, 401)]
    if part == "images":
        files = {f"images/{name}.jpg": image(rng, 32, 32, row % 3) for row, name in enumerate(names)}
        return tarred({**files, "images/notes.mat": "x"})
    files = {f"annotations/trimaps/{name}.png": mask(rng, 32, 32) for name in names}
    return tarred({**files, "annotations/trimaps/._x.png": "x", "annotations/README": "x"})


@stands_in_for(r"1O7m1010EJjLE5QxLZiM9Fpjs7Oj6e684")
def _celeba(rng):
    return zipped({f"img_align_celeba/{number:06}.jpg": image(rng, 109, 89, number) for number in range(64)})


@stands_in_for(r"BSR_bsds500")
def _bsds(rng):
    files = {}
    for part, count in (("train", 12), ("val", 8), ("test", 12)):
        for number in range(count):
            files[f"BSR/BSDS500/data/images/{part}/{number}.jpg"] = image(rng, 321, 481, number)
    return tarred(files)


@stands_in_for(r"captcha_images_v2")
def _captcha(rng):
    names = {"".join(rng.choice(list("23456abcdefgmnpwxy"), 5)) for _ in range(80)}
    return zipped({f"captcha_images_v2/{name}.png": image(rng, 50, 200, 1, "PNG") for name in sorted(names)})


@stands_in_for(r"1DdGIJ4PZPlF2ikl8mNM9V-PdVxVLbQi6|lol_dataset")
def _low_light(rng):
    files = {}
    for part, count in (("our485", 420), ("eval15", 6)):
        for number in range(count):
            for kind in ("low", "high"):
                files[f"lol_dataset/{part}/{kind}/{number}.png"] = image(rng, 40, 60, number, "PNG")
    return zipped(files)


@stands_in_for(r"(1jvkbTr_giSP3Ru8OwGNCg6B4PvVbcO34|1EzBZUb_mh_Dp_FKD0P4XiYYSd0QBH5zW)")
def _looks_like(rng, number):
    side = DRIVE[number][:-4]
    return zipped({f"{side}/{number:05}.jpg": image(rng, 60, 80, number % 7) for number in range(60)})


@stands_in_for(r"instance-level-human-parsing|1B9A9UCJYMwTL4oBEo4RZfbMZMaZhKJaz")
def _people(rng):
    base = "instance-level_human_parsing/instance-level_human_parsing/Training"
    files = {}
    for number in range(1100):
        files[f"{base}/Images/{number:07}.jpg"] = image(rng, 32, 32, number % 5)
        files[f"{base}/Category_ids/{number:07}.png"] = mask(rng, 32, 32, tuple(range(20)))
    return zipped(files)


@stands_in_for(r"efrosgans\.eecs\.berkeley\.edu/pix2pix/datasets/(\w+)\.tar\.gz")
def _pix2pix(rng, name):
    files = {}
    for part, count in (("train", 8), ("test", 4), ("val", 4)):
        for number in range(1, count + 1):
            files[f"{name}/{part}/{number}.jpg"] = image(rng, 256, 512, number)
    files[f"{name}/train/100.jpg"] = image(rng, 256, 512, 3)
    return tarred(files)


@stands_in_for(r"tiny_nerf_data\.npz")
def _nerf(rng):
    poses = np.tile(np.eye(4, dtype="float32"), (25, 1, 1))
    poses[:, :3, 3] = rng.random((25, 3)) * 4
    return npz(
        images=rng.random((25, 32, 32, 3)).astype("float32"), poses=poses, focal=np.array(138.9, "float32")
    )


@stands_in_for(r"mnist_test_seq\.npy")
def _moving(rng):
    buffer = io.BytesIO()
    np.save(buffer, rng.integers(0, 256, (20, 40, 64, 64), dtype="uint8"))
    return buffer.getvalue()


@stands_in_for(r"ModelNet10\.zip")
def _meshes(rng):
    files = {"ModelNet10/README.txt": "made up"}
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
    faces = [
        (0, 1, 3),
        (0, 3, 2),
        (4, 6, 7),
        (4, 7, 5),
        (0, 4, 5),
        (0, 5, 1),
        (2, 3, 7),
        (2, 7, 6),
        (0, 2, 6),
        (0, 6, 4),
        (1, 5, 7),
        (1, 7, 3),
    ]
    for label, name in enumerate(
        ("bathtub", "bed", "chair", "desk", "dresser", "monitor", "night_stand", "sofa", "table", "toilet")
    ):
        for part, count in (("train", 8), ("test", 3)):
            for number in range(1, count + 1):
                points = corners * [1 + label, 1 + rng.random(), 2]
                text = "OFF\n8 12 0\n" + "".join(f"{x} {y} {z}\n" for x, y, z in points)
                text += "".join(f"3 {a} {b} {c}\n" for a, b, c in faces)
                files[f"ModelNet10/{name}/{part}/{name}_{number:04}.off"] = text
    return zipped(files)


@stands_in_for(r"Flickr8k_(Dataset|text)\.zip")
def _flickr(rng, part):
    names = [f"{number}_x.jpg" for number in range(150)]
    if part == "Dataset":
        return zipped(
            {f"Flicker8k_Dataset/{name}": image(rng, 60, 60, row % 5) for row, name in enumerate(names)}
        )
    lines = []
    for line in range(5 * len(names)):  # with so many words that a vocabulary of 10,000 is full
        rare = " ".join(f"word{word}" for word in range(14 * line, 14 * line + 14))
        lines.append(f"{names[line // 5]}#{line % 5}\tA {rng.choice(_WORDS)} {rare}")
    return zipped({"Flickr8k.token.txt": "\n".join(lines) + "\n"})


@stands_in_for(r"mini_speech_commands\.zip")
def _speech(rng):
    files = {}
    for label, name in enumerate(("down", "go", "left", "no", "right", "stop", "up", "yes")):
        for number in range(82):  # a fifth, halved, is still a batch of 64
            buffer = io.BytesIO()
            with wave.open(buffer, "wb") as sound:
                sound.setnchannels(1)
                sound.setsampwidth(2)
                sound.setframerate(16000)
                tone = np.sin(np.arange(16000) * (0.02 + 0.01 * label)) * 9000 + rng.normal(0, 500, 16000)
                sound.writeframes(tone.astype("<i2").tobytes())
            files[f"mini_speech_commands/{name}/{number:08x}_nohash_0.wav"] = buffer.getvalue()
            files["mini_speech_commands/no/01bb6a2a_nohash_0.wav"] = buffer.getvalue()
    return zipped({**files, "mini_speech_commands/README.md": "made up"})


@stands_in_for(r"ImageNetLabels\.txt")
def _labels(rng):
    return "\n".join(["background", *(f"thing {number}" for number in range(1000))]).encode()


@stands_in_for(r"imagenet_class_index\.json")
def _classes(rng):
    return json.dumps({str(number): [f"n{number:08}", f"thing_{number}"] for number in range(1000)}).encode()


@stands_in_for(r"(?i)\.(png)\b")
def _any_png(rng, _):
    return image(rng, 224, 300, 1, "PNG")


@stands_in_for(r"(?i)\.(jpe?g)\b|Red_sunflower|example_images/")
def _any_jpeg(rng, _=None):
    return image(rng, 224, 300, 1)
