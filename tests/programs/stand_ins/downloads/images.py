"""Images, with what belongs to them, and sounds."""

import io
import json
import wave

import numpy as np

from .parts import DRIVE, PUBLISHED_WEIGHTS, WORDS, image, mask, npz, stands_in_for, tarred, zipped


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
        lines.append(f"{names[line // 5]}#{line % 5}\tA {rng.choice(WORDS)} {rare}")
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
