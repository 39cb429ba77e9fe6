"""Convolutions, also transposed, separable and depthwise; padding, cropping and upsampling."""

from __future__ import annotations

from ... import registry
from ...legacy.old_names import answer_old_names

# in Keras 2.3 these can be imported from here too
from ..pooling import AveragePooling1D as AveragePooling1D
from ..pooling import AveragePooling2D as AveragePooling2D
from ..pooling import AveragePooling3D as AveragePooling3D
from ..pooling import MaxPooling1D as MaxPooling1D
from ..pooling import MaxPooling2D as MaxPooling2D
from ..pooling import MaxPooling3D as MaxPooling3D
from .atrous import *
from .atrous import AtrousConvolution1D, AtrousConvolution2D
from .convolutions import *
from .convolutions import Conv
from .resizing import *
from .resizing import _Cropping as _Cropping
from .resizing import _UpSampling as _UpSampling
from .resizing import _ZeroPadding as _ZeroPadding
from .separable import *
from .separable import SeparableConv
from .transposed import *

# the names of the bases in Keras 2
_Conv = Conv
_SeparableConv = SeparableConv

AtrousConv1D = AtrousConvolution1D
AtrousConv2D = AtrousConvolution2D

answer_old_names(__name__)
_BASES = ("Conv", "_Conv", "_SeparableConv", "_Cropping", "_UpSampling", "_ZeroPadding")
_POOLING = [f"{kind}Pooling{rank}D" for kind in ("Average", "Max") for rank in (1, 2, 3)]
registry.publish(globals(), "AtrousConv1D", "AtrousConv2D", *_BASES, *_POOLING)
