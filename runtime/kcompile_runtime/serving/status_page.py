"""The page for people at ``/``: models, shapes, latency, and a form to try one."""

from __future__ import annotations

import html
import json

from ..markup import as_html
from ..tensors import TensorInfo, format_shape
from .batching import Batcher
from .repository import Repository

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>kcompile serve</title>
<link rel="icon" href="data:,">
<style>
:root {{ color-scheme: light dark }}
body {{ font: 15px/1.5 sans-serif; margin: 2em auto; max-width: 64em; padding: 0 1em }}
table {{ border-collapse: collapse; width: 100% }}
td, th {{ border-bottom: 1px solid #ccc; padding: .3em .6em; text-align: left; vertical-align: top }}
textarea {{ width: 100%; height: 8em; font: 13px monospace }}
pre {{ background: #8882; padding: .6em; white-space: pre-wrap; overflow-wrap: anywhere }}
</style></head><body>
<h1>Models</h1>
<table><tr><th>model</th><th>inputs</th><th>outputs</th><th>requests</th><th>mean latency</th></tr>
{rows}</table>
<h1>Try one</h1>
<form><label>Model <select name="model">{options}</select></label>
<p><label>Body (Open Inference Protocol)<textarea name="body"></textarea></label></p>
<p id="image" hidden><label>or an image <input type="file" name="file" accept="image/*"></label>
<label>as <select name="range"><option value="1">0 to 1</option><option value="2">-1 to 1</option>
<option value="255">0 to 255</option></select></label></p>
<button>Send</button></form><pre id="answer"></pre>
<script>
const form = document.forms[0], answer = document.getElementById("answer");
const chosen = () => form.model.selectedOptions[0]?.dataset ?? {{}};
const example = () => {{
  form.body.value = chosen().example ?? "";
  document.getElementById("image").hidden = !chosen().image;
  form.file.value = "";
}};
form.model.onchange = example;
example();

// the image in the model's size, as numbers in its order of axes
const pixels = async (input, file) => {{
  const [height, width] = input.first ? input.shape.slice(2) : input.shape.slice(1);
  const channels = input.shape[input.first ? 1 : 3];
  const canvas = Object.assign(document.createElement("canvas"), {{width, height}});
  const context = canvas.getContext("2d");
  context.drawImage(await createImageBitmap(file), 0, 0, width, height);
  const rgba = context.getImageData(0, 0, width, height).data;
  const value = (place, channel) => channels === 1
    ? (299 * rgba[4 * place] + 587 * rgba[4 * place + 1] + 114 * rgba[4 * place + 2]) / 1000
    : rgba[4 * place + channel];
  const range = Number(form.range.value), data = [];
  const scaled = (x) => input.datatype === "UINT8" ? Math.round(x)
    : range === 255 ? x : range === 2 ? x / 127.5 - 1 : x / 255;
  for (let i = 0; i < height * width * channels; i++) {{
    const [place, channel] = input.first
      ? [i % (height * width), Math.floor(i / (height * width))] : [Math.floor(i / channels), i % channels];
    data.push(scaled(value(place, channel)));
  }}
  return {{name: input.name, datatype: input.datatype, shape: input.shape, data}};
}};

const send = async (file) => {{
  const address = `/v2/models/${{encodeURIComponent(form.model.value)}}/infer`;
  const headers = {{"content-type": "application/json"}};
  const image = file && chosen().image;
  const body = image
    ? JSON.stringify({{inputs: [await pixels(JSON.parse(image), file)]}}) : form.body.value;
  const response = await fetch(address, {{method: "POST", headers, body}});
  answer.textContent = JSON.stringify(await response.json(), null, 1);
}};
form.onsubmit = (event) => {{
  event.preventDefault();
  send(form.file.files[0]).catch((error) => {{ answer.textContent = String(error); }});
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
    return "<tr>" + "".join(f"<td>{as_html(cell)}</td>" for cell in cells) + "</tr>\n"


def _tensor(info: TensorInfo) -> str:
    return f"{info.name}: {info.dtype}{format_shape(info.shape or ())}"


def _option(batcher: Batcher) -> str:
    model = batcher.model
    name = as_html(model.name)
    data = {"example": _example(batcher), "image": _image(batcher)}
    shown = " ".join(f'data-{key}="{html.escape(value)}"' for key, value in data.items())
    return f'<option value="{name}" {shown}>{name}</option>'


def _image(batcher: Batcher) -> str:
    """The input that takes an image of known size, as JSON; none where there is no such alone."""
    inputs = batcher.model.metadata([])["inputs"]
    if len(inputs) != 1 or inputs[0]["datatype"] not in ("FP32", "FP16", "FP64", "UINT8"):
        return ""
    shape = [1, *inputs[0]["shape"][1:]]
    if len(shape) != 4 or min(shape) < 1 or max(shape) > 4096:
        return ""
    last, first = (shape[axis] in (1, 3) for axis in (3, 1))
    if not last and not first:
        return ""
    return json.dumps({**inputs[0], "shape": shape, "first": not last})


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
