"""What suites of tests of others have in common: outcomes, and those that differ, with reasons."""

from __future__ import annotations

from collections import Counter
from pathlib import Path


def read_outcomes(path: Path) -> dict[str, str]:
    """What standins.py wrote: an outcome and a test per line."""
    lines = path.read_text().splitlines() if path.is_file() else []
    return {test: outcome for outcome, test in (line.split(" ", 1) for line in lines)}


def read_differences(text: str) -> dict[str, str]:
    """Reason by pattern of tests, from lines ``[reason]`` with the patterns below."""
    reasons: dict[str, str] = {}
    reason = ""
    for line in (line.strip() for line in text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            reason = line[1:-1]
        elif line and not line.startswith("#"):
            reasons[line] = reason
    return reasons


def matches(test: str, pattern: str) -> bool:
    """Whether a pattern of ``differences.txt`` means the test; ``*`` at its end means all that begin so."""
    pattern = pattern.removeprefix("? ")
    return test.startswith(pattern[:-1]) if pattern.endswith("*") else test == pattern


def compare(outcomes: dict[str, str], reasons: dict[str, str]) -> tuple[list[str], list[str], Counter[str]]:
    """Failures without a reason, reasons without a failure (but ``? test``: now so, now so), and a count of
    failures by reason."""
    failed = [test for test, outcome in outcomes.items() if outcome == "failed"]
    counts: Counter[str] = Counter()
    unexpected = []
    for test in failed:
        pattern = next((pattern for pattern in reasons if matches(test, pattern)), None)
        if pattern is None:
            unexpected.append(test)
        else:
            counts[reasons[pattern]] += 1
    ran = [test for test, outcome in outcomes.items() if outcome != "skipped"]
    idle = [
        pattern
        for pattern in reasons
        if not pattern.startswith("? ")
        and any(matches(test, pattern) for test in ran)
        and not any(matches(test, pattern) for test in failed)
    ]
    return unexpected, idle, counts
