"""``kcompile convert``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from .errors import NEGATIVE, OK, CommandError
from .loading import ARCHITECTURE_ONLY, ModelFile, kind_of, load
from .tables import format_bytes, say, tell

TENSORS = (".safetensors", ".pt", ".pth")
OUTPUTS = (*TENSORS, ".py", ".h5", ".hdf5", ".keras", ".onnx", ".json", ".yaml", ".yml")
KERAS_WEIGHTS = ("hdf5", "keras")


def convert_file(
    source: ModelFile,
    output: Path | None,
    into: ModelFile | None,
    mapping: Path | None,
    dry_run: bool,
    as_json: bool = False,
) -> int:
    """Writes a model's weights or its PyTorch source, or reads foreign weights into a model.

    Args:
        source: a model, or with ``into`` a weight file.
        output: what to write; its extension says how.
        into: the model that takes the weights.
        mapping: JSON file of Keras weight -> name in the weight file.
        dry_run: say what would go where, and write nothing.
        as_json: print JSON.

    Returns:
        exit code; 1 if weights do not fit the model.

    Raises:
        CommandError: for options that do not go together, or an extension that is not known.
    """
    if output is None and not dry_run:
        raise CommandError("give the file to write by -o OUT, or --dry-run.")
    if output is not None and output.suffix.lower() not in OUTPUTS:
        raise CommandError(f"-o {output}: the extension must be one of {', '.join(OUTPUTS)}.")
    if into is not None:
        if source.weights is not None:
            raise CommandError("--weights goes with a model to convert; with --into the weights are SOURCE.")
        return _read_weights(source.path, into, output, mapping, dry_run, as_json)
    if mapping is not None or dry_run:
        raise CommandError("--mapping and --dry-run go with --into MODEL.")
    architecture = output is not None and output.suffix.lower() in (".json", ".yaml", ".yml")
    _write(_keras_model(source, new_weights=architecture), output, {}, as_json)
    return OK


def write_draft(
    source: Path,
    into: ModelFile | None,
    draft: Path,
    other: Path | None,
    dry_run: bool,
    as_json: bool = False,
) -> int:
    """Writes a mapping that structure suggests, for a person to complete, and what it is unsure of.

    Args:
        source: .pt, .pth or .safetensors.
        into: the model that is to take the weights.
        draft: the JSON file to write.
        other: an option that does not go with a draft, if one was given.
        dry_run: print the report alone.
        as_json: print JSON.

    Returns:
        exit code; 1 if the mapping has open places.

    Raises:
        CommandError: for options that do not go together.
    """
    from ..keras.state_dict import draft_mapping_file

    if into is None or other is not None:
        raise CommandError("--draft-mapping MAP.json goes with SOURCE, --into MODEL and --dry-run alone.")
    model = _keras_model(into, new_weights=kind_of(into.path) in (*ARCHITECTURE_ONLY, "application"))
    drafted = draft_mapping_file(model, source)
    found = {
        "source": str(source),
        "into": str(into.path),
        "complete": drafted.complete,
        "report": str(drafted),
    }
    text = f"{source} into {into.path}: {drafted}"
    if not dry_run:
        drafted.write(draft)
        found["file"] = str(draft)
        text += f"\n{draft}: {format_bytes(os.path.getsize(draft))}; use it by --mapping {draft}"
    tell(found, text, as_json)
    return OK if drafted.complete else NEGATIVE


def _keras_model(file: ModelFile, new_weights: bool = False) -> Any:
    from ..ir import Graph

    path = file.path
    if path.suffix.lower() == ".py":
        raise CommandError(
            f"{path}: PyTorch source is written, not read; convert the model it was made of, or read its "
            f"weights ({path.with_suffix('.pt').name}) by --into MODEL."
        )
    if kind_of(path) in ("torch", "safetensors"):
        raise CommandError(f"{path} holds weights alone; name the model that takes them by --into MODEL.")
    model = load(file, new_weights)
    if isinstance(model, Graph):
        from ..keras.models import load_model

        model = load_model(path, compile=False, safe_mode=file.safe_mode)
    return model


def _read_weights(
    source: Path, into: ModelFile, output: Path | None, mapping: Path | None, dry_run: bool, as_json: bool
) -> int:
    from ..keras.state_dict import match_file
    from ..keras.state_dict.loading import read_mapping

    model = _keras_model(into, new_weights=kind_of(into.path) in (*ARCHITECTURE_ONLY, "application"))
    if kind_of(source) in KERAS_WEIGHTS:
        return _read_keras_weights(source, model, output, mapping, dry_run, as_json)
    report = match_file(model, source, None if mapping is None else read_mapping(mapping))
    accepted = not report.missing and (not report.unused or mapping is not None)
    found = {
        "source": str(source),
        "into": str(into.path),
        "fits": accepted,
        "matched_by": report.how,
        "matched": [list(pair) for pair in report.matched],
        "missing": [list(pair) for pair in report.missing],
        "unused": [list(pair) for pair in report.unused],
        "kept": list(report.kept),
    }
    text = f"{source} into {into.path}: {report}"
    if not accepted:
        text += "\nthe weights do not fit" if dry_run else "\nnot written: the weights do not fit"
    if dry_run or not accepted:
        tell(found, text, as_json)
        return OK if accepted else NEGATIVE
    if not as_json:
        say(text)
    report.apply()
    _write(model, output, found, as_json)
    return OK


def _read_keras_weights(
    source: Path, model: Any, output: Path | None, mapping: Path | None, dry_run: bool, as_json: bool
) -> int:
    """Reads the weights of a Keras file, in the order of its layers, as ``load_weights`` does."""
    if mapping is not None:
        raise CommandError(
            f"--mapping goes with PyTorch's and ONNX files; {source} is matched by its layers."
        )
    found: dict[str, Any] = {"source": str(source), "fits": True, "matched_by": "layers"}
    try:
        model.load_weights(source)
    except ValueError as error:
        refused = "the weights do not fit" if dry_run else "not written: the weights do not fit"
        tell({**found, "fits": False, "reason": str(error)}, f"{error}\n{refused}", as_json)
        return NEGATIVE
    text = f"{source}: all {len(model.weights)} weights of {model.name} have their values"
    if dry_run:
        tell(found, text, as_json)
        return OK
    if not as_json:
        say(text)
    _write(model, output, found, as_json)
    return OK


def _write(model: Any, output: Any, found: dict[str, Any], as_json: bool) -> None:
    """Writes the file, and says so with what was ``found`` before."""
    from ..convert import write_module, write_state_dict

    extension = output.suffix.lower()
    notes: list[str] = []
    written = [output]
    if extension in TENSORS:
        notes = write_state_dict(model, output)
    elif extension == ".py":
        written.append(write_module(model, output))
    elif extension == ".onnx":
        model.export(output)
    elif output.name.lower().endswith(".weights.h5"):
        model.save_weights(output)
    else:
        model.save(output)
    sizes = [(path, os.path.getsize(path)) for path in written]
    lines = [f"note: {note}" for note in notes]
    lines.append(", ".join(f"{path}: {format_bytes(size)}" for path, size in sizes))
    files = [{"file": str(path), "bytes": size} for path, size in sizes]
    tell({**found, "files": files, "notes": notes}, "\n".join(lines), as_json)
