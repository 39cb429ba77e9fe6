"""What this machine's processor has for integers of 8 bits."""

from __future__ import annotations

import functools
import platform
from pathlib import Path

_X86 = ("x86_64", "amd64", "i386", "i686")


def is_x86(machine: str | None = None) -> bool:
    """Whether the processor is one of Intel's or AMD's line."""
    return (platform.machine() if machine is None else machine).lower() in _X86


@functools.cache
def cpu_flags() -> frozenset[str]:
    """What Linux says the processor has ("avx2", "avx512_vnni" ...); nothing on other systems."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return frozenset()
    lines = (line.partition(":") for line in text.splitlines())
    return frozenset(
        flag for key, _, value in lines if key.strip() in ("flags", "Features") for flag in value.split()
    )


def has_vnni() -> bool:
    """Whether products of 8 bits are summed in 32 by one instruction. False where nobody says."""
    return not cpu_flags().isdisjoint(("avx512_vnni", "avx_vnni", "avx512vnni"))


def saturates() -> bool:
    """Whether sums of two products of 8 bits are cut at 16 bits, so that weights should have 7 bits.

    That is what AVX2 and AVX512 without VNNI do (VPMADDUBSW); processors of ARM do not.
    """
    return is_x86() and not has_vnni()
