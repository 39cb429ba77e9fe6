"""VGG19 (Simonyan, Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition, 2014)."""

from __future__ import annotations

from ..legacy.old_names import answer_old_names
from ..training.model import Model
from ._building import Application, architecture
from ._weights import STORAGE, standard_files
from .imagenet_utils import decode_predictions, preprocess_input
from .vgg16 import vgg

__all__ = ["VGG19", "decode_predictions", "preprocess_input"]

_FILES = standard_files(
    "vgg19", f"{STORAGE}vgg19/", ("cbe5617147190e668d6c5d5026f83318", "253f8cb515780f3b799900260a226db6")
)


@architecture(Application, "vgg19")
def VGG19(app: Application) -> Model:
    """VGG19 for images of 224x224 (at least 32x32 without the top); preprocess_input's mode is "caffe"."""
    return vgg(app, (2, 2, 4, 4, 4), _FILES)


answer_old_names(__name__, ["layers"])
