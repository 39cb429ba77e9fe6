"""What a newcomer asks, and where the answer is: a link on the first page, then a heading on that page.

That the built site leads there in three clicks, tests/deploy/browser/test_site.py follows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
#: question -> (page, heading)
QUESTIONS = {
    "How do I install it without CUDA?": ("install.md", "PyTorch without CUDA"),
    "How do I get from nothing to a model that is served?": ("start.md", "Serve"),
    "Does importing it send anything anywhere?": ("install.md", "Telemetry"),
    "How do I run old code that imports keras?": (
        "tour.md",
        "How do I run old code that says `import keras`?",
    ),
    "How do I train on a GPU?": ("faq.md", "How do I run on a GPU?"),
    "How do I train on several devices?": ("faq.md", "How do I train on several devices?"),
    "Which file do I save, and in what format?": ("faq.md", "How do I save a model?"),
    "What is in an exported ONNX file?": ("files.md", "ONNX"),
    "Is it safe to load somebody else's file?": ("files.md", "What a file may not do"),
    "What do I feed from a PyTorch DataLoader?": ("data.md", "PyTorch's DataLoader"),
    "How do I train data frames and Arrow tables?": ("data.md", "Tables"),
    "How do I write a training step of my own?": ("own-training-steps.md", "What can be overridden"),
    "How do I see curves, and find a learning rate?": ("watching.md", "Curves and learning rates"),
    "My code says tf.keras: what differs?": ("tf-keras.md", "What tf.keras's code finds otherwise"),
    "How do I export a live Keras 3 model?": ("keras3.md", "Live models"),
    "How fast is Keras 3 on kcompile?": ("keras3-backend.md", "How fast"),
    "How do I bring weights from PyTorch?": ("convert.md", "From PyTorch"),
    "How do I serve a model, and how are requests batched?": ("serving.md", "Batching"),
    "How do I write a repository for Triton?": ("deploy.md", "Triton"),
    "How do I run a model in the browser?": ("browser.md", "What can be entered"),
    "How do I make a model smaller without losing accuracy?": ("optimize.md", "A metric that has to hold"),
    "Where does the code of a layer become an ONNX node?": ("architecture.md", "One layer to an ONNX node"),
}


def test_there_are_at_least_twenty():
    assert len(QUESTIONS) >= 20


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_first_page_leads_to_the_answer(question):
    page, heading = QUESTIONS[question]
    assert f"({page}" in (DOCS / "index.md").read_text(encoding="utf-8"), f"no link to {page}"
    headings = re.findall(r"^#+ (.+)$", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert heading in headings, f"{page} has {headings}"
