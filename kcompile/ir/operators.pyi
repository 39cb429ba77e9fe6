"""The operators of ONNX's standard set, version 21, as methods: the types of ``kcompile.ir.op``.

Read by type checkers and editors alone; ``kcompile.ir.emission`` is what runs.
"""

# Made by: python -m tests.ir.operator_stubs kcompile/ir/operators.pyi

from collections.abc import Sequence
from typing import Literal, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike
from onnx import SparseTensorProto, TensorProto

from .graph import Body
from .values import Value

Input: TypeAlias = Value | ArrayLike
Int: TypeAlias = int | np.integer | np.bool_
Float: TypeAlias = float | np.floating | np.integer

class Operators:
    def Abs(self, X: Input, /) -> Value:
        """Abs-13: https://onnx.ai/onnx/operators/onnx__Abs.html"""

    def Acos(self, input: Input, /) -> Value:
        """Acos-7: https://onnx.ai/onnx/operators/onnx__Acos.html"""

    def Acosh(self, input: Input, /) -> Value:
        """Acosh-9: https://onnx.ai/onnx/operators/onnx__Acosh.html"""

    def Add(self, A: Input, B: Input, /) -> Value:
        """Add-14: https://onnx.ai/onnx/operators/onnx__Add.html"""

    def AffineGrid(self, theta: Input, size: Input, /, *, align_corners: Int | None = 0) -> Value:
        """AffineGrid-20: https://onnx.ai/onnx/operators/onnx__AffineGrid.html"""

    def And(self, A: Input, B: Input, /) -> Value:
        """And-7: https://onnx.ai/onnx/operators/onnx__And.html"""

    def ArgMax(
        self,
        data: Input,
        /,
        *,
        axis: Int | None = 0,
        keepdims: Int | None = 1,
        select_last_index: Int | None = 0,
    ) -> Value:
        """ArgMax-13: https://onnx.ai/onnx/operators/onnx__ArgMax.html"""

    def ArgMin(
        self,
        data: Input,
        /,
        *,
        axis: Int | None = 0,
        keepdims: Int | None = 1,
        select_last_index: Int | None = 0,
    ) -> Value:
        """ArgMin-13: https://onnx.ai/onnx/operators/onnx__ArgMin.html"""

    def Asin(self, input: Input, /) -> Value:
        """Asin-7: https://onnx.ai/onnx/operators/onnx__Asin.html"""

    def Asinh(self, input: Input, /) -> Value:
        """Asinh-9: https://onnx.ai/onnx/operators/onnx__Asinh.html"""

    def Atan(self, input: Input, /) -> Value:
        """Atan-7: https://onnx.ai/onnx/operators/onnx__Atan.html"""

    def Atanh(self, input: Input, /) -> Value:
        """Atanh-9: https://onnx.ai/onnx/operators/onnx__Atanh.html"""

    def AveragePool(
        self,
        X: Input,
        /,
        *,
        kernel_shape: Sequence[Int] | np.ndarray,
        auto_pad: str | bytes | None = "NOTSET",
        ceil_mode: Int | None = 0,
        count_include_pad: Int | None = 0,
        dilations: Sequence[Int] | np.ndarray | None = None,
        pads: Sequence[Int] | np.ndarray | None = None,
        strides: Sequence[Int] | np.ndarray | None = None,
    ) -> Value:
        """AveragePool-19: https://onnx.ai/onnx/operators/onnx__AveragePool.html"""

    @overload
    def BatchNormalization(
        self,
        X: Input,
        scale: Input,
        B: Input,
        input_mean: Input,
        input_var: Input,
        /,
        *,
        epsilon: Float | None = 1e-05,
        momentum: Float | None = 0.9,
        training_mode: Int | None = 0,
        outputs: Literal[1] | None = None,
    ) -> Value:
        """BatchNormalization-15: https://onnx.ai/onnx/operators/onnx__BatchNormalization.html"""

    @overload
    def BatchNormalization(
        self,
        X: Input,
        scale: Input,
        B: Input,
        input_mean: Input,
        input_var: Input,
        /,
        *,
        epsilon: Float | None = 1e-05,
        momentum: Float | None = 0.9,
        training_mode: Int | None = 0,
        outputs: Literal[2],
    ) -> tuple[Value, Value]:
        """BatchNormalization-15: https://onnx.ai/onnx/operators/onnx__BatchNormalization.html"""

    @overload
    def BatchNormalization(
        self,
        X: Input,
        scale: Input,
        B: Input,
        input_mean: Input,
        input_var: Input,
        /,
        *,
        epsilon: Float | None = 1e-05,
        momentum: Float | None = 0.9,
        training_mode: Int | None = 0,
        outputs: Literal[3],
    ) -> tuple[Value, Value, Value]:
        """BatchNormalization-15: https://onnx.ai/onnx/operators/onnx__BatchNormalization.html"""

    @overload
    def BatchNormalization(
        self,
        X: Input,
        scale: Input,
        B: Input,
        input_mean: Input,
        input_var: Input,
        /,
        *,
        epsilon: Float | None = 1e-05,
        momentum: Float | None = 0.9,
        training_mode: Int | None = 0,
        outputs: int,
    ) -> Value | tuple[Value, ...]:
        """BatchNormalization-15: https://onnx.ai/onnx/operators/onnx__BatchNormalization.html"""

    def Bernoulli(self, input: Input, /, *, dtype: Int | None = None, seed: Float | None = None) -> Value:
        """Bernoulli-15: https://onnx.ai/onnx/operators/onnx__Bernoulli.html"""

    def BitShift(self, X: Input, Y: Input, /, *, direction: str | bytes) -> Value:
        """BitShift-11: https://onnx.ai/onnx/operators/onnx__BitShift.html"""

    def BitwiseAnd(self, A: Input, B: Input, /) -> Value:
        """BitwiseAnd-18: https://onnx.ai/onnx/operators/onnx__BitwiseAnd.html"""

    def BitwiseNot(self, X: Input, /) -> Value:
        """BitwiseNot-18: https://onnx.ai/onnx/operators/onnx__BitwiseNot.html"""

    def BitwiseOr(self, A: Input, B: Input, /) -> Value:
        """BitwiseOr-18: https://onnx.ai/onnx/operators/onnx__BitwiseOr.html"""

    def BitwiseXor(self, A: Input, B: Input, /) -> Value:
        """BitwiseXor-18: https://onnx.ai/onnx/operators/onnx__BitwiseXor.html"""

    def BlackmanWindow(
        self,
        size: Input,
        /,
        *,
        output_datatype: Int | None = 1,
        periodic: Int | None = 1,
    ) -> Value:
        """BlackmanWindow-17: https://onnx.ai/onnx/operators/onnx__BlackmanWindow.html"""

    def Cast(self, input: Input, /, *, to: Int, saturate: Int | None = 1) -> Value:
        """Cast-21: https://onnx.ai/onnx/operators/onnx__Cast.html"""

    def CastLike(self, input: Input, target_type: Input, /, *, saturate: Int | None = 1) -> Value:
        """CastLike-21: https://onnx.ai/onnx/operators/onnx__CastLike.html"""

    def Ceil(self, X: Input, /) -> Value:
        """Ceil-13: https://onnx.ai/onnx/operators/onnx__Ceil.html"""

    def Celu(self, X: Input, /, *, alpha: Float | None = 1.0) -> Value:
        """Celu-12: https://onnx.ai/onnx/operators/onnx__Celu.html"""

    def CenterCropPad(
        self,
        input_data: Input,
        shape: Input,
        /,
        *,
        axes: Sequence[Int] | np.ndarray | None = None,
    ) -> Value:
        """CenterCropPad-18: https://onnx.ai/onnx/operators/onnx__CenterCropPad.html"""

    def Clip(self, input: Input, min: Input | None = None, max: Input | None = None, /) -> Value:
        """Clip-13: https://onnx.ai/onnx/operators/onnx__Clip.html"""

    def Col2Im(
        self,
        input: Input,
        image_shape: Input,
        block_shape: Input,
        /,
        *,
        dilations: Sequence[Int] | np.ndarray | None = None,
        pads: Sequence[Int] | np.ndarray | None = None,
        strides: Sequence[Int] | np.ndarray | None = None,
    ) -> Value:
        """Col2Im-18: https://onnx.ai/onnx/operators/onnx__Col2Im.html"""

    def Compress(self, input: Input, condition: Input, /, *, axis: Int | None = None) -> Value:
        """Compress-11: https://onnx.ai/onnx/operators/onnx__Compress.html"""

    def Concat(self, *inputs: Input, axis: Int) -> Value:
        """Concat-13: https://onnx.ai/onnx/operators/onnx__Concat.html"""

    def Constant(
        self,
        *,
        sparse_value: SparseTensorProto | None = None,
        value: np.ndarray | TensorProto | None = None,
        value_float: Float | None = None,
        value_floats: Sequence[Float] | np.ndarray | None = None,
        value_int: Int | None = None,
        value_ints: Sequence[Int] | np.ndarray | None = None,
        value_string: str | bytes | None = None,
        value_strings: Sequence[str | bytes] | None = None,
    ) -> Value:
        """Constant-21: https://onnx.ai/onnx/operators/onnx__Constant.html"""

    def ConstantOfShape(self, input: Input, /, *, value: np.ndarray | TensorProto | None = None) -> Value:
        """ConstantOfShape-21: https://onnx.ai/onnx/operators/onnx__ConstantOfShape.html"""

    def Conv(
        self,
        X: Input,
        W: Input,
        B: Input | None = None,
        /,
        *,
        auto_pad: str | bytes | None = "NOTSET",
        dilations: Sequence[Int] | np.ndarray | None = None,
        group: Int | None = 1,
        kernel_shape: Sequence[Int] | np.ndarray | None = None,
        pads: Sequence[Int] | np.ndarray | None = None,
        strides: Sequence[Int] | np.ndarray | None = None,
    ) -> Value:
        """Conv-11: https://onnx.ai/onnx/operators/onnx__Conv.html"""

    def ConvInteger(
        self,
        x: Input,
        w: Input,
        x_zero_point: Input | None = None,
        w_zero_point: Input | None = None,
        /,
        *,
        auto_pad: str | bytes | None = "NOTSET",
        dilations: Sequence[Int] | np.ndarray | None = None,
        group: Int | None = 1,
        kernel_shape: Sequence[Int] | np.ndarray | None = None,
        pads: Sequence[Int] | np.ndarray | None = None,
        strides: Sequence[Int] | np.ndarray | None = None,
    ) -> Value:
        """ConvInteger-10: https://onnx.ai/onnx/operators/onnx__ConvInteger.html"""

    def ConvTranspose(
        self,
        X: Input,
        W: Input,
        B: Input | None = None,
        /,
        *,
        auto_pad: str | bytes | None = "NOTSET",
        dilations: Sequence[Int] | np.ndarray | None = None,
        group: Int | None = 1,
        kernel_shape: Sequence[Int] | np.ndarray | None = None,
        output_padding: Sequence[Int] | np.ndarray | None = None,
        output_shape: Sequence[Int] | np.ndarray | None = None,
        pads: Sequence[Int] | np.ndarray | None = None,
        strides: Sequence[Int] | np.ndarray | None = None,
    ) -> Value:
        """ConvTranspose-11: https://onnx.ai/onnx/operators/onnx__ConvTranspose.html"""

    def Cos(self, input: Input, /) -> Value:
        """Cos-7: https://onnx.ai/onnx/operators/onnx__Cos.html"""

    def Cosh(self, input: Input, /) -> Value:
        """Cosh-9: https://onnx.ai/onnx/operators/onnx__Cosh.html"""

    def CumSum(
        self,
        x: Input,
        axis: Input,
        /,
        *,
        exclusive: Int | None = 0,
        reverse: Int | None = 0,
    ) -> Value:
        """CumSum-14: https://onnx.ai/onnx/operators/onnx__CumSum.html"""

    def DFT(
        self,
        input: Input,
        dft_length: Input | None = None,
        axis: Input | None = None,
        /,
        *,
        inverse: Int | None = 0,
        onesided: Int | None = 0,
    ) -> Value:
        """DFT-20: https://onnx.ai/onnx/operators/onnx__DFT.html"""

    def DeformConv(
        self,
        X: Input,
        W: Input,
        offset: Input,
        B: Input | None = None,
        mask: Input | None = None,
        /,
        *,
        dilations: Sequence[Int] | np.ndarray | None = None,
        group: Int | None = 1,
        kernel_shape: Sequence[Int] | np.ndarray | None = None,
        offset_group: Int | None = 1,
        pads: Sequence[Int] | np.ndarray | None = None,
        strides: Sequence[Int] | np.ndarray | None = None,
    ) -> Value:
        """DeformConv-19: https://onnx.ai/onnx/operators/onnx__DeformConv.html"""

    def DepthToSpace(self, input: Input, /, *, blocksize: Int, mode: str | bytes | None = "DCR") -> Value:
        """DepthToSpace-13: https://onnx.ai/onnx/operators/onnx__DepthToSpace.html"""

    def DequantizeLinear(
        self,
        x: Input,
        x_scale: Input,
        x_zero_point: Input | None = None,
        /,
        *,
        axis: Int | None = 1,
        block_size: Int | None = 0,
    ) -> Value:
        """DequantizeLinear-21: https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html"""

    def Det(self, X: Input, /) -> Value:
        """Det-11: https://onnx.ai/onnx/operators/onnx__Det.html"""

    def Div(self, A: Input, B: Input, /) -> Value:
        """Div-14: https://onnx.ai/onnx/operators/onnx__Div.html"""

    @overload
    def Dropout(
        self,
        data: Input,
        ratio: Input | None = None,
        training_mode: Input | None = None,
        /,
        *,
        seed: Int | None = None,
        outputs: Literal[1] | None = None,
    ) -> Value:
        """Dropout-13: https://onnx.ai/onnx/operators/onnx__Dropout.html"""

    @overload
    def Dropout(
        self,
        data: Input,
        ratio: Input | None = None,
        training_mode: Input | None = None,
        /,
        *,
        seed: Int | None = None,
        outputs: Literal[2],
    ) -> tuple[Value, Value]:
        """Dropout-13: https://onnx.ai/onnx/operators/onnx__Dropout.html"""

    @overload
    def Dropout(
        self,
        data: Input,
        ratio: Input | None = None,
        training_mode: Input | None = None,
        /,
        *,
        seed: Int | None = None,
        outputs: int,
    ) -> Value | tuple[Value, ...]:
        """Dropout-13: https://onnx.ai/onnx/operators/onnx__Dropout.html"""

    @overload
    def DynamicQuantizeLinear(self, x: Input, /, *, outputs: Literal[1]) -> Value:
        """DynamicQuantizeLinear-11: https://onnx.ai/onnx/operators/onnx__DynamicQuantizeLinear.html"""

    @overload
    def DynamicQuantizeLinear(self, x: Input, /, *, outputs: Literal[2]) -> tuple[Value, Value]:
        """DynamicQuantizeLinear-11: https://onnx.ai/onnx/operators/onnx__DynamicQuantizeLinear.html"""

    @overload
    def DynamicQuantizeLinear(
        self,
        x: Input,
        /,
        *,
        outputs: Literal[3] | None = None,
    ) -> tuple[Value, Value, Value]:
        """DynamicQuantizeLinear-11: https://onnx.ai/onnx/operators/onnx__DynamicQuantizeLinear.html"""

    @overload
    def DynamicQuantizeLinear(self, x: Input, /, *, outputs: int) -> Value | tuple[Value, ...]:
        """DynamicQuantizeLinear-11: https://onnx.ai/onnx/operators/onnx__DynamicQuantizeLinear.html"""

    def Einsum(self, *Inputs: Input, equation: str | bytes) -> Value:
        """Einsum-12: https://onnx.ai/onnx/operators/onnx__Einsum.html"""

    def Elu(self, X: Input, /, *, alpha: Float | None = 1.0) -> Value:
        """Elu-6: https://onnx.ai/onnx/operators/onnx__Elu.html"""

    def Equal(self, A: Input, B: Input, /) -> Value:
        """Equal-19: https://onnx.ai/onnx/operators/onnx__Equal.html"""

    def Erf(self, input: Input, /) -> Value:
        """Erf-13: https://onnx.ai/onnx/operators/onnx__Erf.html"""

    def Exp(self, input: Input, /) -> Value:
        """Exp-13: https://onnx.ai/onnx/operators/onnx__Exp.html"""

    def Expand(self, input: Input, shape: Input, /) -> Value:
        """Expand-13: https://onnx.ai/onnx/operators/onnx__Expand.html"""

    def EyeLike(self, input: Input, /, *, dtype: Int | None = None, k: Int | None = 0) -> Value:
        """EyeLike-9: https://onnx.ai/onnx/operators/onnx__EyeLike.html"""

    def Flatten(self, input: Input, /, *, axis: Int | None = 1) -> Value:
        """Flatten-21: https://onnx.ai/onnx/operators/onnx__Flatten.html"""

    def Floor(self, X: Input, /) -> Value:
        """Floor-13: https://onnx.ai/onnx/operators/onnx__Floor.html"""

    @overload
    def GRU(
        self,
        X: Input,
        W: Input,
        R: Input,
        B: Input | None = None,
        sequence_lens: Input | None = None,
        initial_h: Input | None = None,
        /,
        *,
        activation_alpha: Sequence[Float] | np.ndarray | None = None,
        activation_beta: Sequence[Float] | np.ndarray | None = None,
        activations: Sequence[str | bytes] | None = None,
        clip: Float | None = None,
        direction: str | bytes | None = "forward",
        hidden_size: Int | None = None,
        layout: Int | None = 0,
        linear_before_reset: Int | None = 0,
        outputs: Literal[1] | None = None,
    ) -> Value:
        """GRU-14: https://onnx.ai/onnx/operators/onnx__GRU.html"""

    @overload
    def GRU(
        self,
        X: Input,
        W: Input,
        R: Input,
        B: Input | None = None,
        sequence_lens: Input | None = None,
        initial_h: Input | None = None,
        /,
        *,
        activation_alpha: Sequence[Float] | np.ndarray | None = None,
        activation_beta: Sequence[Float] | np.ndarray | None = None,
        activations: Sequence[str | bytes] | None = None,
        clip: Float | None = None,
        direction: str | bytes | None = "forward",
        hidden_size: Int | None = None,
        layout: Int | None = 0,
        linear_before_reset: Int | None = 0,
        outputs: Literal[2],
    ) -> tuple[Value, Value]:
        """GRU-14: https://onnx.ai/onnx/operators/onnx__GRU.html"""

    @overload
    def GRU(
        self,
        X: Input,
        W: Input,
        R: Input,
        B: Input | None = None,
        sequence_lens: Input | None = None,
        initial_h: Input | None = None,
        /,
        *,
        activation_alpha: Sequence[Float] | np.ndarray | None = None,
        activation_beta: Sequence[Float] | np.ndarray | None = None,
        activations: Sequence[str | bytes] | None = None,
        clip: Float | None = None,
        direction: str | bytes | None = "forward",
        hidden_size: Int | None = None,
        layout: Int | None = 0,
        linear_before_reset: Int | None = 0,
        outputs: int,
    ) -> Value | tuple[Value, ...]:
        """GRU-14: https://onnx.ai/onnx/operators/onnx__GRU.html"""

    def Gather(self, data: Input, indices: Input, /, *, axis: Int | None = 0) -> Value:
        """Gather-13: https://onnx.ai/onnx/operators/onnx__Gather.html"""

    def GatherElements(self, data: Input, indices: Input, /, *, axis: Int | None = 0) -> Value:
        """GatherElements-13: https://onnx.ai/onnx/operators/onnx__GatherElements.html"""

    def GatherND(self, data: Input, indices: Input, /, *, batch_dims: Int | None = 0) -> Value:
        """GatherND-13: https://onnx.ai/onnx/operators/onnx__GatherND.html"""

    def Gelu(self, X: Input, /, *, approximate: str | bytes | None = "none") -> Value:
        """Gelu-20: https://onnx.ai/onnx/operators/onnx__Gelu.html"""

    def Gemm(
        self,
        A: Input,
        B: Input,
        C: Input | None = None,
        /,
        *,
        alpha: Float | None = 1.0,
        beta: Float | None = 1.0,
        transA: Int | None = 0,
        transB: Int | None = 0,
    ) -> Value:
        """Gemm-13: https://onnx.ai/onnx/operators/onnx__Gemm.html"""

    def GlobalAveragePool(self, X: Input, /) -> Value:
        """GlobalAveragePool-1: https://onnx.ai/onnx/operators/onnx__GlobalAveragePool.html"""

    def GlobalLpPool(self, X: Input, /, *, p: Int | None = 2) -> Value:
        """GlobalLpPool-2: https://onnx.ai/onnx/operators/onnx__GlobalLpPool.html"""

    def GlobalMaxPool(self, X: Input, /) -> Value:
        """GlobalMaxPool-1: https://onnx.ai/onnx/operators/onnx__GlobalMaxPool.html"""

    def Greater(self, A: Input, B: Input, /) -> Value:
        """Greater-13: https://onnx.ai/onnx/operators/onnx__Greater.html"""

    def GreaterOrEqual(self, A: Input, B: Input, /) -> Value:
        """GreaterOrEqual-16: https://onnx.ai/onnx/operators/onnx__GreaterOrEqual.html"""

    def GridSample(
        self,
        X: Input,
        grid: Input,
        /,
        *,
        align_corners: Int | None = 0,
        mode: str | bytes | None = "linear",
        padding_mode: str | bytes | None = "zeros",
    ) -> Value:
        """GridSample-20: https://onnx.ai/onnx/operators/onnx__GridSample.html"""

    def GroupNormalization(
        self,
        X: Input,
        scale: Input,
        bias: Input,
        /,
        *,
        num_groups: Int,
        epsilon: Float | None = 1e-05,
        stash_type: Int | None = 1,
    ) -> Value:
        """GroupNormalization-21: https://onnx.ai/onnx/operators/onnx__GroupNormalization.html"""

    def HammingWindow(
        self,
        size: Input,
        /,
        *,
        output_datatype: Int | None = 1,
        periodic: Int | None = 1,
    ) -> Value:
        """HammingWindow-17: https://onnx.ai/onnx/operators/onnx__HammingWindow.html"""

    def HannWindow(
        self,
        size: Input,
        /,
        *,
        output_datatype: Int | None = 1,
        periodic: Int | None = 1,
    ) -> Value:
        """HannWindow-17: https://onnx.ai/onnx/operators/onnx__HannWindow.html"""

    def HardSigmoid(self, X: Input, /, *, alpha: Float | None = 0.2, beta: Float | None = 0.5) -> Value:
        """HardSigmoid-6: https://onnx.ai/onnx/operators/onnx__HardSigmoid.html"""

    def HardSwish(self, X: Input, /) -> Value:
        """HardSwish-14: https://onnx.ai/onnx/operators/onnx__HardSwish.html"""

    def Hardmax(self, input: Input, /, *, axis: Int | None = -1) -> Value:
        """Hardmax-13: https://onnx.ai/onnx/operators/onnx__Hardmax.html"""

    def Identity(self, input: Input, /) -> Value:
        """Identity-21: https://onnx.ai/onnx/operators/onnx__Identity.html"""

    @overload
    def If(
        self,
        cond: Input,
        /,
        *,
        else_branch: Body,
        then_branch: Body,
        outputs: Literal[1] | None = None,
    ) -> Value:
        """If-21: https://onnx.ai/onnx/operators/onnx__If.html"""

    @overload
    def If(
        self,
        cond: Input,
        /,
        *,
        else_branch: Body,
        then_branch: Body,
        outputs: Literal[2],
    ) -> tuple[Value, Value]:
        """If-21: https://onnx.ai/onnx/operators/onnx__If.html"""

    @overload
    def If(
        self,
        cond: Input,
        /,
        *,
        else_branch: Body,
        then_branch: Body,
        outputs: Literal[3],
    ) -> tuple[Value, Value, Value]:
        """If-21: https://onnx.ai/onnx/operators/onnx__If.html"""

    @overload
    def If(
        self,
        cond: Input,
        /,
        *,
        else_branch: Body,
        then_branch: Body,
        outputs: Literal[4],
    ) -> tuple[Value, Value, Value, Value]:
        """If-21: https://onnx.ai/onnx/operators/onnx__If.html"""

    @overload
    def If(
        self,
        cond: Input,
        /,
        *,
        else_branch: Body,
        then_branch: Body,
        outputs: int,
    ) -> Value | tuple[Value, ...]:
        """If-21: https://onnx.ai/onnx/operators/onnx__If.html"""

    def ImageDecoder(self, encoded_stream: Input, /, *, pixel_format: str | bytes | None = "RGB") -> Value:
        """ImageDecoder-20: https://onnx.ai/onnx/operators/onnx__ImageDecoder.html"""

    def InstanceNormalization(
        self,
        input: Input,
        scale: Input,
        B: Input,
        /,
        *,
        epsilon: Float | None = 1e-05,
    ) -> Value:
        """InstanceNormalization-6: https://onnx.ai/onnx/operators/onnx__InstanceNormalization.html"""

    def IsInf(
        self,
        X: Input,
        /,
        *,
        detect_negative: Int | None = 1,
        detect_positive: Int | None = 1,
    ) -> Value:
        """IsInf-20: https://onnx.ai/onnx/operators/onnx__IsInf.html"""

    def IsNaN(self, X: Input, /) -> Value:
        """IsNaN-20: https://onnx.ai/onnx/operators/onnx__IsNaN.html"""

    def LRN(
        self,
        X: Input,
        /,
        *,
        size: Int,
        alpha: Float | None = 0.0001,
        beta: Float | None = 0.75,
        bias: Float | None = 1.0,
    ) -> Value:
        """LRN-13: https://onnx.ai/onnx/operators/onnx__LRN.html"""

    @overload
    def LSTM(
        self,
        X: Input,
        W: Input,
        R: Input,
        B: Input | None = None,
        sequence_lens: Input | None = None,
        initial_h: Input | None = None,
        initial_c: Input | None = None,
        P: Input | None = None,
        /,
        *,
        activation_alpha: Sequence[Float] | np.ndarray | None = None,
        activation_beta: Sequence[Float] | np.ndarray | None = None,
        activations: Sequence[str | bytes] | None = None,
        clip: Float | None = None,
        direction: str | bytes | None = "forward",
        hidden_size: Int | None = None,
        input_forget: Int | None = 0,
        layout: Int | None = 0,
        outputs: Literal[1] | None = None,
    ) -> Value:
        """LSTM-14: https://onnx.ai/onnx/operators/onnx__LSTM.html"""

    @overload
    def LSTM(
        self,
        X: Input,
        W: Input,
        R: Input,
        B: Input | None = None,
        sequence_lens: Input | None = None,
        initial_h: Input | None = None,
        initial_c: Input | None = None,
        P: Input | None = None,
        /,
        *,
        activation_alpha: Sequence[Float] | np.ndarray | None = None,
        activation_beta: Sequence[Float] | np.ndarray | None = None,
        activations: Sequence[str | bytes] | None = None,
        clip: Float | None = None,
        direction: str | bytes | None = "forward",
        hidden_size: Int | None = None,
        input_forget: Int | None = 0,
        layout: Int | None = 0,
        outputs: Literal[2],
    ) -> tuple[Value, Value]:
        """LSTM-14: https://onnx.ai/onnx/operators/onnx__LSTM.html"""

    @overload
    def LSTM(
        self,
        X: Input,
        W: Input,
        R: Input,
        B: Input | None = None,
        sequence_lens: Input | None = None,
        initial_h: Input | None = None,
        initial_c: Input | None = None,
        P: Input | None = None,
        /,
        *,
        activation_alpha: Sequence[Float] | np.ndarray | None = None,
        activation_beta: Sequence[Float] | np.ndarray | None = None,
        activations: Sequence[str | bytes] | None = None,
        clip: Float | None = None,
        direction: str | bytes | None = "forward",
        hidden_size: Int | None = None,
        input_forget: Int | None = 0,
        layout: Int | None = 0,
        outputs: Literal[3],
    ) -> tuple[Value, Value, Value]:
        """LSTM-14: https://onnx.ai/onnx/operators/onnx__LSTM.html"""

    @overload
    def LSTM(
        self,
        X: Input,
        W: Input,
        R: Input,
        B: Input | None = None,
        sequence_lens: Input | None = None,
        initial_h: Input | None = None,
        initial_c: Input | None = None,
        P: Input | None = None,
        /,
        *,
        activation_alpha: Sequence[Float] | np.ndarray | None = None,
        activation_beta: Sequence[Float] | np.ndarray | None = None,
        activations: Sequence[str | bytes] | None = None,
        clip: Float | None = None,
        direction: str | bytes | None = "forward",
        hidden_size: Int | None = None,
        input_forget: Int | None = 0,
        layout: Int | None = 0,
        outputs: int,
    ) -> Value | tuple[Value, ...]:
        """LSTM-14: https://onnx.ai/onnx/operators/onnx__LSTM.html"""

    @overload
    def LayerNormalization(
        self,
        X: Input,
        Scale: Input,
        B: Input | None = None,
        /,
        *,
        axis: Int | None = -1,
        epsilon: Float | None = 1e-05,
        stash_type: Int | None = 1,
        outputs: Literal[1] | None = None,
    ) -> Value:
        """LayerNormalization-17: https://onnx.ai/onnx/operators/onnx__LayerNormalization.html"""

    @overload
    def LayerNormalization(
        self,
        X: Input,
        Scale: Input,
        B: Input | None = None,
        /,
        *,
        axis: Int | None = -1,
        epsilon: Float | None = 1e-05,
        stash_type: Int | None = 1,
        outputs: Literal[2],
    ) -> tuple[Value, Value]:
        """LayerNormalization-17: https://onnx.ai/onnx/operators/onnx__LayerNormalization.html"""

    @overload
    def LayerNormalization(
        self,
        X: Input,
        Scale: Input,
        B: Input | None = None,
        /,
        *,
        axis: Int | None = -1,
        epsilon: Float | None = 1e-05,
        stash_type: Int | None = 1,
        outputs: Literal[3],
    ) -> tuple[Value, Value, Value]:
        """LayerNormalization-17: https://onnx.ai/onnx/operators/onnx__LayerNormalization.html"""

    @overload
    def LayerNormalization(
        self,
        X: Input,
        Scale: Input,
        B: Input | None = None,
        /,
        *,
        axis: Int | None = -1,
        epsilon: Float | None = 1e-05,
        stash_type: Int | None = 1,
        outputs: int,
    ) -> Value | tuple[Value, ...]:
        """LayerNormalization-17: https://onnx.ai/onnx/operators/onnx__LayerNormalization.html"""

    def LeakyRelu(self, X: Input, /, *, alpha: Float | None = 0.01) -> Value:
        """LeakyRelu-16: https://onnx.ai/onnx/operators/onnx__LeakyRelu.html"""

    def Less(self, A: Input, B: Input, /) -> Value:
        """Less-13: https://onnx.ai/onnx/operators/onnx__Less.html"""

    def LessOrEqual(self, A: Input, B: Input, /) -> Value:
        """LessOrEqual-16: https://onnx.ai/onnx/operators/onnx__LessOrEqual.html"""

    def Log(self, input: Input, /) -> Value:
        """Log-13: https://onnx.ai/onnx/operators/onnx__Log.html"""

    def LogSoftmax(self, input: Input, /, *, axis: Int | None = -1) -> Value:
        """LogSoftmax-13: https://onnx.ai/onnx/operators/onnx__LogSoftmax.html"""

    @overload
    def Loop(
        self,
        M: Input | None = None,
        cond: Input | None = None,
        /,
        *v_initial: Input,
        body: Body,
        outputs: Literal[1] | None = None,
    ) -> Value:
        """Loop-21: https://onnx.ai/onnx/operators/onnx__Loop.html"""

    @overload
    def Loop(
        self,
        M: Input | None = None,
        cond: Input | None = None,
        /,
        *v_initial: Input,
        body: Body,
        outputs: Literal[2],
    ) -> tuple[Value, Value]:
        """Loop-21: https://onnx.ai/onnx/operators/onnx__Loop.html"""

    @overload
    def Loop(
        self,
        M: Input | None = None,
        cond: Input | None = None,
        /,
        *v_initial: Input,
        body: Body,
        outputs: Literal[3],
    ) -> tuple[Value, Value, Value]:
        """Loop-21: https://onnx.ai/onnx/operators/onnx__Loop.html"""

    @overload
    def Loop(
        self,
        M: Input | None = None,
        cond: Input | None = None,
        /,
        *v_initial: Input,
        body: Body,
        outputs: Literal[4],
    ) -> tuple[Value, Value, Value, Value]:
        """Loop-21: https://onnx.ai/onnx/operators/onnx__Loop.html"""

    @overload
    def Loop(
        self,
        M: Input | None = None,
        cond: Input | None = None,
        /,
        *v_initial: Input,
        body: Body,
        outputs: int,
    ) -> Value | tuple[Value, ...]:
        """Loop-21: https://onnx.ai/onnx/operators/onnx__Loop.html"""

    def LpNormalization(self, input: Input, /, *, axis: Int | None = -1, p: Int | None = 2) -> Value:
        """LpNormalization-1: https://onnx.ai/onnx/operators/onnx__LpNormalization.html"""

    def LpPool(
        self,
        X: Input,
        /,
        *,
        kernel_shape: Sequence[Int] | np.ndarray,
        auto_pad: str | bytes | None = "NOTSET",
        ceil_mode: Int | None = 0,
        dilations: Sequence[Int] | np.ndarray | None = None,
        p: Int | None = 2,
        pads: Sequence[Int] | np.ndarray | None = None,
        strides: Sequence[Int] | np.ndarray | None = None,
    ) -> Value:
        """LpPool-18: https://onnx.ai/onnx/operators/onnx__LpPool.html"""

    def MatMul(self, A: Input, B: Input, /) -> Value:
        """MatMul-13: https://onnx.ai/onnx/operators/onnx__MatMul.html"""

    def MatMulInteger(
        self,
        A: Input,
        B: Input,
        a_zero_point: Input | None = None,
        b_zero_point: Input | None = None,
        /,
    ) -> Value:
        """MatMulInteger-10: https://onnx.ai/onnx/operators/onnx__MatMulInteger.html"""

    def Max(self, *data_0: Input) -> Value:
        """Max-13: https://onnx.ai/onnx/operators/onnx__Max.html"""

    @overload
    def MaxPool(
        self,
        X: Input,
        /,
        *,
        kernel_shape: Sequence[Int] | np.ndarray,
        auto_pad: str | bytes | None = "NOTSET",
        ceil_mode: Int | None = 0,
        dilations: Sequence[Int] | np.ndarray | None = None,
        pads: Sequence[Int] | np.ndarray | None = None,
        storage_order: Int | None = 0,
        strides: Sequence[Int] | np.ndarray | None = None,
        outputs: Literal[1] | None = None,
    ) -> Value:
        """MaxPool-12: https://onnx.ai/onnx/operators/onnx__MaxPool.html"""

    @overload
    def MaxPool(
        self,
        X: Input,
        /,
        *,
        kernel_shape: Sequence[Int] | np.ndarray,
        auto_pad: str | bytes | None = "NOTSET",
        ceil_mode: Int | None = 0,
        dilations: Sequence[Int] | np.ndarray | None = None,
        pads: Sequence[Int] | np.ndarray | None = None,
        storage_order: Int | None = 0,
        strides: Sequence[Int] | np.ndarray | None = None,
        outputs: Literal[2],
    ) -> tuple[Value, Value]:
        """MaxPool-12: https://onnx.ai/onnx/operators/onnx__MaxPool.html"""

    @overload
    def MaxPool(
        self,
        X: Input,
        /,
        *,
        kernel_shape: Sequence[Int] | np.ndarray,
        auto_pad: str | bytes | None = "NOTSET",
        ceil_mode: Int | None = 0,
        dilations: Sequence[Int] | np.ndarray | None = None,
        pads: Sequence[Int] | np.ndarray | None = None,
        storage_order: Int | None = 0,
        strides: Sequence[Int] | np.ndarray | None = None,
        outputs: int,
    ) -> Value | tuple[Value, ...]:
        """MaxPool-12: https://onnx.ai/onnx/operators/onnx__MaxPool.html"""

    def MaxRoiPool(
        self,
        X: Input,
        rois: Input,
        /,
        *,
        pooled_shape: Sequence[Int] | np.ndarray,
        spatial_scale: Float | None = 1.0,
    ) -> Value:
        """MaxRoiPool-1: https://onnx.ai/onnx/operators/onnx__MaxRoiPool.html"""

    def MaxUnpool(
        self,
        X: Input,
        I: Input,
        output_shape: Input | None = None,
        /,
        *,
        kernel_shape: Sequence[Int] | np.ndarray,
        pads: Sequence[Int] | np.ndarray | None = None,
        strides: Sequence[Int] | np.ndarray | None = None,
    ) -> Value:
        """MaxUnpool-11: https://onnx.ai/onnx/operators/onnx__MaxUnpool.html"""

    def Mean(self, *data_0: Input) -> Value:
        """Mean-13: https://onnx.ai/onnx/operators/onnx__Mean.html"""

    def MeanVarianceNormalization(
        self,
        X: Input,
        /,
        *,
        axes: Sequence[Int] | np.ndarray | None = [0, 2, 3],
    ) -> Value:
        """MeanVarianceNormalization-13: https://onnx.ai/onnx/operators/onnx__MeanVarianceNormalization.html"""

    def MelWeightMatrix(
        self,
        num_mel_bins: Input,
        dft_length: Input,
        sample_rate: Input,
        lower_edge_hertz: Input,
        upper_edge_hertz: Input,
        /,
        *,
        output_datatype: Int | None = 1,
    ) -> Value:
        """MelWeightMatrix-17: https://onnx.ai/onnx/operators/onnx__MelWeightMatrix.html"""

    def Min(self, *data_0: Input) -> Value:
        """Min-13: https://onnx.ai/onnx/operators/onnx__Min.html"""

    def Mish(self, X: Input, /) -> Value:
        """Mish-18: https://onnx.ai/onnx/operators/onnx__Mish.html"""

    def Mod(self, A: Input, B: Input, /, *, fmod: Int | None = 0) -> Value:
        """Mod-13: https://onnx.ai/onnx/operators/onnx__Mod.html"""

    def Mul(self, A: Input, B: Input, /) -> Value:
        """Mul-14: https://onnx.ai/onnx/operators/onnx__Mul.html"""

    def Multinomial(
        self,
        input: Input,
        /,
        *,
        dtype: Int | None = 6,
        sample_size: Int | None = 1,
        seed: Float | None = None,
    ) -> Value:
        """Multinomial-7: https://onnx.ai/onnx/operators/onnx__Multinomial.html"""

    def Neg(self, X: Input, /) -> Value:
        """Neg-13: https://onnx.ai/onnx/operators/onnx__Neg.html"""

    def NegativeLogLikelihoodLoss(
        self,
        input: Input,
        target: Input,
        weight: Input | None = None,
        /,
        *,
        ignore_index: Int | None = None,
        reduction: str | bytes | None = "mean",
    ) -> Value:
        """NegativeLogLikelihoodLoss-13: https://onnx.ai/onnx/operators/onnx__NegativeLogLikelihoodLoss.html"""

    def NonMaxSuppression(
        self,
        boxes: Input,
        scores: Input,
        max_output_boxes_per_class: Input | None = None,
        iou_threshold: Input | None = None,
        score_threshold: Input | None = None,
        /,
        *,
        center_point_box: Int | None = 0,
    ) -> Value:
        """NonMaxSuppression-11: https://onnx.ai/onnx/operators/onnx__NonMaxSuppression.html"""

    def NonZero(self, X: Input, /) -> Value:
        """NonZero-13: https://onnx.ai/onnx/operators/onnx__NonZero.html"""

    def Not(self, X: Input, /) -> Value:
        """Not-1: https://onnx.ai/onnx/operators/onnx__Not.html"""

    def OneHot(self, indices: Input, depth: Input, values: Input, /, *, axis: Int | None = -1) -> Value:
        """OneHot-11: https://onnx.ai/onnx/operators/onnx__OneHot.html"""

    def OptionalGetElement(self, input: Input, /) -> Value:
        """OptionalGetElement-18: https://onnx.ai/onnx/operators/onnx__OptionalGetElement.html"""

    def OptionalHasElement(self, input: Input | None = None, /) -> Value:
        """OptionalHasElement-18: https://onnx.ai/onnx/operators/onnx__OptionalHasElement.html"""

    def Or(self, A: Input, B: Input, /) -> Value:
        """Or-7: https://onnx.ai/onnx/operators/onnx__Or.html"""

    def PRelu(self, X: Input, slope: Input, /) -> Value:
        """PRelu-16: https://onnx.ai/onnx/operators/onnx__PRelu.html"""

    def Pad(
        self,
        data: Input,
        pads: Input,
        constant_value: Input | None = None,
        axes: Input | None = None,
        /,
        *,
        mode: str | bytes | None = "constant",
    ) -> Value:
        """Pad-21: https://onnx.ai/onnx/operators/onnx__Pad.html"""

    def Pow(self, X: Input, Y: Input, /) -> Value:
        """Pow-15: https://onnx.ai/onnx/operators/onnx__Pow.html"""

    def QLinearConv(
        self,
        x: Input,
        x_scale: Input,
        x_zero_point: Input,
        w: Input,
        w_scale: Input,
        w_zero_point: Input,
        y_scale: Input,
        y_zero_point: Input,
        B: Input | None = None,
        /,
        *,
        auto_pad: str | bytes | None = "NOTSET",
        dilations: Sequence[Int] | np.ndarray | None = None,
        group: Int | None = 1,
        kernel_shape: Sequence[Int] | np.ndarray | None = None,
        pads: Sequence[Int] | np.ndarray | None = None,
        strides: Sequence[Int] | np.ndarray | None = None,
    ) -> Value:
        """QLinearConv-10: https://onnx.ai/onnx/operators/onnx__QLinearConv.html"""

    def QLinearMatMul(
        self,
        a: Input,
        a_scale: Input,
        a_zero_point: Input,
        b: Input,
        b_scale: Input,
        b_zero_point: Input,
        y_scale: Input,
        y_zero_point: Input,
        /,
    ) -> Value:
        """QLinearMatMul-21: https://onnx.ai/onnx/operators/onnx__QLinearMatMul.html"""

    def QuantizeLinear(
        self,
        x: Input,
        y_scale: Input,
        y_zero_point: Input | None = None,
        /,
        *,
        axis: Int | None = 1,
        block_size: Int | None = 0,
        output_dtype: Int | None = 0,
        saturate: Int | None = 1,
    ) -> Value:
        """QuantizeLinear-21: https://onnx.ai/onnx/operators/onnx__QuantizeLinear.html"""

    @overload
    def RNN(
        self,
        X: Input,
        W: Input,
        R: Input,
        B: Input | None = None,
        sequence_lens: Input | None = None,
        initial_h: Input | None = None,
        /,
        *,
        activation_alpha: Sequence[Float] | np.ndarray | None = None,
        activation_beta: Sequence[Float] | np.ndarray | None = None,
        activations: Sequence[str | bytes] | None = ["Tanh", "Tanh"],
        clip: Float | None = None,
        direction: str | bytes | None = "forward",
        hidden_size: Int | None = None,
        layout: Int | None = 0,
        outputs: Literal[1] | None = None,
    ) -> Value:
        """RNN-14: https://onnx.ai/onnx/operators/onnx__RNN.html"""

    @overload
    def RNN(
        self,
        X: Input,
        W: Input,
        R: Input,
        B: Input | None = None,
        sequence_lens: Input | None = None,
        initial_h: Input | None = None,
        /,
        *,
        activation_alpha: Sequence[Float] | np.ndarray | None = None,
        activation_beta: Sequence[Float] | np.ndarray | None = None,
        activations: Sequence[str | bytes] | None = ["Tanh", "Tanh"],
        clip: Float | None = None,
        direction: str | bytes | None = "forward",
        hidden_size: Int | None = None,
        layout: Int | None = 0,
        outputs: Literal[2],
    ) -> tuple[Value, Value]:
        """RNN-14: https://onnx.ai/onnx/operators/onnx__RNN.html"""

    @overload
    def RNN(
        self,
        X: Input,
        W: Input,
        R: Input,
        B: Input | None = None,
        sequence_lens: Input | None = None,
        initial_h: Input | None = None,
        /,
        *,
        activation_alpha: Sequence[Float] | np.ndarray | None = None,
        activation_beta: Sequence[Float] | np.ndarray | None = None,
        activations: Sequence[str | bytes] | None = ["Tanh", "Tanh"],
        clip: Float | None = None,
        direction: str | bytes | None = "forward",
        hidden_size: Int | None = None,
        layout: Int | None = 0,
        outputs: int,
    ) -> Value | tuple[Value, ...]:
        """RNN-14: https://onnx.ai/onnx/operators/onnx__RNN.html"""

    def RandomNormal(
        self,
        *,
        shape: Sequence[Int] | np.ndarray,
        dtype: Int | None = 1,
        mean: Float | None = 0.0,
        scale: Float | None = 1.0,
        seed: Float | None = None,
    ) -> Value:
        """RandomNormal-1: https://onnx.ai/onnx/operators/onnx__RandomNormal.html"""

    def RandomNormalLike(
        self,
        input: Input,
        /,
        *,
        dtype: Int | None = None,
        mean: Float | None = 0.0,
        scale: Float | None = 1.0,
        seed: Float | None = None,
    ) -> Value:
        """RandomNormalLike-1: https://onnx.ai/onnx/operators/onnx__RandomNormalLike.html"""

    def RandomUniform(
        self,
        *,
        shape: Sequence[Int] | np.ndarray,
        dtype: Int | None = 1,
        high: Float | None = 1.0,
        low: Float | None = 0.0,
        seed: Float | None = None,
    ) -> Value:
        """RandomUniform-1: https://onnx.ai/onnx/operators/onnx__RandomUniform.html"""

    def RandomUniformLike(
        self,
        input: Input,
        /,
        *,
        dtype: Int | None = None,
        high: Float | None = 1.0,
        low: Float | None = 0.0,
        seed: Float | None = None,
    ) -> Value:
        """RandomUniformLike-1: https://onnx.ai/onnx/operators/onnx__RandomUniformLike.html"""

    def Range(self, start: Input, limit: Input, delta: Input, /) -> Value:
        """Range-11: https://onnx.ai/onnx/operators/onnx__Range.html"""

    def Reciprocal(self, X: Input, /) -> Value:
        """Reciprocal-13: https://onnx.ai/onnx/operators/onnx__Reciprocal.html"""

    def ReduceL1(
        self,
        data: Input,
        axes: Input | None = None,
        /,
        *,
        keepdims: Int | None = 1,
        noop_with_empty_axes: Int | None = 0,
    ) -> Value:
        """ReduceL1-18: https://onnx.ai/onnx/operators/onnx__ReduceL1.html"""

    def ReduceL2(
        self,
        data: Input,
        axes: Input | None = None,
        /,
        *,
        keepdims: Int | None = 1,
        noop_with_empty_axes: Int | None = 0,
    ) -> Value:
        """ReduceL2-18: https://onnx.ai/onnx/operators/onnx__ReduceL2.html"""

    def ReduceLogSum(
        self,
        data: Input,
        axes: Input | None = None,
        /,
        *,
        keepdims: Int | None = 1,
        noop_with_empty_axes: Int | None = 0,
    ) -> Value:
        """ReduceLogSum-18: https://onnx.ai/onnx/operators/onnx__ReduceLogSum.html"""

    def ReduceLogSumExp(
        self,
        data: Input,
        axes: Input | None = None,
        /,
        *,
        keepdims: Int | None = 1,
        noop_with_empty_axes: Int | None = 0,
    ) -> Value:
        """ReduceLogSumExp-18: https://onnx.ai/onnx/operators/onnx__ReduceLogSumExp.html"""

    def ReduceMax(
        self,
        data: Input,
        axes: Input | None = None,
        /,
        *,
        keepdims: Int | None = 1,
        noop_with_empty_axes: Int | None = 0,
    ) -> Value:
        """ReduceMax-20: https://onnx.ai/onnx/operators/onnx__ReduceMax.html"""

    def ReduceMean(
        self,
        data: Input,
        axes: Input | None = None,
        /,
        *,
        keepdims: Int | None = 1,
        noop_with_empty_axes: Int | None = 0,
    ) -> Value:
        """ReduceMean-18: https://onnx.ai/onnx/operators/onnx__ReduceMean.html"""

    def ReduceMin(
        self,
        data: Input,
        axes: Input | None = None,
        /,
        *,
        keepdims: Int | None = 1,
        noop_with_empty_axes: Int | None = 0,
    ) -> Value:
        """ReduceMin-20: https://onnx.ai/onnx/operators/onnx__ReduceMin.html"""

    def ReduceProd(
        self,
        data: Input,
        axes: Input | None = None,
        /,
        *,
        keepdims: Int | None = 1,
        noop_with_empty_axes: Int | None = 0,
    ) -> Value:
        """ReduceProd-18: https://onnx.ai/onnx/operators/onnx__ReduceProd.html"""

    def ReduceSum(
        self,
        data: Input,
        axes: Input | None = None,
        /,
        *,
        keepdims: Int | None = 1,
        noop_with_empty_axes: Int | None = 0,
    ) -> Value:
        """ReduceSum-13: https://onnx.ai/onnx/operators/onnx__ReduceSum.html"""

    def ReduceSumSquare(
        self,
        data: Input,
        axes: Input | None = None,
        /,
        *,
        keepdims: Int | None = 1,
        noop_with_empty_axes: Int | None = 0,
    ) -> Value:
        """ReduceSumSquare-18: https://onnx.ai/onnx/operators/onnx__ReduceSumSquare.html"""

    def RegexFullMatch(self, X: Input, /, *, pattern: str | bytes | None = None) -> Value:
        """RegexFullMatch-20: https://onnx.ai/onnx/operators/onnx__RegexFullMatch.html"""

    def Relu(self, X: Input, /) -> Value:
        """Relu-14: https://onnx.ai/onnx/operators/onnx__Relu.html"""

    def Reshape(self, data: Input, shape: Input, /, *, allowzero: Int | None = 0) -> Value:
        """Reshape-21: https://onnx.ai/onnx/operators/onnx__Reshape.html"""

    def Resize(
        self,
        X: Input,
        roi: Input | None = None,
        scales: Input | None = None,
        sizes: Input | None = None,
        /,
        *,
        antialias: Int | None = 0,
        axes: Sequence[Int] | np.ndarray | None = None,
        coordinate_transformation_mode: str | bytes | None = "half_pixel",
        cubic_coeff_a: Float | None = -0.75,
        exclude_outside: Int | None = 0,
        extrapolation_value: Float | None = 0.0,
        keep_aspect_ratio_policy: str | bytes | None = "stretch",
        mode: str | bytes | None = "nearest",
        nearest_mode: str | bytes | None = "round_prefer_floor",
    ) -> Value:
        """Resize-19: https://onnx.ai/onnx/operators/onnx__Resize.html"""

    def ReverseSequence(
        self,
        input: Input,
        sequence_lens: Input,
        /,
        *,
        batch_axis: Int | None = 1,
        time_axis: Int | None = 0,
    ) -> Value:
        """ReverseSequence-10: https://onnx.ai/onnx/operators/onnx__ReverseSequence.html"""

    def RoiAlign(
        self,
        X: Input,
        rois: Input,
        batch_indices: Input,
        /,
        *,
        coordinate_transformation_mode: str | bytes | None = "half_pixel",
        mode: str | bytes | None = "avg",
        output_height: Int | None = 1,
        output_width: Int | None = 1,
        sampling_ratio: Int | None = 0,
        spatial_scale: Float | None = 1.0,
    ) -> Value:
        """RoiAlign-16: https://onnx.ai/onnx/operators/onnx__RoiAlign.html"""

    def Round(self, X: Input, /) -> Value:
        """Round-11: https://onnx.ai/onnx/operators/onnx__Round.html"""

    def STFT(
        self,
        signal: Input,
        frame_step: Input,
        window: Input | None = None,
        frame_length: Input | None = None,
        /,
        *,
        onesided: Int | None = 1,
    ) -> Value:
        """STFT-17: https://onnx.ai/onnx/operators/onnx__STFT.html"""

    @overload
    def Scan(
        self,
        *initial_state_and_scan_inputs: Input,
        body: Body,
        num_scan_inputs: Int,
        scan_input_axes: Sequence[Int] | np.ndarray | None = None,
        scan_input_directions: Sequence[Int] | np.ndarray | None = None,
        scan_output_axes: Sequence[Int] | np.ndarray | None = None,
        scan_output_directions: Sequence[Int] | np.ndarray | None = None,
        outputs: Literal[1] | None = None,
    ) -> Value:
        """Scan-21: https://onnx.ai/onnx/operators/onnx__Scan.html"""

    @overload
    def Scan(
        self,
        *initial_state_and_scan_inputs: Input,
        body: Body,
        num_scan_inputs: Int,
        scan_input_axes: Sequence[Int] | np.ndarray | None = None,
        scan_input_directions: Sequence[Int] | np.ndarray | None = None,
        scan_output_axes: Sequence[Int] | np.ndarray | None = None,
        scan_output_directions: Sequence[Int] | np.ndarray | None = None,
        outputs: Literal[2],
    ) -> tuple[Value, Value]:
        """Scan-21: https://onnx.ai/onnx/operators/onnx__Scan.html"""

    @overload
    def Scan(
        self,
        *initial_state_and_scan_inputs: Input,
        body: Body,
        num_scan_inputs: Int,
        scan_input_axes: Sequence[Int] | np.ndarray | None = None,
        scan_input_directions: Sequence[Int] | np.ndarray | None = None,
        scan_output_axes: Sequence[Int] | np.ndarray | None = None,
        scan_output_directions: Sequence[Int] | np.ndarray | None = None,
        outputs: Literal[3],
    ) -> tuple[Value, Value, Value]:
        """Scan-21: https://onnx.ai/onnx/operators/onnx__Scan.html"""

    @overload
    def Scan(
        self,
        *initial_state_and_scan_inputs: Input,
        body: Body,
        num_scan_inputs: Int,
        scan_input_axes: Sequence[Int] | np.ndarray | None = None,
        scan_input_directions: Sequence[Int] | np.ndarray | None = None,
        scan_output_axes: Sequence[Int] | np.ndarray | None = None,
        scan_output_directions: Sequence[Int] | np.ndarray | None = None,
        outputs: Literal[4],
    ) -> tuple[Value, Value, Value, Value]:
        """Scan-21: https://onnx.ai/onnx/operators/onnx__Scan.html"""

    @overload
    def Scan(
        self,
        *initial_state_and_scan_inputs: Input,
        body: Body,
        num_scan_inputs: Int,
        scan_input_axes: Sequence[Int] | np.ndarray | None = None,
        scan_input_directions: Sequence[Int] | np.ndarray | None = None,
        scan_output_axes: Sequence[Int] | np.ndarray | None = None,
        scan_output_directions: Sequence[Int] | np.ndarray | None = None,
        outputs: int,
    ) -> Value | tuple[Value, ...]:
        """Scan-21: https://onnx.ai/onnx/operators/onnx__Scan.html"""

    def ScatterElements(
        self,
        data: Input,
        indices: Input,
        updates: Input,
        /,
        *,
        axis: Int | None = 0,
        reduction: str | bytes | None = "none",
    ) -> Value:
        """ScatterElements-18: https://onnx.ai/onnx/operators/onnx__ScatterElements.html"""

    def ScatterND(
        self,
        data: Input,
        indices: Input,
        updates: Input,
        /,
        *,
        reduction: str | bytes | None = "none",
    ) -> Value:
        """ScatterND-18: https://onnx.ai/onnx/operators/onnx__ScatterND.html"""

    def Selu(self, X: Input, /, *, alpha: Float | None = 1.673263, gamma: Float | None = 1.050701) -> Value:
        """Selu-6: https://onnx.ai/onnx/operators/onnx__Selu.html"""

    def Shape(self, data: Input, /, *, end: Int | None = None, start: Int | None = 0) -> Value:
        """Shape-21: https://onnx.ai/onnx/operators/onnx__Shape.html"""

    def Shrink(self, input: Input, /, *, bias: Float | None = 0.0, lambd: Float | None = 0.5) -> Value:
        """Shrink-9: https://onnx.ai/onnx/operators/onnx__Shrink.html"""

    def Sigmoid(self, X: Input, /) -> Value:
        """Sigmoid-13: https://onnx.ai/onnx/operators/onnx__Sigmoid.html"""

    def Sign(self, input: Input, /) -> Value:
        """Sign-13: https://onnx.ai/onnx/operators/onnx__Sign.html"""

    def Sin(self, input: Input, /) -> Value:
        """Sin-7: https://onnx.ai/onnx/operators/onnx__Sin.html"""

    def Sinh(self, input: Input, /) -> Value:
        """Sinh-9: https://onnx.ai/onnx/operators/onnx__Sinh.html"""

    def Size(self, data: Input, /) -> Value:
        """Size-21: https://onnx.ai/onnx/operators/onnx__Size.html"""

    def Slice(
        self,
        data: Input,
        starts: Input,
        ends: Input,
        axes: Input | None = None,
        steps: Input | None = None,
        /,
    ) -> Value:
        """Slice-13: https://onnx.ai/onnx/operators/onnx__Slice.html"""

    def Softmax(self, input: Input, /, *, axis: Int | None = -1) -> Value:
        """Softmax-13: https://onnx.ai/onnx/operators/onnx__Softmax.html"""

    @overload
    def SoftmaxCrossEntropyLoss(
        self,
        scores: Input,
        labels: Input,
        weights: Input | None = None,
        /,
        *,
        ignore_index: Int | None = None,
        reduction: str | bytes | None = "mean",
        outputs: Literal[1] | None = None,
    ) -> Value:
        """SoftmaxCrossEntropyLoss-13: https://onnx.ai/onnx/operators/onnx__SoftmaxCrossEntropyLoss.html"""

    @overload
    def SoftmaxCrossEntropyLoss(
        self,
        scores: Input,
        labels: Input,
        weights: Input | None = None,
        /,
        *,
        ignore_index: Int | None = None,
        reduction: str | bytes | None = "mean",
        outputs: Literal[2],
    ) -> tuple[Value, Value]:
        """SoftmaxCrossEntropyLoss-13: https://onnx.ai/onnx/operators/onnx__SoftmaxCrossEntropyLoss.html"""

    @overload
    def SoftmaxCrossEntropyLoss(
        self,
        scores: Input,
        labels: Input,
        weights: Input | None = None,
        /,
        *,
        ignore_index: Int | None = None,
        reduction: str | bytes | None = "mean",
        outputs: int,
    ) -> Value | tuple[Value, ...]:
        """SoftmaxCrossEntropyLoss-13: https://onnx.ai/onnx/operators/onnx__SoftmaxCrossEntropyLoss.html"""

    def Softplus(self, X: Input, /) -> Value:
        """Softplus-1: https://onnx.ai/onnx/operators/onnx__Softplus.html"""

    def Softsign(self, input: Input, /) -> Value:
        """Softsign-1: https://onnx.ai/onnx/operators/onnx__Softsign.html"""

    def SpaceToDepth(self, input: Input, /, *, blocksize: Int) -> Value:
        """SpaceToDepth-13: https://onnx.ai/onnx/operators/onnx__SpaceToDepth.html"""

    @overload
    def Split(
        self,
        input: Input,
        split: Input | None = None,
        /,
        *,
        axis: Int | None = 0,
        num_outputs: Int | None = None,
        outputs: Literal[1] | None = None,
    ) -> Value:
        """Split-18: https://onnx.ai/onnx/operators/onnx__Split.html"""

    @overload
    def Split(
        self,
        input: Input,
        split: Input | None = None,
        /,
        *,
        axis: Int | None = 0,
        num_outputs: Int | None = None,
        outputs: Literal[2],
    ) -> tuple[Value, Value]:
        """Split-18: https://onnx.ai/onnx/operators/onnx__Split.html"""

    @overload
    def Split(
        self,
        input: Input,
        split: Input | None = None,
        /,
        *,
        axis: Int | None = 0,
        num_outputs: Int | None = None,
        outputs: Literal[3],
    ) -> tuple[Value, Value, Value]:
        """Split-18: https://onnx.ai/onnx/operators/onnx__Split.html"""

    @overload
    def Split(
        self,
        input: Input,
        split: Input | None = None,
        /,
        *,
        axis: Int | None = 0,
        num_outputs: Int | None = None,
        outputs: Literal[4],
    ) -> tuple[Value, Value, Value, Value]:
        """Split-18: https://onnx.ai/onnx/operators/onnx__Split.html"""

    @overload
    def Split(
        self,
        input: Input,
        split: Input | None = None,
        /,
        *,
        axis: Int | None = 0,
        num_outputs: Int | None = None,
        outputs: int,
    ) -> Value | tuple[Value, ...]:
        """Split-18: https://onnx.ai/onnx/operators/onnx__Split.html"""

    def Sqrt(self, X: Input, /) -> Value:
        """Sqrt-13: https://onnx.ai/onnx/operators/onnx__Sqrt.html"""

    def Squeeze(self, data: Input, axes: Input | None = None, /) -> Value:
        """Squeeze-21: https://onnx.ai/onnx/operators/onnx__Squeeze.html"""

    def StringConcat(self, X: Input, Y: Input, /) -> Value:
        """StringConcat-20: https://onnx.ai/onnx/operators/onnx__StringConcat.html"""

    def StringNormalizer(
        self,
        X: Input,
        /,
        *,
        case_change_action: str | bytes | None = "NONE",
        is_case_sensitive: Int | None = 0,
        locale: str | bytes | None = None,
        stopwords: Sequence[str | bytes] | None = None,
    ) -> Value:
        """StringNormalizer-10: https://onnx.ai/onnx/operators/onnx__StringNormalizer.html"""

    @overload
    def StringSplit(
        self,
        X: Input,
        /,
        *,
        delimiter: str | bytes | None = None,
        maxsplit: Int | None = None,
        outputs: Literal[1],
    ) -> Value:
        """StringSplit-20: https://onnx.ai/onnx/operators/onnx__StringSplit.html"""

    @overload
    def StringSplit(
        self,
        X: Input,
        /,
        *,
        delimiter: str | bytes | None = None,
        maxsplit: Int | None = None,
        outputs: Literal[2] | None = None,
    ) -> tuple[Value, Value]:
        """StringSplit-20: https://onnx.ai/onnx/operators/onnx__StringSplit.html"""

    @overload
    def StringSplit(
        self,
        X: Input,
        /,
        *,
        delimiter: str | bytes | None = None,
        maxsplit: Int | None = None,
        outputs: int,
    ) -> Value | tuple[Value, ...]:
        """StringSplit-20: https://onnx.ai/onnx/operators/onnx__StringSplit.html"""

    def Sub(self, A: Input, B: Input, /) -> Value:
        """Sub-14: https://onnx.ai/onnx/operators/onnx__Sub.html"""

    def Sum(self, *data_0: Input) -> Value:
        """Sum-13: https://onnx.ai/onnx/operators/onnx__Sum.html"""

    def Tan(self, input: Input, /) -> Value:
        """Tan-7: https://onnx.ai/onnx/operators/onnx__Tan.html"""

    def Tanh(self, input: Input, /) -> Value:
        """Tanh-13: https://onnx.ai/onnx/operators/onnx__Tanh.html"""

    def TfIdfVectorizer(
        self,
        X: Input,
        /,
        *,
        max_gram_length: Int,
        max_skip_count: Int,
        min_gram_length: Int,
        mode: str | bytes,
        ngram_counts: Sequence[Int] | np.ndarray,
        ngram_indexes: Sequence[Int] | np.ndarray,
        pool_int64s: Sequence[Int] | np.ndarray | None = None,
        pool_strings: Sequence[str | bytes] | None = None,
        weights: Sequence[Float] | np.ndarray | None = None,
    ) -> Value:
        """TfIdfVectorizer-9: https://onnx.ai/onnx/operators/onnx__TfIdfVectorizer.html"""

    def ThresholdedRelu(self, X: Input, /, *, alpha: Float | None = 1.0) -> Value:
        """ThresholdedRelu-10: https://onnx.ai/onnx/operators/onnx__ThresholdedRelu.html"""

    def Tile(self, input: Input, repeats: Input, /) -> Value:
        """Tile-13: https://onnx.ai/onnx/operators/onnx__Tile.html"""

    @overload
    def TopK(
        self,
        X: Input,
        K: Input,
        /,
        *,
        axis: Int | None = -1,
        largest: Int | None = 1,
        sorted: Int | None = 1,
        outputs: Literal[1],
    ) -> Value:
        """TopK-11: https://onnx.ai/onnx/operators/onnx__TopK.html"""

    @overload
    def TopK(
        self,
        X: Input,
        K: Input,
        /,
        *,
        axis: Int | None = -1,
        largest: Int | None = 1,
        sorted: Int | None = 1,
        outputs: Literal[2] | None = None,
    ) -> tuple[Value, Value]:
        """TopK-11: https://onnx.ai/onnx/operators/onnx__TopK.html"""

    @overload
    def TopK(
        self,
        X: Input,
        K: Input,
        /,
        *,
        axis: Int | None = -1,
        largest: Int | None = 1,
        sorted: Int | None = 1,
        outputs: int,
    ) -> Value | tuple[Value, ...]:
        """TopK-11: https://onnx.ai/onnx/operators/onnx__TopK.html"""

    def Transpose(self, data: Input, /, *, perm: Sequence[Int] | np.ndarray | None = None) -> Value:
        """Transpose-21: https://onnx.ai/onnx/operators/onnx__Transpose.html"""

    def Trilu(self, input: Input, k: Input | None = None, /, *, upper: Int | None = 1) -> Value:
        """Trilu-14: https://onnx.ai/onnx/operators/onnx__Trilu.html"""

    @overload
    def Unique(
        self,
        X: Input,
        /,
        *,
        axis: Int | None = None,
        sorted: Int | None = 1,
        outputs: Literal[1] | None = None,
    ) -> Value:
        """Unique-11: https://onnx.ai/onnx/operators/onnx__Unique.html"""

    @overload
    def Unique(
        self,
        X: Input,
        /,
        *,
        axis: Int | None = None,
        sorted: Int | None = 1,
        outputs: Literal[2],
    ) -> tuple[Value, Value]:
        """Unique-11: https://onnx.ai/onnx/operators/onnx__Unique.html"""

    @overload
    def Unique(
        self,
        X: Input,
        /,
        *,
        axis: Int | None = None,
        sorted: Int | None = 1,
        outputs: Literal[3],
    ) -> tuple[Value, Value, Value]:
        """Unique-11: https://onnx.ai/onnx/operators/onnx__Unique.html"""

    @overload
    def Unique(
        self,
        X: Input,
        /,
        *,
        axis: Int | None = None,
        sorted: Int | None = 1,
        outputs: Literal[4],
    ) -> tuple[Value, Value, Value, Value]:
        """Unique-11: https://onnx.ai/onnx/operators/onnx__Unique.html"""

    @overload
    def Unique(
        self,
        X: Input,
        /,
        *,
        axis: Int | None = None,
        sorted: Int | None = 1,
        outputs: int,
    ) -> Value | tuple[Value, ...]:
        """Unique-11: https://onnx.ai/onnx/operators/onnx__Unique.html"""

    def Unsqueeze(self, data: Input, axes: Input, /) -> Value:
        """Unsqueeze-21: https://onnx.ai/onnx/operators/onnx__Unsqueeze.html"""

    def Where(self, condition: Input, X: Input, Y: Input, /) -> Value:
        """Where-16: https://onnx.ai/onnx/operators/onnx__Where.html"""

    def Xor(self, A: Input, B: Input, /) -> Value:
        """Xor-7: https://onnx.ai/onnx/operators/onnx__Xor.html"""
