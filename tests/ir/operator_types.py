"""What mypy must make of ``op``: types of results, and mistakes to find. Read by `make lint`, not run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import assert_type

    import numpy as np

    from kcompile.ir import Value, op

    def results(x: Value, n: int) -> None:
        assert_type(op.Add(x, 1.5), Value)
        assert_type(op.Concat(x, [[1.0, 2.0]], np.ones((1, 2)), axis=-1), Value)
        assert_type(op.Clip(x, None, np.float32(6)), Value)
        assert_type(op.Transpose(x, perm=None), Value)
        assert_type(op.Conv(x, x, strides=np.array([2, 2]), group=np.int64(1)), Value)
        assert_type(op.ReduceSum(x, [1], keepdims=False), Value)
        assert_type(op.MaxPool(x, kernel_shape=(2, 2)), Value)
        assert_type(op.MaxPool(x, kernel_shape=[2, 2], outputs=2), tuple[Value, Value])
        assert_type(op.TopK(x, [3]), tuple[Value, Value])
        assert_type(op.TopK(x, [3], outputs=1), Value)
        assert_type(op.LSTM(x, x, x, hidden_size=4), Value)
        assert_type(op.LSTM(x, x, x, hidden_size=4, outputs=3), tuple[Value, Value, Value])
        assert_type(op.Split(x, num_outputs=n, outputs=n), Value | tuple[Value, ...])
        assert_type(op.StopGradient(x), Value)

    def mistakes(x: Value) -> None:
        op.Convolve(x)  # type: ignore[attr-defined]
        op.SequenceEmpty()  # type: ignore[attr-defined]
        op.Upsample(x, [1.0])  # type: ignore[attr-defined]
        op.Relu(x, x)  # type: ignore[call-arg]
        op.Relu(X=x)  # type: ignore[call-arg]
        op.Relu(None)  # type: ignore[arg-type]
        op.MatMul(x)  # type: ignore[call-arg]
        op.Concat(x, None, axis=0)  # type: ignore[arg-type]
        op.Concat(x, x)  # type: ignore[call-arg]
        op.Cast(x, to="float32")  # type: ignore[arg-type]
        op.Transpose(x, axes=[1, 0])  # type: ignore[call-arg]
        op.Softmax(x, axis=[1])  # type: ignore[arg-type]
