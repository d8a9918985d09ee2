"""Counter-based randomness: every draw is a hash of its address.

There is no generator state. A draw is addressed by (seed, lane, episode, step, rule, index), folded
into a 64-bit key one part after the other, so an episode does not depend on which other lanes run
beside it, in what order, or on how many threads. The hash is the finaliser of SplitMix64 (Steele,
Lea and Flood, "Fast splittable pseudorandom number generators", 2014; constants by Stafford).

Normal deviates use the Box-Muller transform in single precision. Its logarithm, sine and cosine are
the polynomials of the Cephes library: only additions, multiplications and square roots, which IEEE
754 rounds alike on every machine, so observations are the same bits everywhere; and the loop has
no branch, so the compiler turns it into vector instructions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from soc_env.engine.compile import rule

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLY_1 = np.uint64(0xBF58476D1CE4E5B9)
_MULTIPLY_2 = np.uint64(0x94D049BB133111EB)
_SHIFT_30, _SHIFT_27, _SHIFT_31 = np.uint64(30), np.uint64(27), np.uint64(31)
_SHIFT_11, _SHIFT_32, _LOW_32 = np.uint64(11), np.uint64(32), np.uint64(0xFFFFFFFF)
_TO_UNIT = 1.0 / (1 << 53)


@rule
def mix(z):
    """Scramble 64 bits (a bijection)."""
    z = (z ^ (z >> _SHIFT_30)) * _MULTIPLY_1
    z = (z ^ (z >> _SHIFT_27)) * _MULTIPLY_2
    return z ^ (z >> _SHIFT_31)


@rule
def fold(key, value):
    """The key of address part `value` (an integer >= 0) below `key`."""
    return mix(key ^ mix((np.uint64(value) + np.uint64(1)) * _GOLDEN))


@rule
def uniform(stream, index):
    """Draw number `index` of a stream: a float64 in [0, 1)."""
    bits = mix(stream + np.uint64(index) * _GOLDEN)
    return np.int64(bits >> _SHIFT_11) * _TO_UNIT


_f = np.float32
_ONE, _TWO, _HALF = _f(1.0), _f(2.0), _f(0.5)
_LN_2 = _f(0.6931471805599453)
_TO_OPEN_UNIT = _f(2.0**-24)
_QUARTER_PI = _f(np.pi / 4 * 2.0**-23)
_SQRT_HALF_BITS = np.int32(0x3F3504F3)
_EXPONENT = np.int32(23)
_LOG = tuple(
    _f(c)
    for c in (
        7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
        -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
    )
)  # fmt: skip
_SIN = tuple(_f(c) for c in (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1))
_COS = tuple(_f(c) for c in (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2))


@rule
def _log(x):
    """Natural logarithm of a float32 in (0, 1]."""
    bits = _f(x).view(np.int32)
    exponent = np.int32((bits - _SQRT_HALF_BITS) >> _EXPONENT)
    m = np.int32(bits - np.int32(exponent << _EXPONENT)).view(np.float32) - _ONE
    p = _LOG[0]
    p = p * m + _LOG[1]
    p = p * m + _LOG[2]
    p = p * m + _LOG[3]
    p = p * m + _LOG[4]
    p = p * m + _LOG[5]
    p = p * m + _LOG[6]
    p = p * m + _LOG[7]
    p = p * m + _LOG[8]
    square = m * m
    return m + (m * square * p - _HALF * square) + _f(exponent) * _LN_2


@rule
def fill_normals(stream, out: NDArray[np.float32]) -> None:
    """Fill `out` (float32, an even number) with independent standard normal deviates of a stream."""
    half = out.shape[0] // 2
    for j in range(half):
        bits = mix(stream + np.uint64(j) * _GOLDEN)
        for_radius = np.uint32(bits >> _SHIFT_32)
        for_angle = np.uint32(bits & _LOW_32)
        # The radius from 24 bits, the angle from 24 others within an eighth of a turn either way,
        # and two more bits that swap the coordinates and turn the signs.
        u = (_f(np.int32(for_radius >> np.uint32(8))) + _HALF) * _TO_OPEN_UNIT
        radius = np.sqrt(-_TWO * _log(u))
        signed = np.int32(np.uint32(for_angle << np.uint32(2)))
        x = _f(np.int32(signed >> np.int32(8))) * _QUARTER_PI
        square = x * x
        sine = ((_SIN[0] * square + _SIN[1]) * square + _SIN[2]) * square * x + x
        cosine = ((_COS[0] * square + _COS[1]) * square + _COS[2]) * square * square
        cosine = cosine - _HALF * square + _ONE
        swap = (for_angle >> np.uint32(31)) != np.uint32(0)
        negate = ((for_angle >> np.uint32(30)) & np.uint32(1)) != np.uint32(0)
        signed_radius = -radius if negate else radius
        out[j] = signed_radius * (sine if swap else cosine)
        out[j + half] = signed_radius * (cosine if swap else sine)
