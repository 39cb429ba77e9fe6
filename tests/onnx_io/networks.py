"""Small networks as the layers emit them: spatial operators between Transposes, weights in Keras's layout."""

from __future__ import annotations

import numpy as np

from kcompile.ir import Body, Graph, Parameter, Storage, Value, name_scope, op

TO_NCHW, TO_NHWC = [0, 3, 1, 2], [0, 2, 3, 1]


class Net:
    """Emits layers; every weight is random and named ``layer/weight``."""

    def __init__(self, seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        self.count = 0

    def weight(self, name: str, *shape: int, order=None) -> Parameter:
        value = (self.random.normal(size=shape) * 0.3).astype(np.float32)
        return Parameter(Storage(value, order=order), name)

    def name(self, kind: str) -> str:
        self.count += 1
        return f"{kind}_{self.count}"

    def conv(self, x, filters, size=3, strides=1, order=None, activation="Relu"):
        name = self.name("conv2d")
        with name_scope(name):
            kernel = self.weight(f"{name}/kernel", size, size, x.shape[-1], filters, order=order)
            bias = self.weight(f"{name}/bias", filters)
            y = op.Conv(
                op.Transpose(x, perm=TO_NCHW),
                op.Transpose(kernel, perm=[3, 2, 0, 1]),
                bias,
                strides=[strides, strides],
                auto_pad="SAME_UPPER",
            )
            y = op.Transpose(y, perm=TO_NHWC)
            return getattr(op, activation)(y) if activation else y

    def batch_norm(self, x):
        name = self.name("batch_normalization")
        with name_scope(name):
            size = x.shape[-1]
            gamma, beta, mean = (self.weight(f"{name}/{k}", size) for k in ("gamma", "beta", "moving_mean"))
            variance = Parameter(
                np.abs(self.random.normal(size=size)).astype(np.float32) + 0.5, f"{name}/moving_variance"
            )
            y = op.BatchNormalization(op.Transpose(x, perm=TO_NCHW), gamma, beta, mean, variance, outputs=1)
            return op.Transpose(y, perm=TO_NHWC)

    def max_pool(self, x):
        with name_scope(self.name("max_pooling2d")):
            y = op.MaxPool(op.Transpose(x, perm=TO_NCHW), kernel_shape=[2, 2], strides=[2, 2])
            return op.Transpose(y, perm=TO_NHWC)

    def dense(self, x, units, activation=None):
        name = self.name("dense")
        with name_scope(name):
            y = op.MatMul(x, self.weight(f"{name}/kernel", x.shape[-1], units)) + self.weight(
                f"{name}/bias", units
            )
            return getattr(op, activation)(y) if activation else y

    def flatten(self, x):
        with name_scope(self.name("flatten")):
            return op.Reshape(x, [0, int(np.prod(x.shape[1:]))])


def image(size=8, channels=3):
    return Value("float32", ("batch", size, size, channels), "input_1")


def cnn(channels=3, order=None):
    net, x = Net(), image(channels=channels)
    y = net.max_pool(net.conv(x, 8, order=order))
    y = net.batch_norm(net.conv(y, 16, order=order))
    return Graph([net.dense(net.flatten(y), 10, "Softmax")], [x])


def residual():
    net, x = Net(1), image()
    y = net.conv(x, 8)
    for _ in range(3):
        z = net.batch_norm(net.conv(y, 8, activation=None))
        z = net.conv(op.Relu(z), 8, activation=None)
        y = op.Relu(op.Add(z, y))
    y = op.ReduceMean(y, [1, 2], keepdims=0)
    return Graph([net.dense(y, 5)], [x])


def input_added():
    """The image itself is added to what the convolution made of it."""
    net, x = Net(2), image(channels=4)
    y = op.Add(x, net.conv(x, 4))
    return Graph([op.ReduceMax(y, [1, 2], keepdims=0)], [x])


def dense_net():
    net, x = Net(3), image()
    y = net.conv(x, 6)
    for _ in range(3):
        y = op.Concat(y, net.conv(net.batch_norm(y), 4), axis=-1)
    return Graph([net.flatten(net.max_pool(y))], [x])


def squeeze_excite(dense=False):
    net, x = Net(4), image()
    y = net.conv(x, 8)
    for _ in range(2):
        if dense:
            s = op.Reshape(op.ReduceMean(y, [1, 2], keepdims=0), [0, 1, 1, 8])
            s = net.dense(net.dense(s, 2, "Relu"), 8, "Sigmoid")
        else:
            s = op.ReduceMean(y, [1, 2], keepdims=1)
            s = net.conv(net.conv(s, 2, 1), 8, 1, activation="Sigmoid")
        y = net.conv(op.Mul(y, s), 8)
    return Graph([net.dense(op.ReduceMean(y, [1, 2], keepdims=0), 3)], [x])


def autoencoder():
    """Pads, crops, upsamples, a learned slope per pixel, a constant per channel, and ends with an image."""
    net, x = Net(5), image()
    y = net.conv(x, 4, strides=2, activation=None)
    y = op.PRelu(y, net.weight("p_re_lu/alpha", 4, 4, 4))
    y = op.Mul(y, np.array([1.0, 2.0, 3.0, 4.0], np.float32))
    y = op.Pad(y, [0, 1, 2, 0, 0, 1, 2, 0])
    y = net.conv(y, 4, activation="Elu")
    y = op.Slice(y, [1, 2], [-1, -2], [1, 2])
    y = op.Resize(y, None, np.array([1, 2, 2, 1], np.float32), mode="nearest")
    a, b = op.Split(net.conv(y, 6), axis=3, num_outputs=2, outputs=2)
    y = op.Where(op.Greater(a, b), a, op.Clip(b, 0.0, 0.5))
    y = op.Softmax(net.conv(y, 3, activation=None), axis=-1)
    return Graph([op.Tile(y, [1, 1, 1, 2])], [x])


def global_shape():
    """The batch size is read from a transposed tensor; a Flatten after a spatial size of 1."""
    net, x = Net(6), image(size=2)
    y = net.max_pool(net.conv(x, 4))
    batch = op.Slice(op.Shape(y), [0], [1], [0])
    y = op.Reshape(y, op.Concat(batch, [4], axis=0))
    return Graph([op.Add(y, op.Expand([0.5], op.Concat(batch, [4], axis=0)))], [x])


def lstm(units=4, features=3, padded=True):
    """Gates i f c o as Keras has them, the bias without its recurrent half; two layers, batch-major."""
    net, x = Net(7), Value("float32", ("batch", "time", features), "x")
    gates = np.concatenate([np.arange(g * units, (g + 1) * units) for g in (0, 3, 1, 2)])
    y = x
    for layer in ("lstm_1", "lstm_2"):
        with name_scope(layer):
            w = net.weight(f"{layer}/kernel", y.shape[-1], 4 * units)
            r = net.weight(f"{layer}/recurrent_kernel", units, 4 * units)
            b = net.weight(f"{layer}/bias", 4 * units)
            w, r = (op.Unsqueeze(op.Gather(op.Transpose(v, perm=[1, 0]), gates, axis=0), [0]) for v in (w, r))
            b = op.Unsqueeze(op.Pad(op.Gather(b, gates, axis=0), [0, 4 * units]), [0])
            out = op.LSTM(op.Transpose(y, perm=[1, 0, 2]), w, r, b, hidden_size=units, outputs=1)
            y = op.Transpose(op.Squeeze(out, [1]), perm=[1, 0, 2])
    return Graph([y], [x])


def image_out():
    """Both an image and what it is made of are outputs, one of them in the other layout."""
    net, x = Net(8), image()
    y = net.conv(x, 4)
    return Graph([op.Sigmoid(y), y, op.Transpose(y, perm=TO_NCHW), op.Add(y, 1.0)], [x])


def scan():
    """A cumulative sum over time in a Scan whose body reads a weight, a constant and a transposed tensor."""
    net, x = Net(9), Value("float32", ("time", "batch", 3), "x")
    outer = op.Transpose(op.Relu(op.Transpose(x, perm=[0, 2, 1])), perm=[0, 2, 1])
    state, step = Value("float32", ("batch", 3), "state"), Value("float32", ("batch", 3), "step")
    scale = op.ReduceMax(outer, [0], keepdims=0)
    with name_scope("rnn"):
        new = op.Add(op.Mul(state, 0.5), op.MatMul(step, net.weight("rnn/kernel", 3, 3)))
        body = Body([new, op.Add(new, scale)], [state, step])
        last, every = op.Scan(
            op.ReduceMin(outer, [0], keepdims=0), outer, body=body, num_scan_inputs=1, outputs=2
        )
    return Graph([last, every], [x])


def attention():
    """Transposes that serve no convolution: none may be added."""
    net, x = Net(10), Value("float32", ("batch", 6, 8), "x")
    heads = []
    for _ in "qkv":
        h = op.Reshape(net.dense(x, 8), [0, 6, 2, 4])
        heads.append(op.Transpose(h, perm=[0, 2, 1, 3]))
    q, k, v = heads
    scores = op.Softmax(op.Mul(op.MatMul(q, op.Transpose(k, perm=[0, 1, 3, 2])), 0.5), axis=-1)
    y = op.Reshape(op.Transpose(op.MatMul(scores, v), perm=[0, 2, 1, 3]), [0, 6, 8])
    t = op.Transpose(y, perm=[0, 2, 1])
    many = [op.MatMul(getattr(op, f)(t), net.weight(f, 6, 6)) for f in ("Relu", "Sigmoid", "Tanh")]
    return Graph([*many], [x])


def constants():
    """What shapes and constants say already, in the middle of a network, next to a weight that must stay."""
    net, x = Net(11), image()
    y = net.conv(x, 4)
    size = op.Gather(op.Shape(y), [1, 2], axis=0)
    y = op.Reshape(y, op.Concat([-1], op.ReduceProd(size, [0], keepdims=1), [4], axis=0))
    y = op.Mul(y, op.Sqrt(op.Cast(op.Range(1, 5, 1), to=1)))
    weight = net.weight("scale", 4)
    return Graph([op.Add(y, op.Exp(weight)), op.Identity(weight)], [x])
