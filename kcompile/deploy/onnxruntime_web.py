"""onnxruntime-web: the release of npm's package that pages run models by, and what they need of it."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..atomic import replacing

VERSION = "1.30.0"
SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
ARCHIVE = f"onnxruntime-web-{VERSION}.tgz"
#: Loaders, and what each loads: WebAssembly alone, and WebGPU.
FILES = (
    "dist/ort.wasm.min.mjs",
    "dist/ort-wasm-simd-threaded.mjs",
    "dist/ort-wasm-simd-threaded.wasm",
    "dist/ort.webgpu.min.mjs",
    "dist/ort-wasm-simd-threaded.asyncify.mjs",
    "dist/ort-wasm-simd-threaded.asyncify.wasm",
    "package.json",
)
REGISTRY = "https://registry.npmjs.org"
_TIMEOUT_S = 600


def cached() -> Path:
    """Where the archive is kept: below ``KCOMPILE_CACHE``, or the user's folder for caches."""
    import pooch

    return Path(os.environ.get("KCOMPILE_CACHE") or pooch.os_cache("kcompile"), ARCHIVE)


def archive(given: str | os.PathLike[str] | None = None) -> Path:
    """The package's archive, its hash checked: the one given, the one in the cache, or a new download.

    npm downloads where it is there, since it knows its registry, certificates and proxies; elsewhere HTTPS,
    from the registry that ``npm_config_registry`` names (npm's own by default).

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it cannot be downloaded.
        ValueError: it is another file than the one that is pinned.
    """
    if given is not None:
        return _checked(Path(given))
    path = cached()
    if path.exists():
        return _checked(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _downloaded() as downloaded, replacing(path) as new:
        shutil.copyfile(_checked(downloaded), new)
    return path


def unpack(package: Path, folder: Path) -> None:
    """Puts the files that pages need into a folder, by their names alone."""
    with tarfile.open(package, "r:gz") as opened:
        for name in FILES:
            source = opened.extractfile(f"package/{name}")
            assert source is not None, name  # the hash says that it is there
            with source, open(folder / Path(name).name, "wb") as target:
                shutil.copyfileobj(source, target)


def _checked(path: Path) -> Path:
    with open(path, "rb") as stream:
        digest = hashlib.sha512()
        for chunk in iter(lambda: stream.read(1 << 20), b""):
            digest.update(chunk)
    found = base64.b64encode(digest.digest()).decode()
    if found != SHA512:
        raise ValueError(
            f"{path}: expected onnxruntime-web {VERSION} as npm has it (sha512-{SHA512[:16]}...), found "
            f"another file (sha512-{found[:16]}...); remove it, or give the right one by --runtime"
        )
    return path


@contextmanager
def _downloaded() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        npm = shutil.which("npm")
        if npm is None:
            _by_https(Path(folder))
        else:
            _by_npm(npm, folder)
        yield Path(folder, ARCHIVE)


def _by_npm(npm: str, folder: str) -> None:
    command = [npm, "pack", f"onnxruntime-web@{VERSION}", "--pack-destination", folder, "--silent"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT_S)
    if done.returncode or not Path(folder, ARCHIVE).exists():
        raise OSError(
            f"npm could not download onnxruntime-web {VERSION} ({done.stderr.strip()[-500:]}); "
            f"where there is no network, give its {ARCHIVE} by --runtime"
        )


def _by_https(folder: Path) -> None:
    import pooch

    settings = {name.lower(): value for name, value in os.environ.items()}  # npm takes them in any case
    registry = settings.get("npm_config_registry") or REGISTRY
    url = f"{registry.rstrip('/')}/onnxruntime-web/-/{ARCHIVE}"
    pooch.get_logger().setLevel("WARNING")
    known = f"sha512:{base64.b64decode(SHA512).hex()}"
    try:
        pooch.retrieve(url, known, fname=ARCHIVE, path=folder)
    except OSError as error:
        raise OSError(
            f"{url}: {error}; where there is no network, give its {ARCHIVE} by --runtime"
        ) from error
