"""The commands and their arguments; what they do is in a module each, loaded when it is called."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from .arguments import (
    AsJson,
    Calibration,
    Data,
    Machine,
    Metric,
    ModelPath,
    PageOutput,
    Pixels,
    ScriptDialect,
    Seconds,
    Unsafe,
    WeightBits,
    Weights,
)
from .errors import NEGATIVE, OK
from .loading import ModelFile
from .progress import progress_bar


@dataclass
class Settings:
    """Options that stand before the command."""

    debug: bool = False


@dataclass
class ScriptToRun:
    """What ``kcompile run`` was asked for."""

    path: Path
    arguments: list[str] = field(default_factory=list)
    dialect: str = "auto"
    verbose: bool = False
    keras3: bool = False


settings = Settings()

app = typer.Typer(
    help="Write, load or inherit a Keras model; train it with PyTorch; ship it as ONNX.",
    epilog="Exit codes: 0 success, 1 the answer is no (a difference, a failed export), 2 bad usage or files.",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def command() -> Any:
    """The command line as a callable object."""
    return typer.main.get_command(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        from .. import __version__

        print(f"kcompile {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    settings.debug = debug


@app.command("compile")
def compile_command(
    model: ModelPath,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT.onnx", help="The file to write.")],
    weights: Weights = None,
    new_weights: Annotated[
        bool, typer.Option("--new-weights", help="Draw fresh weights for a .json, .yaml or app: model.")
    ] = False,
    opset: Annotated[int, typer.Option(metavar="N", help="Version of the ONNX operator set.")] = 21,
    verify: Annotated[
        bool, typer.Option("--verify/--no-verify", help="Compare the result with PyTorch on random inputs.")
    ] = True,
    unsafe: Unsafe = False,
    as_json: AsJson = False,
) -> int:
    """Write a model as an ONNX file that needs numpy and onnxruntime only."""
    from .compiling import compile_model

    with progress_bar():
        compile_model(ModelFile(model, weights, not unsafe), output, new_weights, opset, verify, as_json)
    return OK


@app.command()
def convert(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="A model; with --into: .pth, .pt, .safetensors or .onnx.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="PyTorch weights (.safetensors, .pt), source (.py), or a model (.keras, .h5, .onnx).",
        ),
    ] = None,
    weights: Weights = None,
    into: Annotated[
        Path | None, typer.Option(metavar="MODEL", help="Read the weights in SOURCE into this model.")
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(metavar="MAP.json", help="Keras weight or layer -> name in SOURCE.")
    ] = None,
    draft_mapping: Annotated[
        Path | None,
        typer.Option(metavar="MAP.json", help="Write a mapping of SOURCE to MODEL, to complete and use."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what goes where; write nothing.")] = False,
    unsafe: Unsafe = False,
    as_json: AsJson = False,
) -> int:
    """Move weights to PyTorch and back, or write a model as PyTorch source."""
    from .converting import convert_file

    target = None if into is None else ModelFile(into, safe_mode=not unsafe)
    if draft_mapping is not None:
        from .converting import write_draft

        return write_draft(source, target, draft_mapping, output or weights or mapping, dry_run, as_json)
    with progress_bar():
        return convert_file(ModelFile(source, weights, not unsafe), output, target, mapping, dry_run, as_json)


@app.command()
def inspect(
    model: ModelPath,
    weights: Weights = None,
    ir: Annotated[bool, typer.Option("--ir", help="Print the graph of operators as text.")] = False,
    unsafe: Unsafe = False,
    as_json: AsJson = False,
) -> int:
    """Show layers, parameters, shapes, operators and sizes of a model."""
    from .inspecting import inspect_model

    inspect_model(ModelFile(model, weights, not unsafe), ir, as_json)
    return OK


@app.command()
def optimize(
    model: ModelPath,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT.onnx", help="The file to write.")],
    target: Annotated[
        Machine | None,
        typer.Option("--for", help="Fuse what the onnxruntime there has one kernel for; float32."),
    ] = None,
    outputs: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="With --for: an output that is wanted, the others go; may be repeated."
        ),
    ] = None,
    measure: Annotated[
        bool,
        typer.Option(
            "--measure/--no-measure", help="With --for: take the forms that are fastest here, or the usual."
        ),
    ] = True,
    int8: Annotated[
        bool, typer.Option("--int8", help="Integers of 8 bits: static with --calibrate, else dynamic.")
    ] = False,
    dynamic: Annotated[
        bool, typer.Option("--dynamic", help="With --int8: ranges are taken of each batch.")
    ] = False,
    weights: Annotated[
        WeightBits | None, typer.Option(help="Bits of the matrices alone; computed in float32.")
    ] = None,
    float16: Annotated[bool, typer.Option("--float16", help="Numbers of 16 bits.")] = False,
    bfloat16: Annotated[bool, typer.Option("--bfloat16", help="Weights stored in bfloat16.")] = False,
    calibrate: Annotated[
        Path | None, typer.Option(metavar="DATA", help="Samples to take ranges of: .npz, .npy, .csv.")
    ] = None,
    calibration: Annotated[
        Calibration | None, typer.Option(help="How ranges are taken (default: what moves outputs least).")
    ] = None,
    percentile: Annotated[
        float, typer.Option(metavar="P", min=90, max=100, help="With --calibration percentile: what is kept.")
    ] = 99.999,
    reduce_range: Annotated[
        bool | None,
        typer.Option(
            "--reduce-range/--full-range", help="Weights of 7 bits (default: as the CPU here needs)."
        ),
    ] = None,
    equalize: Annotated[
        bool | None,
        typer.Option(
            "--equalize/--no-equalize", help="Like ranges in all channels (default: where it pays)."
        ),
    ] = None,
    keep: Annotated[
        list[str] | None, typer.Option(metavar="LAYER", help="A layer that stays float32; may be repeated.")
    ] = None,
    max_drop: Annotated[
        float | None,
        typer.Option(metavar="D", help="Put layers back to float32 until the metric drops by no more."),
    ] = None,
    metric: Annotated[Metric, typer.Option(help="What is judged by.")] = Metric.accuracy,
    labels: Annotated[
        Path | None, typer.Option(metavar="Y.npy", help="What is right, of --evaluate or else --calibrate.")
    ] = None,
    evaluate: Annotated[
        Path | None, typer.Option(metavar="DATA", help="Samples that the metric is taken on.")
    ] = None,
    write_anyway: Annotated[
        bool, typer.Option("--write-anyway", help="Write the best found where the drop cannot be held.")
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(metavar="R.html", help="Write a page (or .json): time, layers, histograms too."),
    ] = None,
    unsafe: Unsafe = False,
    as_json: AsJson = False,
) -> int:
    """Make a model smaller and faster, and say what that cost. Exit code 1 if --max-drop cannot be held."""
    from .fusing import Fusing, fuse_model
    from .optimizing import Calibrating, Judging, Precision, optimize_model

    precision = Precision(int8, dynamic, None if weights is None else int(weights.value), float16, bfloat16)
    calibrating = Calibrating(
        calibrate, calibration and calibration.value, percentile, reduce_range, equalize
    )
    judging = Judging(max_drop, metric.value, labels, evaluate, write_anyway)
    file = ModelFile(model, safe_mode=not unsafe)
    with progress_bar():
        if target is not None:
            fusing = Fusing(target.value, outputs, measure)
            return fuse_model(file, output, fusing, precision, report, as_json)
        if outputs:
            raise typer.BadParameter("it goes with --for.", param_hint="--outputs")
        return optimize_model(
            file,
            output,
            precision,
            calibrating,
            judging,
            keep or [],
            report,
            as_json,
        )


@app.command()
def package(
    model: ModelPath,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The folder to make.")],
    weights: Weights = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of the model and its service; by default the file's.")
    ] = None,
    image: Annotated[
        str | None, typer.Option(metavar="IMAGE", help="Reference of the image to build (default: NAME:1).")
    ] = None,
    triton: Annotated[
        bool, typer.Option("--triton", help="Write a model repository of Triton's instead.")
    ] = False,
    max_batch: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="With --triton: samples of one run (default: 32).")
    ] = None,
    delay_ms: Annotated[
        float | None,
        typer.Option(
            metavar="MS", min=0, max=60_000, help="With --triton: how long a run waits for more requests."
        ),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Take the place of what an earlier call wrote.")
    ] = False,
    unsafe: Unsafe = False,
    as_json: AsJson = False,
) -> int:
    """Write a folder to deploy: model, Dockerfile, manifests for Compose, Kubernetes and KServe."""
    from .packaging import Batching, package_model

    with progress_bar():
        file = ModelFile(model, weights, not unsafe)
        batching = Batching(max_batch, delay_ms)
        package_model(file, output, name, image, triton, batching, replace, as_json)
    return OK


@app.command()
def plot(
    history: Annotated[Path, typer.Argument(metavar="HISTORY.csv", help="The file of a CSVLogger.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="PICTURE", help="Where to; by default beside it, as .png."),
    ] = None,
    separator: Annotated[str, typer.Option(help="Between the columns.")] = ",",
) -> int:
    """Draw the metrics of a training over its epochs."""
    from .plotting import plot_csv

    print(plot_csv(history, output, separator))
    return OK


@app.command()
def predict(
    model: ModelPath,
    data: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT", help="Inputs: .npy, .npz (by input name), .csv, .parquet, an image; or a folder."
        ),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="OUT", help="Where to write: .npy, .npz, .csv, or a folder."),
    ],
    weights: Weights = None,
    batch_size: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Samples per run (default: chosen by size).")
    ] = None,
    shard_rows: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Into a folder: samples of one file (default: by size)."),
    ] = None,
    pixels: Annotated[
        Pixels | None, typer.Option(help="Of images; by default what the model is known for.")
    ] = None,
    ray: Annotated[
        bool, typer.Option("--ray", help="Into a folder: by the workers of a Ray cluster.")
    ] = False,
    ray_address: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Of the cluster (default: RAY_ADDRESS, or a new one)."),
    ] = None,
    unsafe: Unsafe = False,
    as_json: AsJson = False,
) -> int:
    """Compute a model's outputs for the samples in a file, or in many."""
    file = ModelFile(model, weights, not unsafe)
    from .sharding import Sharding, is_sharded, predict_shards

    options = Sharding(batch_size, shard_rows, pixels and pixels.value, ray, ray_address)
    if is_sharded(data, output, options):
        with progress_bar():
            predict_shards(file, data, output, options, as_json)
        return OK
    from .predicting import predict_file

    predict_file(file, data, output, batch_size, as_json)
    return OK


@app.command()
def profile(
    model: ModelPath,
    weights: Weights = None,
    data: Data = None,
    batch_size: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Samples of a run (default: 1; of a step: 32).")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=1024, help="Of an operator (default: as deployed).")
    ] = None,
    train: Annotated[
        bool, typer.Option("--train", help="A training step of a compiled Keras model, by PyTorch.")
    ] = False,
    advice: Annotated[
        bool, typer.Option("--advice/--no-advice", help="Try the heaviest operators in other types.")
    ] = True,
    seconds: Seconds = 2.0,
    output: PageOutput = None,
    unsafe: Unsafe = False,
    as_json: AsJson = False,
) -> int:
    """Show where time goes, by layer and operator, what bounds it, and what would make it faster."""
    from .profiling import Measuring, profile_model

    with progress_bar():
        measuring = Measuring(data, batch_size, threads, seconds)
        profile_model(ModelFile(model, weights, not unsafe), measuring, train, advice, output, as_json)
    return OK


@app.command(
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []},
)
def serve(context: typer.Context) -> int:
    """Serve .onnx files by the Open Inference Protocol, here or on a Ray cluster (--help has all)."""
    from .serving import serve_models

    return serve_models(context.args)


@app.command()
def tune(
    model: Annotated[Path, typer.Argument(metavar="MODEL.onnx", help="The file to run.")],
    data: Data = None,
    batch_size: Annotated[
        int, typer.Option(metavar="N", min=1, max=4096, help="Samples of the run whose latency counts.")
    ] = 1,
    variants: Annotated[
        list[Path] | None,
        typer.Option(
            "--variant", metavar="FILE.onnx", help="Another form of it, such as int8; may be repeated."
        ),
    ] = None,
    seconds: Seconds = 0.5,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Measure; write nothing.")] = False,
    output: PageOutput = None,
    as_json: AsJson = False,
) -> int:
    """Find the session settings with which a file runs fastest here; write them beside it."""
    from .tuning import tune_files

    with progress_bar():
        files = [model, *(variants or [])]
        tune_files(files, data, batch_size, seconds, dry_run, output, as_json)
    return OK


@app.command()
def verify(
    a: Annotated[
        Path, typer.Argument(metavar="A", help="A model: .h5, .keras, .onnx, .py, .json; or weights.")
    ],
    b: Annotated[Path, typer.Argument(metavar="B", help="Another one, or weights for A.")],
    weights_a: Annotated[Path | None, typer.Option(metavar="W.h5", help="The weights of A.")] = None,
    weights_b: Annotated[Path | None, typer.Option(metavar="W.h5", help="The weights of B.")] = None,
    tolerance: Annotated[
        float,
        typer.Option(min=0.0, help="Largest difference allowed, relative to an output's largest value."),
    ] = 1e-4,
    samples: Annotated[int, typer.Option(metavar="N", min=1, help="Random samples to compare on.")] = 8,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the random inputs.")] = 0,
    unsafe: Unsafe = False,
    as_json: AsJson = False,
) -> int:
    """Compare the outputs of two models on the same random inputs. Exit code 1 if they differ."""
    from .verifying import verify_models

    with progress_bar():
        files = ModelFile(a, weights_a, not unsafe), ModelFile(b, weights_b, not unsafe)
        equal = verify_models(*files, tolerance, samples, seed, as_json)
    return OK if equal else NEGATIVE


@app.command()
def view(
    model: ModelPath,
    weights: Weights = None,
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="Port on this machine; 0 for any free one.")
    ] = 0,
    browse: Annotated[bool, typer.Option("--browse/--no-browse", help="Open a browser.")] = True,
    unsafe: Unsafe = False,
) -> int:
    """Draw a model's operators in the browser, by Netron, until Ctrl-C."""
    from .viewing import view_model

    view_model(ModelFile(model, weights, not unsafe), port, browse)
    return OK


@app.command()
def web(
    model: ModelPath,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The folder to make.")],
    weights: Weights = None,
    title: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Of the page; by default the file's name.")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Names of the classes, one a line.")
    ] = None,
    pixels: Annotated[
        Pixels | None, typer.Option(help="What images become; by default what the model is known for.")
    ] = None,
    runtime: Annotated[
        Path | None,
        typer.Option(metavar="FILE.tgz", help="npm's onnxruntime-web; by default downloaded, once."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Take the place of what an earlier call wrote.")
    ] = False,
    unsafe: Unsafe = False,
    as_json: AsJson = False,
) -> int:
    """Write a static page that runs the model in the browser, by WebAssembly or WebGPU."""
    from .pages import write_web_page

    with progress_bar():
        file = ModelFile(model, weights, not unsafe)
        write_web_page(file, output, title, labels, pixels and pixels.value, runtime, replace, as_json)
    return OK


@app.command(
    context_settings={
        "allow_interspersed_args": False,
        "ignore_unknown_options": True,
        "allow_extra_args": True,
    }
)
def run(
    context: typer.Context,
    script: Annotated[Path, typer.Argument(metavar="SCRIPT.py", help="A Python script, unmodified.")],
    dialect: Annotated[
        ScriptDialect, typer.Option(help="Keras 2.3, tf.keras 2, or by what the script imports.")
    ] = ScriptDialect.auto,
    verbose: Annotated[bool, typer.Option("--verbose", help="Say which dialect it is, and why.")] = False,
    keras3: Annotated[
        bool, typer.Option("--keras3", help="The installed Keras 3, with kcompile as its backend.")
    ] = False,
) -> Any:
    """Run a script in which "import keras" and "import tensorflow" mean what is here.

    Arguments after it are the script's.
    """
    return ScriptToRun(script, list(context.args), dialect.value, verbose, keras3)
