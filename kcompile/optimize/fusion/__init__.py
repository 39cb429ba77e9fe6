"""Several nodes as one operator, for which onnxruntime has a kernel.

What is looked for is found by what it computes, not by how one exporter spells it: activations, softmax and
normalization are run on numbers (regions.py), attention is read by its products and what lies between
(attention_cores.py). Weights stay as they are, under their names; nodes bring them into the form that an
operator wants, and onnxruntime computes those once, when it loads the file.
"""

from __future__ import annotations

from .forms import TARGETS, WAYS, Forms, Target
from .rewriting import Rewritten, rewritten

__all__ = ["TARGETS", "WAYS", "Forms", "Rewritten", "Target", "rewritten"]
