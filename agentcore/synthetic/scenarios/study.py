"""What is trained in a scenario, and what does it score? A small train.py of constants; every value has an effect."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

FILE = "train.py"
"""The editable file."""

SIGMA = 0.0004
"""Spread of runs of one tree, in units of the score."""
SLOPE = 0.012
"""What a budget that is e times smaller costs."""
START, LARGE_START = 0.9979, 0.9102
"""Mean score of the first trunk, at its size and at the larger one."""

TRAIN = '''"""Train a small language model for five minutes."""

import math
from dataclasses import dataclass

# Layers.
DEPTH = 8

# Width per layer.
ASPECT_RATIO = 64

# Attention: head size, and which layers look back far.
HEAD_DIM = 128

WINDOW_PATTERN = "SSSL"

# Base of the rotary wavelengths.
ROPE_BASE = 10_000

# Added under the root of the query and key norms.
QK_NORM_EPS = 1e-6

# Tokens of an optimizer step, and sequences that fit on the device.
TOTAL_BATCH = 2**19

DEVICE_BATCH = 64

# Peak learning rates.
EMBEDDING_LR = 0.6

UNEMBEDDING_LR = 0.004

MATRIX_LR = 0.04

SCALAR_LR = 0.5

# How much of the first layer's input every layer sees.
X0_LAMBDA = 0.1

# Shrinks the matrices.
WEIGHT_DECAY = 0.2

# Muon: momentum, and the steps over which it rises.
MUON_MOMENTUM = 0.95

MUON_RAMP = 300

# Shares of the budget: up, down, and where the rate ends.
WARMUP_RATIO = 0.0

WARMDOWN_RATIO = 0.5

FINAL_LR_FRAC = 0.0


@dataclass(frozen=True)
class GPTConfig:
    """The shape of the model."""

    n_layer: int = DEPTH
    n_embd: int = DEPTH * ASPECT_RATIO
    head_dim: int = HEAD_DIM
    window_pattern: str = WINDOW_PATTERN


def learning_rate(progress: float, peak: float) -> float:
    """Return the rate for what is used of the budget: up, flat, down."""
    if progress < WARMUP_RATIO:
        return peak * progress / WARMUP_RATIO
    if progress < 1.0 - WARMDOWN_RATIO:
        return peak
    cooled = (1.0 - progress) / WARMDOWN_RATIO
    return peak * (cooled + (1.0 - cooled) * FINAL_LR_FRAC)


def rotary_frequencies(head_dim: int) -> list[float]:
    """Return the inverse wavelengths of the rotary embedding."""
    return [ROPE_BASE ** (-channel / head_dim) for channel in range(0, head_dim, 2)]


def momentum(step: int) -> float:
    """Return Muon's momentum: it rises over the first steps."""
    return min(1.0, step / MUON_RAMP) * MUON_MOMENTUM + max(0.0, 1 - step / MUON_RAMP) * 0.85


def warmup_is_over(progress: float) -> bool:
    """Return True where the peak is reached."""
    return progress >= WARMUP_RATIO and math.isfinite(progress)
'''

_CONSTANT = re.compile(r"^([A-Z0-9_]+) = (.+)$", re.MULTILINE)

_FIRST = frozenset(_CONSTANT.findall(TRAIN))

_HELPS = {
    ("TOTAL_BATCH", "2**18"): 8.0,
    ("WARMUP_RATIO", "0.05"): 5.0,
    ("DEPTH", "9"): 7.0,
    ("WINDOW_PATTERN", '"SSSSL"'): 6.0,
    ("X0_LAMBDA", "0.05"): 4.5,
    ("EMBEDDING_LR", "0.8"): 5.0,
    ("ROPE_BASE", "100_000"): 5.0,
    ("ROPE_BASE", "200_000"): 10.0,
    ("ROPE_BASE", "50_000"): 4.5,
    ("QK_NORM_EPS", "1e-5"): 4.5,
    ("MUON_RAMP", "200"): 5.0,
    ("MUON_RAMP", "250"): 4.5,
    ("WARMDOWN_RATIO", "0.6"): 5.0,
    ("FINAL_LR_FRAC", "0.05"): 4.0,
    ("UNEMBEDDING_LR", "1.0"): 30.0,
}
"""{(constant, value): its effect in σ} of what the scenarios tell of; the last one is too good to be true."""

_FADES = frozenset({"WINDOW_PATTERN"})
_HURTS_LARGE = {"X0_LAMBDA": -14.0}
"""Constants whose gain is gone, or turned round (in σ), at the larger size."""


@dataclass(frozen=True)
class Idea:
    """One change of one constant."""

    name: str
    value: str
    words: str
    """Its hypothesis."""

    def written(self, source: str) -> str:
        """Return the source with this idea in it."""
        return re.sub(rf"^{self.name} = .+$", f"{self.name} = {self.value}", source, count=1, flags=re.MULTILINE)


def score(source: str, seed: int, scale: int = 1, fraction: float = 1.0) -> float:
    """Return what a run of this source scores; the same run twice scores the same. `fraction`: of the budget.

    Noise is normal but cut off at 1.5 σ, so that a scenario's winners win whatever its seed.
    """
    noise = max(-1.5, min(1.5, random.Random(f"{source} {seed} {scale} {fraction:.4f}").gauss(0.0, 1.0)))
    start = (START if scale == 1 else LARGE_START) - SLOPE * math.log(fraction)
    return start - SIGMA * (true_gain(source, scale) + noise)


@lru_cache(maxsize=4096)
def true_gain(source: str, scale: int = 1) -> float:
    """Return the gain of a source over the first trunk, in σ."""
    return sum(_effect(name, value, scale) for name, value in _CONSTANT.findall(source))


def ideas(seed: str) -> Iterator[Idea]:
    """Yield ideas without end: constants scaled, of which few help. The same seed, the same ideas."""
    drawn = random.Random(seed)
    numbers = [(name, value) for name, value in sorted(_FIRST) if re.fullmatch(r"[\d._]+|\d+e-\d+", value)]
    while True:
        name, first = drawn.choice(numbers)
        factor = drawn.choice((0.5, 0.7, 0.8, 0.9, 1.1, 1.25, 1.5, 2.0))
        number = float(first.replace("_", "")) * factor or round(drawn.uniform(0.01, 0.1), 3)
        value = f"{number:.0f}" if first.replace("_", "").isdecimal() and number >= 4 else f"{number:.4g}"
        if (name, value) not in _FIRST and value not in ("0", "1e-06"):
            yield Idea(name, value, f"{name.lower().replace('_', ' ')} to {value}")


def _effect(name: str, value: str, scale: int) -> float:
    if (name, value) in _FIRST:
        return 0.0
    effect = _HELPS.get((name, value))
    if effect is None:
        drawn = random.Random(f"{name} {value}")
        effect = drawn.uniform(0.5, 2.0) if drawn.random() < 0.05 else -drawn.uniform(0.5, 4.0)
    if scale > 1 and name in _FADES:
        return 0.0
    return _HURTS_LARGE.get(name, effect) if scale > 1 and effect > 0 else effect
