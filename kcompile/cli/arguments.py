"""Arguments that commands share, and the words that options take."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer


class ScriptDialect(str, Enum):
    """What ``kcompile run --dialect`` takes."""

    auto = "auto"
    keras = "keras"
    tf_keras = "tf_keras"


class Pixels(str, Enum):
    """What ``--pixels`` takes: `kcompile.deploy.images.PIXELS`."""

    bytes = "0-255"
    unit = "0-1"
    tf = "tf"
    torch = "torch"
    caffe = "caffe"


class Machine(str, Enum):
    """What ``--for`` takes: `kcompile.optimize.fusion.TARGETS`."""

    cpu = "cpu"
    cuda = "cuda"
    web = "web"


class WeightBits(str, Enum):
    """What ``kcompile optimize --weights`` takes."""

    four = "4"
    eight = "8"


class Calibration(str, Enum):
    """What ``--calibration`` takes: `kcompile.optimize.ranges.CALIBRATIONS`."""

    minmax = "minmax"
    percentile = "percentile"
    entropy = "entropy"


class Metric(str, Enum):
    """What ``--metric`` takes: `kcompile.optimize.scoring.METRICS`."""

    accuracy = "accuracy"
    top_5 = "top_5"
    mae = "mae"
    mse = "mse"


ModelPath = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL", help="A model: .keras, .h5, .onnx, .json/.yaml, app:NAME or MODULE:ATTRIBUTE."
    ),
]
Weights = Annotated[
    Path | None,
    typer.Option("--weights", metavar="W.h5", help="The weights of a .json, .yaml, app: or MODULE: model."),
]
Unsafe = Annotated[
    bool,
    typer.Option(
        "--unsafe", help="Trust the model file: run functions in it, and allow it any amount of work."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Data = Annotated[
    Path | None,
    typer.Option(
        "--input", metavar="DATA", help="Samples: .npy, .npz (by input name) or .csv (default: random)."
    ),
]
Seconds = Annotated[float, typer.Option(metavar="S", min=0.05, max=60.0, help="For a measurement, about.")]
PageOutput = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="PAGE.html", help="Also write the report: a page, or .json."),
]
