"""Functions of networks: ``keras.src.backend.kcompile.nn``, by family."""

from ..tensors import publish
from .activations import *
from .attention import *
from .blocks import *
from .classes import *
from .convolution import *
from .ctc import *
from .normalization import *

publish(globals(), imported=True)
