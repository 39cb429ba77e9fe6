"""CRC-32C (Castagnoli), the checksum of TFRecord files.

Long data is cut into lanes that numpy computes side by side; a lane's register goes into the next one's by
what 256 bytes of zeros make of it, which is linear in its bits.
"""

from __future__ import annotations

from functools import cache

import numpy as np

_POLYNOMIAL = 0x82F63B78
_LANE = 256
#: Below this many bytes a loop of Python is as quick.
_SHORT = 4096


@cache
def _table() -> np.ndarray:
    """What a register of 8 bits becomes."""
    registers = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        registers = np.where(registers & 1, registers >> 1 ^ np.uint32(_POLYNOMIAL), registers >> 1)
    return registers.astype(np.uint32)


@cache
def _plain_table() -> list[int]:
    return _table().tolist()


def _advanced(registers: np.ndarray, lanes: np.ndarray) -> np.ndarray:
    """Registers (lanes,) after the bytes (lanes, length)."""
    table = _table()
    for column in lanes.T:
        registers = table[(registers ^ column) & 0xFF] ^ registers >> 8
    return registers


@cache
def _past_a_lane() -> list[list[int]]:
    """For each byte of a register, what each of its values becomes over a lane of zeros."""
    values = np.concatenate([np.arange(256, dtype=np.uint32) << shift for shift in (0, 8, 16, 24)])
    after = _advanced(values.astype(np.uint32), np.zeros((len(values), _LANE), np.uint8))
    return after.reshape(4, 256).tolist()


def crc32c(data: bytes) -> int:
    """The checksum of bytes."""
    if len(data) < _SHORT:
        return _looped(data)
    array = np.frombuffer(data, np.uint8)
    # zeros in front change nothing of a register of 0; the first register, all ones, is in the first bytes
    lanes = np.zeros(-(-len(array) // _LANE) * _LANE, np.uint8)
    lanes[len(lanes) - len(array) :] = array
    lanes[len(lanes) - len(array) :][:4] ^= 0xFF
    rows = lanes.reshape(-1, _LANE)
    found = _advanced(np.zeros(len(rows), np.uint32), rows).tolist()
    low, second, third, high = _past_a_lane()
    register = 0
    for lane in found:
        past = low[register & 0xFF] ^ second[register >> 8 & 0xFF] ^ third[register >> 16 & 0xFF]
        register = past ^ high[register >> 24] ^ lane
    return register ^ 0xFFFFFFFF


def _looped(data: bytes) -> int:
    table = _plain_table()
    register = 0xFFFFFFFF
    for byte in data:
        register = table[(register ^ byte) & 0xFF] ^ register >> 8
    return register ^ 0xFFFFFFFF
