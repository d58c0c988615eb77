"""What the harness hands to a training: data in packed rows, the clock, the seed, the scale. Frozen.

Two processes share this file. The *referee* (referee.py) owns the data and the clock and starts train.py as its child.
Inside the child a `Run` talks to the referee over two pipes: it asks for a batch and gets rows and the progress, until
the budget is over. So the clock, the seed of the data order and the token count are not in the process that an agent
edits: changing them there changes nothing, and what can still be bent is checked afterwards by evaluate.py.

    NIGHTLAB_DATA     folder with the training tokens         NIGHTLAB_SEED     integer
    NIGHTLAB_OUT      the only folder a run writes to         NIGHTLAB_SCALE    1, or 2 for the larger retest
    NIGHTLAB_BUDGET   "600 GFLOP" or "300 s"                  NIGHTLAB_DEVICE   cpu | cuda
                      "3 batches" only tries whether train.py runs: evaluate.py gives it no score
    NIGHTLAB_CPU_CAP_S  optional: CPU seconds after which the data ends whatever the budget says
    NIGHTLAB_HORIZON    optional: fraction of the budget at which this run, and every schedule in it, ends
"""

from __future__ import annotations

import bisect
import dataclasses
import hashlib
import json
import math
import os
import queue
import resource
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch

# Exit codes that the lab tells apart.
EXIT_INPUT, EXIT_NAN, EXIT_INTEGRITY, EXIT_MEMORY = 1, 3, 4, 5
# Pieces of text that wait to be packed: of more of them rows are cut less often, of fewer an epoch ends more evenly.
PACKING_BUFFER = 512
# Files above this size are hashed by prepare.py only; a training checks their length. Bytes.
HASH_LIMIT = 1 << 28
# Dense bfloat16 peak of one device, FLOP/s, by a word in its name (data sheets of the makers, without sparsity).
PEAK_FLOPS = {
    "H100 PCIe": 756e12,
    "H100 NVL": 835e12,
    "H100": 989.5e12,
    "H200": 989.5e12,
    "B200": 2250e12,
    "A100": 312e12,
    "L40S": 362e12,
    "RTX 4090": 165e12,
    "RTX 5090": 209e12,
}


class Failure(Exception):
    """An expected end: one line for the researcher and the exit code of the process."""

    def __init__(self, message: str, code: int = EXIT_INPUT) -> None:
        super().__init__(message)
        self.code = code


def guard(main: Callable[[], None]) -> None:
    """Run main(); turn expected failures into one line on stderr and an exit code."""
    try:
        main()
        sys.stdout.flush()
    except Failure as failure:
        sys.exit(_fail(str(failure), failure.code))
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        sys.exit(_fail(str(error), EXIT_INPUT))
    except MemoryError:
        sys.exit(_fail("out of memory", EXIT_MEMORY))
    except RuntimeError as error:
        first = str(error).strip().partition("\n")[0]
        if "out of memory" not in first and "can't allocate memory" not in first:
            raise
        sys.exit(_fail(f"out of memory: {first}", EXIT_MEMORY))


def _fail(message: str, code: int) -> int:
    sys.stdout.flush()
    print(f"error: {message}" if code != EXIT_INTEGRITY else f"invalid: {message}", file=sys.stderr, flush=True)
    return code


# --- Settings: what the lab asks for, from the environment ---


@dataclasses.dataclass(frozen=True)
class Budget:
    """An amount of training: model FLOPs (exact and repeatable under load), wall-clock seconds, or a few batches.

    Batches are for a smoke run, which tries an edit before anybody waits for its score. "0 batches" imports, builds the
    model, counts its FLOPs and saves: where even one batch takes too long on a CPU.
    """

    amount: float
    unit: str  # "flop" | "s" | "batches"

    @property
    def is_smoke(self) -> bool:
        """True when the run is only tried, and never scored."""
        return self.unit == "batches"

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Read "600 GFLOP", "4.8 TFLOP", "300 s", "5 min" or "3 batches"."""
        units = {
            "GFLOP": (1e9, "flop"),
            "TFLOP": (1e12, "flop"),
            "PFLOP": (1e15, "flop"),
            "s": (1.0, "s"),
            "min": (60.0, "s"),
            "batches": (1.0, "batches"),
        }
        number, _, unit = text.strip().partition(" ")
        try:
            amount = float(number) * units[unit.strip()][0]
        except (ValueError, KeyError):
            raise Failure(
                f"NIGHTLAB_BUDGET {text!r} is not a budget; write a number, a space and one of {', '.join(units)}"
            ) from None
        budget = cls(amount, units[unit.strip()][1])
        if not (0 < amount < math.inf or (budget.is_smoke and amount == 0)):
            raise Failure(f"NIGHTLAB_BUDGET {text!r} must be positive and finite")
        return budget


@dataclasses.dataclass(frozen=True)
class Settings:
    """The environment of one run, checked once."""

    data: Path
    out: Path
    seed: int
    budget: Budget
    scale: int
    device: str
    cpu_cap_s: float | None
    horizon: float

    @classmethod
    def from_environment(cls) -> Settings:
        horizon = number("NIGHTLAB_HORIZON", 1.0)
        if not 0 < horizon <= 1:
            raise Failure(f"NIGHTLAB_HORIZON {horizon:g} must be above 0 and at most 1")
        scale = int(number("NIGHTLAB_SCALE", 1))
        if scale < 1:
            raise Failure(f"NIGHTLAB_SCALE {scale} must be at least 1")
        device = os.environ.get("NIGHTLAB_DEVICE", "cpu")
        if device not in ("cpu", "cuda"):
            raise Failure(f"NIGHTLAB_DEVICE {device!r} is neither cpu nor cuda")
        cap = number("NIGHTLAB_CPU_CAP_S", math.inf)
        return cls(
            Path(required("NIGHTLAB_DATA")),
            Path(required("NIGHTLAB_OUT")),
            int(number("NIGHTLAB_SEED", 0)),
            Budget.parse(required("NIGHTLAB_BUDGET")),
            scale,
            device,
            None if cap == math.inf else cap,
            horizon,
        )


def required(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise Failure(f"{name} is not set")
    return value


def number(name: str, default: float) -> float:
    text = os.environ.get(name, "")
    try:
        return float(text) if text else default
    except ValueError:
        raise Failure(f"{name} {text!r} is not a number") from None


# --- Corpus: tokens on disk, as prepare.py wrote them ---


@dataclasses.dataclass(frozen=True)
class Corpus:
    """One split: all documents' tokens back to back, and where each document starts."""

    folder: Path
    meta: dict[str, Any]
    tokens: np.ndarray  # uint16 [tokens], memory-mapped
    starts: np.ndarray  # int64 [documents + 1], the last one is the number of tokens

    @classmethod
    def open(cls, folder: Path) -> Corpus:
        """Open a split and check it against its meta.json; raise Failure on anything missing, cut short or changed."""
        meta = read_meta(folder)
        for name, (size, digest) in meta["files"].items():
            check_file(folder / name, size, digest)
        tokens = np.memmap(folder / "tokens.bin", dtype=np.uint16, mode="r")
        starts = np.fromfile(folder / "documents.bin", dtype=np.int64)
        if len(starts) < 2 or starts[-1] != len(tokens):
            raise Failure(f"{folder}: documents.bin does not belong to tokens.bin; run prepare.py again")
        return cls(folder, meta, tokens, starts)


def read_meta(folder: Path) -> dict[str, Any]:
    path = folder / "meta.json"
    try:
        meta = json.loads(path.read_text())
    except FileNotFoundError:
        raise Failure(f"no data in {folder}; run prepare.py first") from None
    except (OSError, ValueError) as error:
        raise Failure(f"{path} cannot be read ({error}); run prepare.py again") from None
    if not isinstance(meta, dict) or meta.get("format") != 1:
        raise Failure(f"{path} is not of format 1; run prepare.py again")
    return meta


def check_file(path: Path, size: int, digest: str) -> None:
    if not path.is_file():
        raise Failure(f"{path} is missing; run prepare.py again")
    if path.stat().st_size != size:
        raise Failure(f"{path} has {path.stat().st_size} bytes, not {size}: truncated; run prepare.py again")
    if size <= HASH_LIMIT and sha256(path) != digest:
        raise Failure(f"{path} has a wrong checksum; run prepare.py again")


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# --- Loader: documents packed into rows ---


def packed_rows(corpus: Corpus, length: int, seed: int) -> Iterator[np.ndarray]:
    """Yield rows of `length` + 1 tokens (inputs and, shifted by one, targets), for ever, in an order set by the seed.

    Each epoch shuffles all documents, those longer than a row in pieces of a row. A row is a random waiting piece, then
    the longest ones that still fit; when none does, a random piece is cut and its rest goes on waiting. So rows are
    full, most begin with a document, and every token is a target once per epoch. (Best-fit packing as in Ding et al.
    2024, arXiv 2404.10830, without losing what is cut off.)
    """
    room = length + 1
    random = np.random.default_rng([seed, 7])
    stream = shuffled_pieces(corpus, length, random)
    waiting: list[tuple[int, int, int]] = []  # (tokens, tie-break, start), sorted
    row = np.empty(room, dtype=np.uint16)
    while True:
        filled = 0
        while filled < room:
            while len(waiting) < PACKING_BUFFER:
                start, size = next(stream)
                bisect.insort(waiting, (size, int(random.integers(1 << 30)), start))
            fits = bisect.bisect_right(waiting, (room - filled, 1 << 30, 0)) - 1 if filled else -1
            size, tie, start = waiting.pop(fits if fits >= 0 else int(random.integers(len(waiting))))
            take = min(size, room - filled)
            row[filled : filled + take] = corpus.tokens[start : start + take]
            filled += take
            if size > take:  # the last token was only a target so far: it is the first input of the rest
                bisect.insort(waiting, (size - take + 1, tie, start + take - 1))
        yield row


def shuffled_pieces(corpus: Corpus, length: int, random: np.random.Generator) -> Iterator[tuple[int, int]]:
    """Yield (start, tokens) of all documents, epoch after epoch; pieces of one document overlap by a token."""
    sizes = np.diff(corpus.starts)
    counts = np.maximum(0, -(-(sizes - 1) // length))  # pieces of each document; of a mark alone none
    document = np.repeat(np.arange(len(sizes)), counts)
    inside = (np.arange(len(document)) - np.repeat(np.cumsum(counts) - counts, counts)) * length
    starts = corpus.starts[:-1][document] + inside
    tokens = np.minimum(length + 1, sizes[document] - inside)
    while True:
        for piece in random.permutation(len(starts)):
            yield int(starts[piece]), int(tokens[piece])


# --- FLOPs: the harness's own count ---


def flops_per_token(model: torch.nn.Module, length: int) -> int:
    """Count training FLOPs per token of a model on a CPU: three times those of one forward (1 forward + 2 backward).

    The forward is the larger of two counts: every matrix product that torch really runs (FlopCounterMode), and two per
    weight of every Linear in the module tree. Attention counts the full square, windows and causality save nothing
    (the convention of the PaLM paper, appendix B, arXiv 2204.02311). Not seen: lookups, element-wise work, the
    optimizer; the CPU-time cap bounds those.
    """
    import torch
    from torch.utils import flop_counter

    def attention(query: Any, key: Any, value: Any, *rest: Any, **named: Any) -> int:
        return int(flop_counter.sdpa_flop_count(query, key, value))  # type: ignore[no-untyped-call]

    # torch counts its GPU kernels only; without this line attention would be free on a CPU.
    cpu_attention = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: attention}
    row = torch.zeros(1, length, dtype=torch.long)
    training = model.training
    with torch.no_grad(), flop_counter.FlopCounterMode(display=False, custom_mapping=cpu_attention) as counter:
        model.eval()(row)
    model.train(training)
    matrices = sum(m.weight.numel() for m in model.modules() if isinstance(m, torch.nn.Linear))
    return 3 * int(max(counter.get_total_flops() // length, 2 * matrices))


def parameters_hash(model: torch.nn.Module) -> str:
    """Hash all that a checkpoint will hold, by name: two models agree exactly when they start from the same numbers."""
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def settle(device: str) -> None:
    """Make torch behave the same in training and scoring: one thread on a CPU, TF32 for float32 on a GPU."""
    import torch

    if device == "cuda":
        if not torch.cuda.is_available():
            raise Failure("NIGHTLAB_DEVICE is cuda, and torch finds no CUDA device (driver, or a CPU build of torch?)")
        torch.set_float32_matmul_precision("high")
    else:
        torch.set_num_threads(1)


# --- Run: the child's end of the pipes ---


@dataclasses.dataclass(frozen=True)
class Batch:
    """One micro-batch: inputs and targets int64 [rows, length] on the device; progress in [0, 1) when it was served."""

    index: int
    progress: float
    inputs: torch.Tensor
    targets: torch.Tensor


class Run:
    """One training as train.py sees it: what to build, batches until the budget is over, a log, a place to save."""

    def __init__(self, reader: int, writer: int) -> None:
        self._read, self._write = os.fdopen(reader, "rb"), os.fdopen(writer, "wb")
        hello = self._ask({"op": "hello"})
        self.seed: int = hello["seed"]
        self.scale: int = hello["scale"]
        self.device: str = hello["device"]
        self.vocabulary: int = hello["vocabulary"]
        self.length: int = hello["length"]  # tokens per row at evaluation
        self.out = Path(hello["out"])
        self._budget_s: float | None = hello["budget_s"]
        self._born: float = hello["born"]
        self._started = 0.0
        self._spent = 0.0  # part of a FLOP budget, the batch under way included
        self._tokens = 0
        self._flops = 0
        self._smooth = 0.0
        self._steps = 0
        self._peak: float | None = None
        self._metrics = (self.out / "metrics.jsonl").open("w")
        settle(self.device)

    @classmethod
    def from_environment(cls) -> Run:
        """Connect to the referee; when there is none (train.py started by hand) become one that starts train.py."""
        pipes = os.environ.pop("NIGHTLAB_REFEREE", "")
        if not pipes:
            referee = Path(__file__).with_name("referee.py")
            arguments = [sys.executable, "-P", str(referee), str(Path(sys.argv[0]).resolve())]
            os.execv(sys.executable, arguments)  # noqa: S606 (ourselves, without a shell on purpose)
        reader, writer = map(int, pipes.split(","))
        return cls(reader, writer)

    def build(self, build_model: Callable[..., torch.nn.Module]) -> torch.nn.Module:
        """Seed torch and build the model on the device. Initial numbers come from here: evaluate.py builds it again."""
        self._build_model = build_model
        return build(build_model, self.vocabulary, self.length, self.scale, self.seed, self.device)

    def random_batch(self, rows: int, length: int) -> Batch:
        """Make a batch of random tokens: for compiling and warming up before the clock starts."""
        import torch

        row = torch.randint(self.vocabulary, (rows, length + 1), generator=torch.Generator().manual_seed(self.seed))
        row = row.to(self.device)
        return Batch(-1, 0.0, row[:, :-1].contiguous(), row[:, 1:].contiguous())

    def batches(self, model: torch.nn.Module, rows: int, length: int) -> Iterator[Batch]:
        """Yield micro-batches until the budget is over. The clock starts with the first one; log() each step."""
        model = getattr(model, "_orig_mod", model)
        # A GPU's attention kernels cannot all be counted, so there a copy is counted that was built on the CPU.
        self._flops = flops_per_token(self._built_on_cpu() if self.device == "cuda" else model, length)
        self._ask(
            {
                "op": "open",
                "rows": rows,
                "length": length,
                "flops_per_token": self._flops,
                "initial": parameters_hash(model),
            }
        )
        self._peak = peak_flops(self.device)
        served = self._prefetched(rows, length) if self.device == "cuda" else self._served(rows, length)
        self._started = time.monotonic()
        for batch in served:
            self._tokens += rows * length
            yield batch

    def log(self, step: int, loss: torch.Tensor | float) -> None:
        """Write one line of metrics.jsonl and the progress line; `loss` there is smoothed over about ten steps.

        Ends the run with exit code 3 when the loss is not a finite number.
        """
        value = float(loss)
        if not math.isfinite(value):
            print(flush=True)
            raise Failure(f"loss is {'nan' if math.isnan(value) else value} at step {step}", EXIT_NAN)
        self._steps += 1
        self._smooth += 0.1 * (value - self._smooth)
        loss = self._smooth / (1 - 0.9**self._steps)
        elapsed = time.monotonic() - self._started
        speed = self._tokens / max(elapsed, 1e-9)
        mfu = None if self._peak is None else round(speed * self._flops / self._peak, 4)
        line = {
            "step": step,
            "progress": round(self._now(), 5),
            "loss": round(loss, 5),
            "tokens": self._tokens,
            "tokens_per_s": round(speed),
            "mfu": mfu,
            "elapsed_s": round(elapsed, 3),
            "start_s": round(self._started - self._born, 3),
            "peak_mb": round(self.peak_mb()),
        }
        self._metrics.write(json.dumps(line) + "\n")
        self._metrics.flush()
        share = "" if mfu is None else f"  mfu {mfu:.0%}"
        print(
            f"\rstep {step:5d}  {self._now():4.0%}  loss {loss:.4f}  {speed:,.0f} tokens/s{share}  {elapsed:5.1f} s",
            end="",
            flush=True,
        )

    def save(self, model: torch.nn.Module) -> None:
        """Write the checkpoint that will be scored; call it once, after the last batch."""
        import torch

        print(flush=True)
        model = getattr(model, "_orig_mod", model)
        path = self.out / "checkpoint.pt"
        torch.save(model.state_dict(), path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)
        self._ask({"op": "saved"})

    def peak_mb(self) -> float:
        """Peak memory: of the device on a GPU, of this process on a CPU. MiB."""
        import torch

        if self.device == "cuda":
            return torch.cuda.max_memory_allocated() / 2**20
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10

    def _built_on_cpu(self) -> torch.nn.Module:
        return build(self._build_model, self.vocabulary, self.length, self.scale, self.seed, "cpu")

    def _now(self) -> float:
        """Return the part of the budget that is over by now."""
        if self._budget_s is None:
            return self._spent
        return min(1.0, (time.monotonic() - self._started) / self._budget_s)

    def _served(self, rows: int, length: int) -> Iterator[Batch]:
        import torch

        for index, (progress, payload) in enumerate(iter(self._next, None)):
            row = torch.from_numpy(payload.reshape(rows, length + 1).astype(np.int64))
            yield Batch(index, progress, row[:, :-1].contiguous(), row[:, 1:].contiguous())

    def _prefetched(self, rows: int, length: int) -> Iterator[Batch]:
        """Fetch batches ahead in a thread, into pinned memory, so that the GPU never waits for the referee.

        A pinned block is used again only after the copy from it (torch's host allocator keeps an event per block).
        """
        import torch

        ahead: queue.Queue[tuple[float, torch.Tensor] | Exception | None] = queue.Queue(maxsize=2)

        def fetch() -> None:
            try:
                for progress, payload in iter(self._next, None):
                    ahead.put((progress, torch.from_numpy(payload.astype(np.int64)).pin_memory()))
                ahead.put(None)
            except Exception as error:  # whatever it is, the training would wait for ever
                ahead.put(error)

        threading.Thread(target=fetch, name="prefetch", daemon=True).start()
        index = 0
        while (item := ahead.get()) is not None:
            if isinstance(item, Exception):
                raise item
            if self._budget_s is not None and index and self._now() >= 1.0:
                continue  # fetched inside the budget, but its step would begin after the end
            progress = item[0] if self._budget_s is None or not index else self._now()
            row = item[1].to(self.device, non_blocking=True).view(rows, length + 1)
            yield Batch(index, progress, row[:, :-1].contiguous(), row[:, 1:].contiguous())
            index += 1

    def _next(self) -> tuple[float, np.ndarray] | None:
        answer = self._ask({"op": "next"})
        if "end" in answer:
            return None
        self._spent = answer["spent"]
        return answer["progress"], np.frombuffer(self._take(answer["bytes"]), dtype=np.uint16)

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        try:
            send(self._write, question)
            return receive(self._read)
        except (OSError, EOFError):
            raise Failure("the referee of this run is gone") from None

    def _take(self, size: int) -> bytes:
        payload = self._read.read(size)
        if len(payload) != size:
            raise Failure("the referee of this run is gone")
        return payload


def build(
    build_model: Callable[..., torch.nn.Module], vocabulary: int, length: int, scale: int, seed: int, device: str
) -> torch.nn.Module:
    """Build a model from a seed; the same call gives the same numbers in training and in scoring."""
    import torch

    torch.manual_seed(seed)
    return build_model(vocabulary=vocabulary, length=length, scale=scale).to(device)


def peak_flops(device: str) -> float | None:
    """Return the FLOP/s to which MFU refers: a GPU's data sheet, or one core's measured float32 matrix product."""
    import torch

    if device == "cuda":
        name = torch.cuda.get_device_name()
        return next((peak for word, peak in PEAK_FLOPS.items() if word in name), None)
    a = torch.full((512, 512), 0.5)
    best = math.inf
    for _ in range(4):
        start = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - start)
    return 2 * 512**3 / best


# --- Messages: a length, then JSON; payloads follow raw ---


def send(file: Any, message: dict[str, Any]) -> None:
    text = json.dumps(message).encode()
    file.write(struct.pack("<I", len(text)) + text)
    file.flush()


def receive(file: Any) -> dict[str, Any]:
    head = file.read(4)
    if len(head) < 4:
        raise EOFError
    (size,) = struct.unpack("<I", head)
    message = json.loads(file.read(min(size, 1 << 20)))
    if not isinstance(message, dict):
        raise ValueError("not a message")
    return message
