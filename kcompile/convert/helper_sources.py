"""Functions and modules that a generated source file brings along, where its layers need them.

They are text: the file must run where nothing of kcompile is installed.
"""

from __future__ import annotations

import ast

_TEXT = '''
def unpacked(text, dtype, shape):
    """The tensor in a compressed text."""
    return torch.frombuffer(bytearray(zlib.decompress(base64.b85decode(text))), dtype=dtype).reshape(shape)


def reset_states(model):
    """Sets what stateful layers keep between calls back to zeros."""
    for module in model.modules():
        for name in getattr(module, "STATES", ()):
            getattr(module, name).zero_()


def hard_sigmoid(x):
    """0.2 x + 0.5, limited to [0, 1]."""
    return (0.2 * x + 0.5).clamp(0, 1)


def linear(x):
    """x itself."""
    return x


def same_padding(x, window, stride, dilation=None, value=0.0):
    """Pads the spatial axes of (batch, channels, ...) so that every stride starts one window ("same")."""
    pads = []
    for i in reversed(range(len(window))):
        size, reach = x.shape[2 + i], (window[i] - 1) * (dilation[i] if dilation else 1) + 1
        missing = max(0, (-(-size // stride[i]) - 1) * stride[i] + reach - size)
        pads += [missing // 2, missing - missing // 2]
    return F.pad(x, pads, value=value)


def average_pool_same(x, window, stride):
    """Means over windows at a stride, of the elements that are there: padding does not count."""
    pool = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[len(window) - 1]
    there = same_padding(torch.ones_like(x[:1, :1]), window, stride)
    return pool(same_padding(x, window, stride), window, stride) / pool(there, window, stride)


def upsample_linear(x, factors):
    """Spatial axes enlarged: element i lies at i / factor, between its neighbours in proportion."""
    for axis, factor in enumerate(factors, start=2):
        size = x.shape[axis]
        at = torch.arange(size * factor, device=x.device, dtype=x.dtype) / factor
        low = at.floor().long()
        weight = (at - low).view(-1, *[1] * (x.ndim - axis - 1))
        high = (low + 1).clamp(max=size - 1)
        x = x.index_select(axis, low) * (1 - weight) + x.index_select(axis, high) * weight
    return x


class Slopes(nn.Module):
    """x where x > 0, else x times a learned slope; ``weight`` has a sample's shape, or 1 along an axis."""

    def __init__(self, *shape):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(shape))

    def forward(self, x):
        return torch.where(x > 0, x, self.weight * x)


class Normalization(nn.Module):
    """(x - mean) / deviation with statistics of the training data, or the way back."""

    def __init__(self, shape, broadcast, mean=None, variance=None, invert=False):
        super().__init__()
        self.broadcast, self.invert = broadcast, invert
        learned = mean is None
        self.register_buffer("mean", torch.zeros(shape) if learned else torch.tensor(mean), learned)
        self.register_buffer("variance", torch.ones(shape) if learned else torch.tensor(variance), learned)
        if learned:
            self.register_buffer("count", torch.zeros((), dtype=torch.int32))

    def forward(self, x):
        shaped = (v.reshape(self.broadcast) if v.numel() > 1 else v for v in (self.mean, self.variance))
        mean, variance = shaped
        deviation = variance.sqrt().clamp(min=1e-7)
        return mean + x * deviation if self.invert else (x - mean) / deviation


class Recurrent(nn.Module):
    """nn.LSTM, nn.GRU or nn.RNN step by step, for what these lack: masks, other activations, and a GRU whose
    reset gate comes before the product with the state. Names and layouts of the weights are theirs."""

    def __init__(self, kind, inputs, units, activation, gate=None, bias=True, reset_after=True,
                 bidirectional=False):
        super().__init__()
        self.kind, self.units, self.reset_after = kind, units, reset_after
        self.activation, self.gate = activation, gate
        self.endings = ("", "_reverse") if bidirectional else ("",)
        rows = {"LSTM": 4, "GRU": 3, "RNN": 1}[kind] * units
        for end in self.endings:
            self.register_parameter(f"weight_ih_l0{end}", nn.Parameter(torch.zeros(rows, inputs)))
            self.register_parameter(f"weight_hh_l0{end}", nn.Parameter(torch.zeros(rows, units)))
            for name in ("bias_ih_l0", "bias_hh_l0"):
                self.register_parameter(name + end, nn.Parameter(torch.zeros(rows)) if bias else None)

    def step(self, x, h, c, w, b):
        """x: the input's part of all gates; w, b: weight and bias of the state's part."""
        if self.kind == "RNN":
            return self.activation(x + F.linear(h, w, b)), c
        if self.kind == "LSTM":
            i, f, g, o = (x + F.linear(h, w, b)).chunk(4, -1)
            c = self.gate(f) * c + self.gate(i) * self.activation(g)
            return self.gate(o) * self.activation(c), c
        n = self.units
        xr, xz, xn = x.chunk(3, -1)
        rz = F.linear(h, w[: 2 * n], None if b is None else b[: 2 * n])
        r, z = self.gate(xr + rz[:, :n]), self.gate(xz + rz[:, n:])
        last = None if b is None else b[2 * n :]
        product = r * F.linear(h, w[2 * n :], last) if self.reset_after else F.linear(r * h, w[2 * n :], last)
        return z * h + (1 - z) * self.activation(xn + product), c

    def forward(self, x, states=None, mask=None):
        zeros = x.new_zeros(len(self.endings), x.shape[0], self.units)
        hs, cs = states if self.kind == "LSTM" and states is not None else (states, None)
        hs, cs = zeros if hs is None else hs, zeros if cs is None else cs
        sequences, finals = [], []
        for i, end in enumerate(self.endings):
            h, c, outputs = hs[i], cs[i], []
            gates = F.linear(x, getattr(self, f"weight_ih_l0{end}"), getattr(self, f"bias_ih_l0{end}"))
            w, b = getattr(self, f"weight_hh_l0{end}"), getattr(self, f"bias_hh_l0{end}")
            times = range(x.shape[1])
            for t in reversed(times) if end else times:
                new_h, new_c = self.step(gates[:, t], h, c, w, b)
                if mask is not None:
                    new_h, new_c = (torch.where(mask[:, t, None], *p) for p in ((new_h, h), (new_c, c)))
                h, c = new_h, new_c
                outputs.append(h)
            sequences.append(torch.stack(outputs[::-1] if end else outputs, 1))
            finals.append((h, c))
        hs, cs = (torch.stack(parts) for parts in zip(*finals))
        return torch.cat(sequences, -1), (hs, cs) if self.kind == "LSTM" else hs
'''

HELPERS = {
    node.name: ast.get_source_segment(_TEXT, node) or ""
    for node in ast.parse(_TEXT).body
    if isinstance(node, ast.FunctionDef | ast.ClassDef)
}
"""Name -> source, in the order in which a file has them."""
