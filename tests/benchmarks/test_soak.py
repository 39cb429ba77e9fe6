"""The topic `soak` sees what is held more and more, and its work is done without faults."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

pytest.importorskip("torch")

from benchmarks import soak, soak_working


def looks(
    resident: Callable[[int], float] = lambda n: 100.0 + n % 2,
    handles: Callable[[int], int] = lambda n: 20 + n % 3,
    threads: Callable[[int], int] = lambda n: 5,
    processes: Callable[[int], int] = lambda n: 0,
    work: Callable[[int], int] = lambda n: n,
) -> list[soak.Look]:
    """Ten minutes, a look a second."""
    return [
        soak.Look(float(n), resident(n), handles(n), threads(n), processes(n), work(n)) for n in range(600)
    ]


@pytest.mark.parametrize(
    ("held", "too_much"),
    [
        (looks(), None),
        (looks(resident=lambda n: 300.0 if n > 90 else 100.0 + 2 * n), None),  # caches fill at first
        (looks(resident=lambda n: 100.0 + n / 30 + 5 * (n % 2)), "memory"),
        (looks(handles=lambda n: 20 + n // 100), "handles"),
        (looks(threads=lambda n: 5 + n // 200), "threads"),
        (looks(processes=lambda n: n // 100), "processes"),
        # little was done at first, as on a busy machine: caches fill for longer
        (
            looks(
                resident=lambda n: 300.0 if n > 420 else 100.0 + n / 3, work=lambda n: max(n // 9, n - 400)
            ),
            None,
        ),
        (looks(work=lambda n: n // 9), "too"),
    ],
    ids=["flat", "caches", "memory", "handles", "threads", "processes", "slow at first", "too little"],
)
def test_what_grows_is_seen_whatever_is_done_in_between(held: list[soak.Look], too_much: str | None) -> None:
    found = soak.judged("train", held, Counter({"callbacks": 3}), 0)
    assert [row.what.split()[0] for row in found if not row.reached] == ([too_much] if too_much else [])


def test_faults_are_told() -> None:
    row = next(iter(soak.judged("load", looks(), Counter({"sound": 9, "fault: saved: OSError": 1}), 1)))
    assert not row.reached and "fault: saved: OSError: 1, sound: 9" in row.what


@pytest.mark.parametrize(("kind", "tasks"), [("train", 3), ("predict", 4), ("load", 4)])
def test_the_work_is_done_without_faults(kind: str, tasks: int) -> None:
    came: Counter[str] = Counter()
    with soak.working(kind) as (process, work, is_fault):
        for _ in range(tasks):
            came.update(work())
        assert process.resident_mib > 50 and process.handles > 2 and process.threads > 0
    assert sum(came.values()) == tasks
    assert not [code for code in came if is_fault(code)]


def test_an_error_of_a_task_is_a_fault_and_the_next_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def right() -> str:
        return "done"

    def wrong() -> None:
        raise KeyError("x")

    monkeypatch.setattr("sys.stdin", ["\n", "\n", "\n"])
    soak_working.work([right, wrong])
    assert capsys.readouterr().out.splitlines() == [
        "ready",
        '{"done": 1}',
        '{"fault: wrong: KeyError": 1}',
        '{"done": 1}',
    ]
