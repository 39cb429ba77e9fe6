"""``kcompile view``."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from ..ir import Graph
from ..optional import optional
from .loading import ModelFile, load


def view_model(file: ModelFile, port: int, browse: bool) -> None:
    """Serves a drawing of a model's operators on this machine alone, until interrupted.

    Args:
        file: a model of any kind, with weights or without; what is drawn is the ONNX graph that it is, or is
            exported to.
        port: to serve on; 0 for any free one.
        browse: whether to open a browser.

    Raises:
        MissingPackageError: Netron is not installed.
        OSError: the port is taken.
    """
    with optional("netron", "kcompile view"):
        import netron

    model = load(file, new_weights=True)
    with tempfile.TemporaryDirectory() as folder:
        drawn = Path(folder) / f"{Path(file.path.name.rpartition(':')[2]).stem or 'model'}.onnx"
        _write(model, drawn)
        address = netron.start(str(drawn), address=("127.0.0.1", port), browse=browse)
        try:
            print(f"{file.path}: http://{address[0]}:{address[1]} (Ctrl-C ends it)", flush=True)
            netron.wait()
        except KeyboardInterrupt:  # before it began to wait
            pass
        finally:
            netron.stop(address)


def _write(model: Any, path: Path) -> None:
    if not isinstance(model, Graph):
        model.export(path, verify=False)
        return
    from ..onnx_io import export

    names = [value.name for value in model.inputs], [value.name for value in model.outputs]
    export(model, path, input_names=names[0], output_names=names[1], name=path.stem)
