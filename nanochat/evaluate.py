"""Score a checkpoint: bits per byte of held-out text, from logits. Frozen.

    NIGHTLAB_VALIDATION  folder of the split to score         NIGHTLAB_SCORE   where the score is written
    NIGHTLAB_SCORING     optional: pipe | inline; by default pipe, unless the logits are too large for it
    NIGHTLAB_ROOM        optional: a JSON list, the beginning of a command that runs in a sandbox without any text
    and the variables of the training (data.py)

This process reads the validation text, and never imports train.py: a child (predict.py) with an empty environment runs
the model. Rows of tokens go there, logits come back; the soft-max, the bytes and the average are computed here. The
score counts only when all rules hold, each named in the error when it is broken (exit code 4, no score is written):

    receipt    the training ran under the referee, with the seed, budget, data and scale that the lab asked for
    harness    train.py leaves the code of the harness as it is
    clock      the FLOPs that the training was charged for are those of the model that is scored
    seed       the model at the start of training is what build_model() draws from the lab's seed
    shape      logits are [rows, length, vocabulary];  finite: each is a number
    causality  other tokens later in the row do not change what is said about the earlier ones
    batch      other rows in the batch do not change what is said about a row
    targets    the true next token is likelier than that of another row
    audit      (inline) rows scored by their logits agree with what was claimed for them
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

sys.path.append(str(Path(__file__).resolve().parent))  # at the end: a file named queue.py must not shadow the real one

import data
import referee

# Logits of one message, bytes.
MESSAGE_BYTES = 4 << 20
# Logits of the whole split above which all of them cannot go through the pipe, bytes.
PIPE_BYTES = 4 << 30
# Rows of one forward pass when the sum is done inline. On a GPU every pass has as many: another shape may mean other
# kernels, whose rounding differs, and is compiled anew.
INLINE_ROWS = 32
# Rows that the probes and the audit draw, by a secret that is new in each evaluation.
PROBE_ROWS = 16
# Largest difference between two answers that should be one, in logits or nats: rounding differs with the batch's shape.
TOLERANCE = {"cpu": 2e-3, "cuda": 0.15}
# Rounding has no direction, cheating has: these parts of it are allowed in the mean over all audited tokens,
# and in the mean over the probes of how far a changed token raises its own logit one place before.
AUDIT_SHARE, LEAK_SHARE = 0.02, 0.3
# The child gets these variables and no other.
PASSED = (
    "PATH",
    "HOME",
    "LD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES",
    "OMP_NUM_THREADS",
    "TMPDIR",
    "PYTHONPYCACHEPREFIX",
    "TRITON_CACHE_DIR",
    "TORCHINDUCTOR_CACHE_DIR",
    *referee.MALLOC,
)


def broken(rule: str, what: str) -> NoReturn:
    raise data.Failure(f"{rule}: {what}", data.EXIT_INTEGRITY)


def main() -> None:
    began = time.monotonic()
    settings = data.Settings.from_environment()
    target = Path(data.required("NIGHTLAB_SCORE"))
    target.unlink(missing_ok=True)
    corpus = data.Corpus.open(Path(data.required("NIGHTLAB_VALIDATION")))
    receipt = check_receipt(settings, corpus)
    rows = evaluation_rows(corpus)
    token_bytes = np.fromfile(corpus.folder / "bytes.bin", dtype=np.uint16).astype(np.int64)
    sizes = token_bytes[rows[:, 1:]]  # UTF-8 bytes that each target stands for; the mark before a document: none
    with servants(settings, corpus, receipt, 2) as (weighing, probed):
        check_weights(weighing.weigh(), corpus.meta["vocabulary"], receipt)
        probes = Probes(rows)
        answers = probes.ask(probed)
    with servants(settings, corpus, receipt, 1) as (scored,):  # in a room of its own: it cannot know what was probed
        check_model(scored.load(describe=True), receipt)
        inline = is_inline(rows, scored.vocabulary)
        nats = (claimed_nats if inline else piped_nats)(scored, rows)
        facts = probes.check(answers, scored, nats, settings.device, inline)
    score = float(nats[sizes > 0].sum(dtype=np.float64) / math.log(2) / sizes.sum())
    if not math.isfinite(score):
        broken("finite", f"the score is {score}")
    result = {
        "score": score,
        "nats": float(nats[sizes > 0].sum(dtype=np.float64)),
        "tokens": int((sizes > 0).sum()),
        "bytes": int(sizes.sum()),
        "rows": len(rows),
        "length": rows.shape[1] - 1,
        "scoring": "inline" if inline else "pipe",
        "probes": facts,
        "split": corpus.meta["split"],
        "corpus": corpus.meta["corpus"],
        "training": receipt,
        "evaluate_s": round(time.monotonic() - began, 3),
    }
    referee.write_json(target, result)
    print(
        f"val_bpb {score:.6f}  ({result['tokens']:,} tokens, {result['bytes']:,} bytes, {result['evaluate_s']:.1f} s)"
    )


def check_receipt(settings: data.Settings, corpus: data.Corpus) -> dict[str, Any]:
    """Return the referee's receipt; raise unless it is of the run that the lab asked for."""
    train = data.read_meta(settings.data)
    for key in ("vocabulary", "tokenizer", "length"):
        if train[key] != corpus.meta[key]:
            raise data.Failure(
                f"training and {corpus.meta['split']} data were prepared with another {key}: "
                f"{train[key]} and {corpus.meta[key]}; run prepare.py again"
            )
    if not (settings.out / "checkpoint.pt").is_file():
        raise data.Failure(f"{settings.out} has no checkpoint.pt: nothing was trained")
    try:
        receipt = json.loads((settings.out / "receipt.json").read_text())
        budget = [settings.budget.amount, settings.budget.unit]
        asked = {
            "seed": settings.seed,
            "scale": settings.scale,
            "budget": budget,
            "horizon": settings.horizon,
            "device": settings.device,
            "data": train["files"]["tokens.bin"][1],
        }
        wrong = [
            f"{key} is {receipt[key]!r}, the lab asked for {value!r}"
            for key, value in asked.items()
            if receipt[key] != value
        ]
        checkpoint, (amount, unit) = receipt["checkpoint"], receipt["budget"]
    except (OSError, ValueError, KeyError, TypeError):
        broken("receipt", "the referee left none; train.py ran without it")
    if data.Budget(amount, unit).is_smoke:
        broken("receipt", f"a run of {amount:g} batches only tries whether train.py runs: it has no score")
    if wrong:
        broken("receipt", wrong[0])
    if checkpoint != data.sha256(settings.out / "checkpoint.pt"):
        broken("receipt", "the checkpoint is not the one that was saved when the budget was over")
    return dict(receipt)


def check_weights(shapes: list[list[int]], vocabulary: int, receipt: dict[str, Any]) -> None:
    """Compare the charge with what the checkpoint's matrices cost at least: a count that no agent code takes part in.

    Tables with a row per token may be lookups, so of those only the smallest counts: there is one head.
    """
    matrices = [math.prod(shape) for shape in shapes if len(shape) == 2 and vocabulary not in shape]
    tables = [math.prod(shape) for shape in shapes if len(shape) == 2 and vocabulary in shape]
    least = 6 * (sum(matrices) + min(tables, default=0))
    if receipt["flops_per_token"] < least:
        broken(
            "clock",
            f"charged for {receipt['flops_per_token']:,} FLOPs per token, the checkpoint's matrices alone "
            f"take {least:,}",
        )


def check_model(described: dict[str, Any], receipt: dict[str, Any]) -> None:
    if "tampered" in described:
        broken("harness", f"train.py changes the harness: data.{described['tampered'][0]}")
    if receipt["flops_per_token"] < 0.999 * described["flops_per_token"]:
        broken(
            "clock",
            f"charged for {receipt['flops_per_token']:,} FLOPs per token, the scored model takes "
            f"{described['flops_per_token']:,}",
        )
    if receipt["initial"] != described["initial"]:
        broken("seed", "training did not start from what build_model() draws from the lab's seed")


def evaluation_rows(corpus: data.Corpus) -> np.ndarray:
    """Cut the split into rows of length + 1 tokens, int32, each beginning with the last one's last token."""
    length = corpus.meta["length"]
    count = (len(corpus.tokens) - 1) // length
    at = np.arange(count)[:, None] * length + np.arange(length + 1)
    return np.asarray(corpus.tokens)[at].astype(np.int32)


def is_inline(rows: np.ndarray, vocabulary: int) -> bool:
    match os.environ.get("NIGHTLAB_SCORING", ""):
        case "pipe":
            return False
        case "inline":
            return True
        case "":
            return rows.size * vocabulary * 4 > PIPE_BYTES
        case other:
            raise data.Failure(f"NIGHTLAB_SCORING {other!r} is neither pipe nor inline")


# --- Servants: processes with the model and without the data ---


class Servant:
    """One process that holds the model; questions and answers over two pipes."""

    def __init__(self, read: int, write: int, load: dict[str, Any]) -> None:
        self._read, self._write = os.fdopen(read, "rb"), os.fdopen(write, "wb")
        self._load = load
        self.vocabulary: int = load["vocabulary"]

    def load(self, describe: bool) -> dict[str, Any]:
        return self._ask({**self._load, "describe": describe})

    def weigh(self) -> list[list[int]]:
        """Return the shapes of the checkpoint's tensors."""
        shapes: list[list[int]] = self._ask({"op": "weigh", "checkpoint": self._load["checkpoint"]})["shapes"]
        return shapes

    def logits(self, rows: np.ndarray) -> np.ndarray:
        """Ask for the logits of rows of input tokens. [rows, length] -> float32 [rows, length, vocabulary]"""
        return self._values("logits", rows, (*rows.shape, self.vocabulary))

    def nats(self, rows: np.ndarray) -> np.ndarray:
        """Ask for the nats of each target. [rows, length + 1] -> float32 [rows, length]"""
        return self._values("nats", rows, (rows.shape[0], rows.shape[1] - 1))

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._write.close()
            self._read.close()

    def _values(self, op: str, rows: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        answer = self._ask({"op": op, "rows": rows.shape[0], "length": rows.shape[1] - (op == "nats")}, rows.tobytes())
        if tuple(answer.get("shape", ())) != shape or answer.get("bytes") != 4 * math.prod(shape):
            broken("shape", f"the model returned {answer.get('shape')}, not {list(shape)}")
        values = np.empty(shape, dtype=np.float32)
        if self._read.readinto(memoryview(values).cast("B")) != values.nbytes:
            raise data.Failure("the process with the model ended in the middle of an answer")
        if not math.isfinite(float(values.sum(dtype=np.float64))):
            broken("finite", "the model returned numbers that are not finite")
        return values

    def _ask(self, question: dict[str, Any], payload: bytes = b"") -> dict[str, Any]:
        try:
            data.send(self._write, question)
            self._write.write(payload)
            self._write.flush()
            answer = data.receive(self._read)
        except (OSError, EOFError, ValueError):
            raise data.Failure("the process with the model ended without an answer") from None
        if "error" in answer:
            raise data.Failure(f"the model cannot be scored: {answer['error']}")
        return answer


@contextlib.contextmanager
def servants(
    settings: data.Settings, corpus: data.Corpus, receipt: dict[str, Any], count: int
) -> Iterator[tuple[Servant, ...]]:
    """Start predict.py with so many servants; end it and all that it started afterwards."""
    here = Path(__file__).resolve().parent
    load = {
        "op": "load",
        "train": str(here / "train.py"),
        "checkpoint": str((settings.out / "checkpoint.pt").resolve()),
        "vocabulary": corpus.meta["vocabulary"],
        "length": corpus.meta["length"],
        "scale": settings.scale,
        "seed": settings.seed,
        "device": settings.device,
        "trained_length": receipt["length"],
        "least_rows": INLINE_ROWS if settings.device == "cuda" else 1,
    }
    ours, theirs = [], []
    for _ in range(count):
        (read, they_write), (they_read, write) = os.pipe(), os.pipe()
        ours.append(Servant(read, write, load))
        theirs.append((they_read, they_write))
    environment = {name: os.environ[name] for name in PASSED if name in os.environ}
    referee.adopt_orphans()
    room = json.loads(os.environ.get("NIGHTLAB_ROOM", "[]"))
    command = [*room, sys.executable, "-P", "-W", "ignore", str(here / "predict.py"), *(f"{r},{w}" for r, w in theirs)]
    # What agent code prints goes to our stdout: the first line of our stderr is ours.
    child = subprocess.Popen(
        command,
        cwd=here,
        env={"OPENBLAS_NUM_THREADS": "1", **referee.MALLOC, **environment},
        stdin=subprocess.DEVNULL,
        stderr=sys.stdout,
        pass_fds=[fd for pair in theirs for fd in pair],
    )
    for fd in (fd for pair in theirs for fd in pair):
        os.close(fd)
    try:
        yield tuple(ours)
    finally:
        referee.end_descendants(child)
        for servant in ours:
            servant.close()


# --- Scoring ---


def piped_nats(servant: Servant, rows: np.ndarray) -> np.ndarray:
    """Return the nats of every target from logits that come through the pipe, float32 [rows, length]."""
    nats = np.empty((len(rows), rows.shape[1] - 1), dtype=np.float32)
    at_once = max(1, MESSAGE_BYTES // (4 * rows.shape[1] * servant.vocabulary))
    for first in range(0, len(rows), at_once):
        some = rows[first : first + at_once]
        nats[first : first + at_once] = cross_entropy(servant.logits(np.ascontiguousarray(some[:, :-1])), some[:, 1:])
    return nats


def claimed_nats(servant: Servant, rows: np.ndarray) -> np.ndarray:
    """Return the nats of every target as the process with the model claims them."""
    parts = [servant.nats(np.ascontiguousarray(rows[i : i + INLINE_ROWS])) for i in range(0, len(rows), INLINE_ROWS)]
    return np.concatenate(parts)


def cross_entropy(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return -log softmax(logits)[target]; overwrites the logits. [.., vocabulary], [..] -> [..]

    The largest logit and the chosen one are subtracted before anything else is added: beside a constant of 1e30 float32
    would lose the sum, and a model that says so of every token would score 0.
    """
    chosen = np.take_along_axis(logits, targets[..., None].astype(np.int64), axis=-1)[..., 0]
    top = logits.max(axis=-1)
    logits -= top[..., None]
    np.exp(logits, out=logits)
    return np.log(logits.sum(axis=-1)) + (top - chosen)


# --- Probes ---


class Probes:
    """Questions whose answers an honest model has no choice about, on rows drawn by a secret."""

    def __init__(self, rows: np.ndarray) -> None:
        self.random = np.random.default_rng(secrets.randbits(128))
        count = min(PROBE_ROWS, len(rows) // 2)
        chosen = self.random.permutation(len(rows))[: 2 * count]
        self.rows, others = chosen[:count], chosen[count:]
        self.inputs = np.ascontiguousarray(rows[self.rows, :-1])
        self.targets = rows[self.rows, 1:]
        self.mates = np.ascontiguousarray(rows[others, :-1])
        length = self.inputs.shape[1]
        self.cuts = self.random.integers(1, length, size=count)  # first token that is another one
        self.changed = self.inputs.copy()
        for row, cut in enumerate(self.cuts):  # real text from another row: it must not look like a probe
            self.changed[row, cut:] = self.mates[row, cut:]
            if self.changed[row, cut] == self.inputs[row, cut]:
                self.changed[row, cut] = self.inputs[row, cut] == 0

    def ask(self, servant: Servant) -> tuple[np.ndarray, np.ndarray]:
        """Return the logits of the changed rows, and of the true rows among other rows in another order."""
        servant.load(describe=False)
        changed = servant.logits(self.changed)
        mixed = servant.logits(np.ascontiguousarray(np.concatenate([self.mates, self.inputs])[::-1]))[::-1]
        return changed, mixed[len(self.mates) :]

    def check(
        self, answers: tuple[np.ndarray, np.ndarray], servant: Servant, nats: np.ndarray, device: str, inline: bool
    ) -> dict[str, Any]:
        changed, mixed = answers
        limit = TOLERANCE[device]
        true = servant.logits(self.inputs)
        before = np.arange(self.inputs.shape[1]) < self.cuts[:, None]
        batch = float(np.abs(mixed - true).max())
        if batch > limit:
            broken("batch", f"the other rows of a batch change the logits of a row by {batch:.3g}")
        causality = float(np.abs(changed - true)[before].max())
        leak = self.leak(true, changed)
        if causality > limit or leak > LEAK_SHARE * limit:
            broken(
                "causality",
                f"tokens later in a row change the logits of earlier ones by {causality:.3g}, "
                f"their own by {leak:.3g} in the mean",
            )
        audited = cross_entropy(true.copy(), self.targets)
        wrong = audited - nats[self.rows]
        audit, bias = float(np.abs(wrong).max()), float(wrong.mean(dtype=np.float64))
        if audit > limit or bias > AUDIT_SHARE * limit:
            broken(
                "audit" if inline else "batch",
                f"rows asked for again differ from what was scored by {audit:.3g}, in the mean by {bias:.3g}",
            )
        shuffled = float(cross_entropy(true, np.roll(self.targets, 1, axis=0)).mean())
        if shuffled < float(audited.mean()):
            broken("targets", "another row's tokens are likelier than the true ones")
        return {
            "rows": len(self.rows),
            "causality": causality,
            "batch": batch,
            "audit": audit,
            "leak": leak,
            "bias": bias,
            "shuffled_nats": round(shuffled, 4),
            "tolerance": limit,
        }

    def leak(self, true: np.ndarray, changed: np.ndarray) -> float:
        """Return by how much the first changed token is preferred to the true one for being there, in logits."""
        row, place = np.arange(len(self.cuts)), self.cuts
        moved = changed[row, place - 1] - true[row, place - 1]  # [rows, vocabulary]
        return float((moved[row, self.changed[row, place]] - moved[row, self.inputs[row, place]]).mean())


if __name__ == "__main__":
    data.guard(main)
