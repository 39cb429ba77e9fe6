"""Recurrent layers: RNN over any cell, and SimpleRNN, GRU and LSTM, which are one ONNX operator each.

- base.py: RNN; a cell is applied step by step in an ONNX Scan.
- stacked_cells.py: StackedRNNCells; arguments.py: what calls and configurations say.
- cells.py: what the cells of the three named layers share: weights, dropout, configuration.
- fused.py: those layers as the ONNX operators RNN, GRU and LSTM, under any mask.
- simple.py, gru.py, lstm.py: the layers.
"""

from ... import registry
from ...legacy.old_names import answer_old_names
from .base import *
from .gru import *
from .lstm import *
from .simple import *
from .stacked_cells import *

answer_old_names(__name__)
registry.publish(globals())
