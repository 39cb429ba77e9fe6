"""The page for people at ``/``: models, shapes, latency, and a form to try one."""

from __future__ import annotations

import html
import json

from ..tensors import TensorInfo, format_shape
from ..text import harmless
from .batching import Batcher
from .repository import Repository

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>kcompile serve</title>
<style>
body {{ font: 15px/1.5 sans-serif; margin: 2em auto; max-width: 64em; padding: 0 1em }}
table {{ border-collapse: collapse; width: 100% }}
td, th {{ border-bottom: 1px solid #ccc; padding: .3em .6em; text-align: left; vertical-align: top }}
textarea {{ width: 100%; height: 8em; font: 13px monospace }}
pre {{ background: #f4f4f4; padding: .6em; white-space: pre-wrap; overflow-wrap: anywhere }}
</style></head><body>
<h1>Models</h1>
<table><tr><th>model</th><th>inputs</th><th>outputs</th><th>requests</th><th>mean latency</th></tr>
{rows}</table>
<h1>Try one</h1>
<form><label>Model <select name="model">{options}</select></label>
<p><label>Body (Open Inference Protocol)<textarea name="body"></textarea></label></p>
<button>Send</button></form><pre id="answer"></pre>
<script>
const form = document.forms[0], answer = document.getElementById("answer");
const example = () => {{ form.body.value = form.model.selectedOptions[0]?.dataset.example ?? ""; }};
form.model.onchange = example;
example();
form.onsubmit = async (event) => {{
  event.preventDefault();
  const address = `/v2/models/${{encodeURIComponent(form.model.value)}}/infer`;
  const headers = {{"content-type": "application/json"}};
  const response = await fetch(address, {{method: "POST", headers, body: form.body.value}});
  answer.textContent = JSON.stringify(await response.json(), null, 1);
}};
if (location.search === "?send") form.requestSubmit();
</script></body></html>
"""


def status_page(repository: Repository) -> str:
    """HTML; names of a model file are shown as text."""
    batchers = repository.batchers()
    rows = "".join(map(_row, batchers))
    options = "".join(map(_option, batchers))
    return _PAGE.format(rows=rows, options=options)


def _row(batcher: Batcher) -> str:
    model, statistics = batcher.model, batcher.statistics.success
    mean = f"{1e3 * statistics.seconds / statistics.count:.2f} ms" if statistics.count else ""
    cells = [
        f"{model.name} ({model.version})",
        "; ".join(map(_tensor, model.inputs)),
        "; ".join(map(_tensor, model.outputs)),
        str(statistics.count),
        mean,
    ]
    return "<tr>" + "".join(f"<td>{html.escape(harmless(cell))}</td>" for cell in cells) + "</tr>\n"


def _tensor(info: TensorInfo) -> str:
    return f"{info.name}: {info.dtype}{format_shape(info.shape or ())}"


def _option(batcher: Batcher) -> str:
    model = batcher.model
    name = html.escape(harmless(model.name))
    return f'<option value="{name}" data-example="{html.escape(_example(batcher))}">{name}</option>'


def _example(batcher: Batcher) -> str:
    """A body of zeros, for models that are small enough to type."""
    inputs = []
    for entry in batcher.model.metadata([])["inputs"]:
        shape = [1 if size < 0 else size for size in entry["shape"]]
        count = 1
        for size in shape:
            count *= size
        if count > 4096:
            return ""
        value = {"BOOL": False, "BYTES": ""}.get(entry["datatype"], 0)
        inputs.append({**entry, "shape": shape, "data": [value] * count})
    return json.dumps({"inputs": inputs})
