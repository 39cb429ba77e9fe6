"""Reviews, books, sentences in two languages, vectors of words."""

from .parts import LIMITS, WORDS, sentence, stands_in_for, tarred, zipped


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
                f"{word} {' '.join(f'{value:.4f}' for value in rng.normal(0, 0.4, size))}\n" for word in WORDS
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
