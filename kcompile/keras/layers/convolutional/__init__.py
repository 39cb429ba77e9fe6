"""Convolutions, also transposed, separable and depthwise; padding, cropping and upsampling."""

from __future__ import annotations

from ...legacy.old_names import answer_old_names
from ..pooling import (  # in Keras 2.3 they can be imported from here too
    AveragePooling1D,
    AveragePooling2D,
    AveragePooling3D,
    MaxPooling1D,
    MaxPooling2D,
    MaxPooling3D,
)
from .atrous import AtrousConvolution1D, AtrousConvolution2D
from .convolutions import Conv, Conv1D, Conv2D, Conv3D
from .resizing import (
    Cropping1D,
    Cropping2D,
    Cropping3D,
    UpSampling1D,
    UpSampling2D,
    UpSampling3D,
    ZeroPadding1D,
    ZeroPadding2D,
    ZeroPadding3D,
    _Cropping,
    _UpSampling,
    _ZeroPadding,
)
from .separable import DepthwiseConv1D, DepthwiseConv2D, SeparableConv, SeparableConv1D, SeparableConv2D
from .transposed import Conv1DTranspose, Conv2DTranspose, Conv3DTranspose

# the names of the bases in Keras 2
_Conv = Conv
_SeparableConv = SeparableConv

Convolution1D = Conv1D
Convolution1DTranspose = Conv1DTranspose
Convolution2D = Conv2D
Convolution3D = Conv3D
SeparableConvolution1D = SeparableConv1D
SeparableConvolution2D = SeparableConv2D
Convolution2DTranspose = Deconvolution2D = Deconv2D = Conv2DTranspose
Convolution3DTranspose = Deconvolution3D = Deconv3D = Conv3DTranspose
DepthwiseConvolution2D = DepthwiseConv2D
AtrousConv1D = AtrousConvolution1D
AtrousConv2D = AtrousConvolution2D

__all__ = [
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "Conv1DTranspose",
    "Convolution1DTranspose",
    "DepthwiseConv1D",
    "AtrousConv1D",
    "AtrousConv2D",
    "AtrousConvolution1D",
    "AtrousConvolution2D",
    "_Conv",
    "_Cropping",
    "_SeparableConv",
    "_UpSampling",
    "_ZeroPadding",
    "Conv",
    "Conv1D",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Conv3DTranspose",
    "Convolution1D",
    "Convolution2D",
    "Convolution2DTranspose",
    "Convolution3D",
    "Convolution3DTranspose",
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "Deconv2D",
    "Deconv3D",
    "Deconvolution2D",
    "Deconvolution3D",
    "DepthwiseConv2D",
    "DepthwiseConvolution2D",
    "SeparableConv1D",
    "SeparableConv2D",
    "SeparableConvolution1D",
    "SeparableConvolution2D",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
]

answer_old_names(__name__)
