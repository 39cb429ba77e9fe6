"""Runs in the process of a program: limits what it trains, fetches stand-ins, and exports what it trained.

Nothing of it is in the product: it waits until ``kcompile.cli.scripts`` is imported, and wraps what is there.
"""

import builtins
import importlib
import importlib.abc
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import traceback

LIMITS = {"epochs": 1, "steps": 4, **json.loads(os.environ.get("PROGRAM_LIMITS", "{}"))}
REPORT = {"cut": [], "trained": [], "error": "", "place": "", "ended": False}
#: Each model that was trained -> a batch of its data, if fit had one.
TRAINED = {}
#: The Keras that the program runs on, once it is there.
FRONT_ENDS = []


def note(text):
    """Has the report say what was cut."""
    if text not in REPORT["cut"]:
        REPORT["cut"].append(text)
        write_report()


def write_report():
    """Written whenever it changes, for a program may be killed."""
    with open(os.environ["PROGRAM_REPORT"], "w") as file:
        json.dump(REPORT, file)


def install():
    """Puts everything in its place; what needs kcompile waits for it."""
    socket.socket.connect = _refuse
    socket.create_connection = _refuse
    signal.signal(signal.SIGTERM, _interrupted)
    builtins.get_ipython = lambda: _Shell()
    builtins.display = lambda *values, **_: print(*values)
    sys.meta_path.insert(0, _AfterImport("kcompile.cli.scripts", _watch_script))
    sys.meta_path.insert(0, _AfterImport("matplotlib.cm", _as_before_3_9))
    import fetching

    fetching.install(note)


def _refuse(*arguments, **_):
    raise OSError(f"this program has no network, and nothing stands in for {arguments[-1]!r}")


def _interrupted(number, frame):
    record(TimeoutError("interrupted"), traceback.extract_stack(frame))
    os._exit(143)


def _as_before_3_9(cm):
    """The function by which programs of that time ask matplotlib for a map of colours."""
    import matplotlib as mpl

    if not hasattr(cm, "get_cmap"):
        cm.get_cmap = lambda name=None, lut=None: mpl.colormaps.get_cmap(name)


class _Shell:
    """What notebooks reach by ``!`` and ``%``."""

    def system(self, command):
        """Runs a command of the shell."""
        subprocess.run(command, shell=True, check=False)

    def getoutput(self, command):
        """Lines that a command prints."""
        return subprocess.run(command, shell=True, check=False, capture_output=True, text=True).stdout.split(
            "\n"
        )

    def run_line_magic(self, name, line):
        """Only the ones that matter to a script."""
        if name == "cd":
            os.chdir(os.path.expanduser(line.strip()))

    def run_cell_magic(self, name, line, cell):
        """Runs Python, shell, or writes a file."""
        if name in ("bash", "shell", "sh"):
            self.system(cell)
        elif name == "writefile":
            with open(line.strip(), "w") as file:
                file.write(cell)
        elif name in ("time", "timeit", "capture", "prun"):
            exec(compile(cell, "<cell>", "exec"), sys.modules["__main__"].__dict__)


class _AfterImport(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Calls a function with a module once it was imported."""

    def __init__(self, name, then):
        self.name, self.then, self.asked = name, then, False

    def find_spec(self, fullname, path=None, target=None):
        """The module's own spec, with this as its loader."""
        if fullname != self.name or self.asked:
            return None
        self.asked = True
        try:
            spec = importlib.util.find_spec(fullname)  # by the finders that come next
        finally:
            self.asked = False  # who asks need not import
        if spec is not None:
            self.loader, spec.loader = spec.loader, self
        return spec

    def create_module(self, spec):
        """As usual."""
        return self.loader.create_module(spec)

    def exec_module(self, module):
        """As usual, and then what is to be done."""
        self.loader.exec_module(module)
        self.then(module)


def _watch_script(scripts):
    import front_ends

    scripts.run_script = _watched(scripts.run_script, lambda: prepare(front_ends.TfKeras()))
    scripts.run_on_keras3 = _watched(
        scripts.run_on_keras3,
        lambda: sys.meta_path.insert(0, _AfterImport("keras", lambda _: prepare(front_ends.Keras3()))),
    )
    shown = sys.excepthook

    def hook(kind, error, trace):
        record(error, traceback.extract_tb(trace))
        shown(kind, error, trace)

    sys.excepthook = hook


def _watched(run, begin):
    def watched(*arguments, **keywords):
        begin()
        try:
            code = run(*arguments, **keywords)
        except SystemExit as end:
            code = end.code or 0
        if code == 0 and not REPORT["error"]:
            export_all()
            REPORT["ended"] = True
            write_report()
        return code

    return watched


def record(error, frames):
    """The first error, and where it is: the line of the program, and the innermost of kcompile."""
    main = sys.modules["__main__"]
    script = [frame for frame in frames if frame.filename == getattr(main, "__file__", None)]
    below = frames[frames.index(script[-1]) + 1 :] if script else frames
    inner = [frame for frame in below if "/kcompile/" in frame.filename or "/stand_ins/" in frame.filename]
    REPORT["error"] = f"{type(error).__name__}: {error}"
    places = [f"{os.path.basename(frame.filename)}:{frame.lineno} {frame.line}" for frame in script[-1:]]
    places += [f"{frame.filename.rpartition('/kcompile/')[2]}:{frame.lineno}" for frame in inner[-1:]]
    REPORT["place"] = " | ".join(places)
    write_report()


def prepare(front_end):
    """Wraps the training of a Keras."""
    import limiting

    FRONT_ENDS.append(front_end)
    limiting.install(front_end, LIMITS, TRAINED, note)


def export_all():
    """Exports what was trained, and compares what onnxruntime computes."""
    import exporting

    for front_end in FRONT_ENDS:
        for name, model, batch in exporting.models(front_end, TRAINED, sys.modules["__main__"].__dict__):
            REPORT["trained"].append(f"{name}: {exporting.export(front_end, model, batch)}")
            write_report()
