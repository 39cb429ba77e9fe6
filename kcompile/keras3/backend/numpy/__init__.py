"""``keras.src.backend.kcompile.numpy``: the functions of NumPy, written over ONNX's operators."""

from .arithmetic import *
from .creation import *
from .elementwise import *
from .indexing import *
from .logic import *
from .products import *
from .reductions import *
from .shapes import *
