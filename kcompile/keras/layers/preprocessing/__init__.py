"""Preprocessing and augmentation as layers."""

from ... import registry
from .audio import *
from .categories import *
from .hashing import *
from .histograms import *
from .lookup import *
from .pipeline import *
from .random_colors import *
from .random_filters import *
from .random_geometry import *
from .random_mixing import *
from .random_policies import *
from .random_warps import *
from .resizing import *
from .scaling import *
from .text import *

registry.publish(globals())
