"""Start train.py as a child and own its clock, its data and its seed. Frozen.

    python -P referee.py [train.py]

The child asks for each batch over a pipe. This process counts what it served, decides when the budget is over, measures
the child's CPU time from outside, and writes `receipt.json` after the child and all that it started are gone.
evaluate.py believes the receipt and nothing that the child wrote about itself.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parent))  # at the end: a file named queue.py must not shadow the real one

import data

# After the end of the budget the child may save and nothing more: so much CPU time, and a share of the run's; on a GPU,
# and under a budget in seconds, wall clock. A GPU finishes its step and writes a larger file.
SAVE_S, SAVE_SHARE = {"cpu": 0.5, "cuda": 3.0}, 0.01
# Before the first batch a CPU run may import torch and build its model: CPU seconds. A GPU run also compiles: seconds
# of wall clock.
START_CPU_S, START_GPU_S = 20.0, 240.0
# Without a cap from the lab a FLOP budget still ends when a run is slower than this, FLOP per CPU second.
SLOWEST = 4e9
# prctl(2): adopt orphaned grandchildren; refuse to be traced by another process of the same user.
PR_SET_CHILD_SUBREAPER, PR_SET_DUMPABLE = 36, 4
# Keep freed memory: without this a third of a CPU training is spent in the kernel, clearing pages again (glibc).
MALLOC = {"MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": str(1 << 32)}
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


class Referee:
    """The clock of one run: answers the child's questions and remembers what it served."""

    def __init__(self, settings: data.Settings, corpus: data.Corpus) -> None:
        self.settings, self.corpus = settings, corpus
        self.born = time.monotonic()
        self.limit = settings.budget.amount * settings.horizon
        self.cap_s = settings.cpu_cap_s
        if self.cap_s is None and settings.budget.unit == "flop":
            self.cap_s = START_CPU_S + self.limit / SLOWEST
        self.opened: dict[str, Any] | None = None
        self.rows = data.packed_rows(corpus, 1, settings.seed)
        self.batches = self.tokens = self.flops = 0
        self.first_s = self.end_s = self.saved_s = 0.0  # monotonic times, 0 while it has not happened
        self.start_cpu_s = self.end_cpu_s = self.saved_cpu_s = 0.0
        self.ended_by = ""
        self.checkpoint = ""

    def answer(self, question: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Return the message and the raw bytes that follow it; raise Failure on a question out of order."""
        match question.get("op"):
            case "hello":
                return self._hello(), b""
            case "open" if self.opened is None:
                return self._open(question), b""
            case "next" if self.opened is not None:
                return self._next()
            case "saved":
                return self._saved(), b""
        raise data.Failure(f"clock: train.py asked its referee {str(question)[:80]}", data.EXIT_INTEGRITY)

    def _hello(self) -> dict[str, Any]:
        s = self.settings
        return {
            "seed": s.seed,
            "scale": s.scale,
            "device": s.device,
            "vocabulary": self.corpus.meta["vocabulary"],
            "length": self.corpus.meta["length"],
            "out": str(s.out),
            "born": self.born,
            "budget_s": self.limit if s.budget.unit == "s" else None,
        }

    def _open(self, question: dict[str, Any]) -> dict[str, Any]:
        sizes = [question.get(key) for key in ("rows", "length", "flops_per_token")]
        if not all(isinstance(size, int) and size > 0 for size in sizes):
            raise data.Failure(f"rows, length and FLOPs per token must be positive whole numbers, not {sizes}")
        self.opened = question
        self.rows = data.packed_rows(self.corpus, question["length"], self.settings.seed)
        cost = question["rows"] * question["length"] * question["flops_per_token"]
        if self.settings.budget.unit == "flop" and cost > self.limit:
            raise data.Failure(f"one batch costs {cost / 1e9:.3g} GFLOP, the whole budget is {self.limit / 1e9:.3g}")
        return {}

    def _next(self) -> tuple[dict[str, Any], bytes]:
        assert self.opened is not None
        now = time.monotonic()
        if not self.first_s:
            self.first_s, self.start_cpu_s = now, cpu_s()
            self._check_start()
        rows, length = self.opened["rows"], self.opened["length"]
        cost = rows * length * self.opened["flops_per_token"]
        if not self.ended_by:
            self.ended_by = self._over(now, cost)
        if self.ended_by:
            if not self.end_s:
                self.end_s, self.end_cpu_s = now, cpu_s()
            return {"end": self.ended_by}, b""
        before = self._used(now)
        payload = b"".join(next(self.rows).tobytes() for _ in range(rows))
        self.batches += 1
        self.tokens += rows * length
        self.flops += cost
        return {"progress": before / self.limit, "spent": self._used(now) / self.limit, "bytes": len(payload)}, payload

    def _check_start(self) -> None:
        if self.settings.budget.is_smoke:
            return  # nothing is scored, and a GPU's model takes long to build and to count on a CPU
        if self.settings.device == "cuda" and self.first_s - self.born > START_GPU_S:
            raise data.Failure(
                f"clock: train.py worked for {self.first_s - self.born:.0f} s before its first batch "
                f"(allowed: {START_GPU_S:.0f} s)",
                data.EXIT_INTEGRITY,
            )
        if self.settings.device == "cpu" and self.start_cpu_s > START_CPU_S:
            raise data.Failure(
                f"clock: train.py worked for {self.start_cpu_s:.0f} s of CPU time before its first "
                f"batch (allowed: {START_CPU_S:.0f} s)",
                data.EXIT_INTEGRITY,
            )

    def _used(self, now: float) -> float:
        """Return how much was served so far, in the unit of the budget."""
        match self.settings.budget.unit:
            case "flop":
                return self.flops
            case "batches":
                return self.batches
        return now - self.first_s

    def _over(self, now: float, cost: int) -> str:
        if self.cap_s is not None and cpu_s() > self.cap_s:
            return "cpu cap"
        if self.settings.budget.unit == "flop":
            return "budget" if self.flops + cost > self.limit else ""
        return "budget" if self._used(now) >= self.limit else ""

    def _saved(self) -> dict[str, Any]:
        path = self.settings.out / "checkpoint.pt"
        if not self.end_s:
            raise data.Failure("clock: train.py saved before its budget was over", data.EXIT_INTEGRITY)
        if not path.is_file():
            raise data.Failure("train.py saved no checkpoint")
        self.saved_s, self.saved_cpu_s, self.checkpoint = time.monotonic(), cpu_s(), data.sha256(path)
        return {}

    def receipt(self, cpu_total_s: float) -> dict[str, Any]:
        """Return what is known about the run from outside; raise when the child worked on after the end."""
        s = self.settings
        if not self.checkpoint:
            raise data.Failure("train.py ended without saving a checkpoint")
        if s.budget.unit == "s":  # its end is known: a child that asks late has trained late
            end_s = min(self.end_s, self.first_s + self.limit)
            spent, after, free = end_s - self.first_s, self.saved_s - end_s, SAVE_S["cuda"]
        elif s.device == "cuda":
            spent, after, free = self.end_s - self.first_s, self.saved_s - self.end_s, SAVE_S["cuda"]
        else:
            spent, after = self.end_cpu_s - self.start_cpu_s, self.saved_cpu_s - self.end_cpu_s
            free = SAVE_S["cpu"]
        allowed = free + SAVE_SHARE * spent
        if after > allowed and not s.budget.is_smoke:  # a GPU's model took 0.6 CPU seconds to save on a CPU
            raise data.Failure(
                f"clock: train.py worked on for {after:.2g} s after the budget was over "
                f"(allowed: {allowed:.2g} s, for saving)",
                data.EXIT_INTEGRITY,
            )
        if data.sha256(s.out / "checkpoint.pt") != self.checkpoint:
            raise data.Failure("clock: the checkpoint changed after it was saved", data.EXIT_INTEGRITY)
        opened = self.opened or {}
        return {
            "seed": s.seed,
            "scale": s.scale,
            "device": s.device,
            "horizon": s.horizon,
            "budget": [s.budget.amount, s.budget.unit],
            "data": self.corpus.meta["files"]["tokens.bin"][1],
            "rows": opened["rows"],
            "length": opened["length"],
            "flops_per_token": opened["flops_per_token"],
            "initial": opened["initial"],
            "batches": self.batches,
            "tokens": self.tokens,
            "flops": self.flops,
            "ended_by": self.ended_by,
            "start_s": round(self.first_s - self.born, 3),
            "train_s": round(self.end_s - self.first_s, 3),
            "start_cpu_s": round(self.start_cpu_s, 2),
            "train_cpu_s": round(self.end_cpu_s - self.start_cpu_s, 2),
            "after_s": round(after, 2),
            "cpu_s": round(cpu_total_s, 2),
            "checkpoint": self.checkpoint,
        }


def main() -> None:
    settings = data.Settings.from_environment()
    corpus = data.Corpus.open(settings.data)
    train = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name("train.py")).resolve()
    if not train.is_file():
        raise data.Failure(f"{train} is missing")
    settings.out.mkdir(parents=True, exist_ok=True)
    for stale in ("receipt.json", "checkpoint.pt", "metrics.jsonl"):
        (settings.out / stale).unlink(missing_ok=True)
    adopt_orphans()
    referee = Referee(settings, corpus)
    child, questions, answers = start(train)
    try:
        serve(referee, questions, answers)
        code = child.wait()
    finally:
        end_descendants(child)
    if code:
        raise SystemExit(code if code > 0 else _killed(-code))
    write_json(settings.out / "receipt.json", referee.receipt(cpu_s()))


def start(train: Path) -> tuple[subprocess.Popen[bytes], int, int]:
    """Start train.py; return it, the pipe with its questions and the pipe for the answers."""
    questions, theirs_out = os.pipe()
    theirs_in, answers = os.pipe()
    # The child needs none of the lab's variables: it asks. By one of them the lab finds what a run left behind.
    environment = {
        **MALLOC,
        **{
            key: value
            for key, value in os.environ.items()
            if not key.startswith("NIGHTLAB_") or key == "NIGHTLAB_RUN_DIR"
        },
    }
    environment["NIGHTLAB_REFEREE"] = f"{theirs_in},{theirs_out}"
    child = subprocess.Popen(
        [sys.executable, "-P", str(train)], cwd=train.parent, env=environment, pass_fds=(theirs_in, theirs_out)
    )
    os.close(theirs_in)
    os.close(theirs_out)
    with contextlib.suppress(OSError):  # a GPU's batch is half a megabyte: let one lie ready in the pipe
        fcntl.fcntl(answers, fcntl.F_SETPIPE_SZ, 1 << 20)
    return child, questions, answers


def serve(referee: Referee, questions: int, answers: int) -> None:
    """Answer until the child closes its pipe; end it when it outlives its CPU cap without asking for a batch."""
    cap = referee.cap_s
    with os.fdopen(questions, "rb") as read, os.fdopen(answers, "wb") as write:
        while True:
            while not select.select([read], [], [], 1.0)[0]:
                if cap is not None and cpu_s() > 1.1 * cap + 5:
                    raise data.Failure(
                        f"clock: train.py used {cpu_s():.0f} s of CPU time, its cap is {cap:.0f} s", data.EXIT_INTEGRITY
                    )
            try:
                message, payload = referee.answer(data.receive(read))
                data.send(write, message)
                write.write(payload)
                write.flush()
            except (EOFError, BrokenPipeError):
                return
            except ValueError:
                raise data.Failure("clock: train.py wrote garbage to its referee", data.EXIT_INTEGRITY) from None


def cpu_s() -> float:
    """Return the CPU seconds of everything that this process started, alive or gone."""
    usage = os.times()
    total, todo = usage.children_user + usage.children_system, children(os.getpid())
    while todo:
        pid = todo.pop()
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            todo += children(pid)
        except OSError:  # it ended meanwhile: its parent's figure has it from now on
            continue
        total += sum(map(int, fields[11:15])) / CLOCK_TICKS  # utime, stime, cutime, cstime: proc_pid_stat(5)
    return total


def children(pid: int) -> list[int]:
    """Return the direct children of every thread of a process."""
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        found += map(int, (thread / "children").read_text().split())
    return found


def end_descendants(child: subprocess.Popen[bytes]) -> None:
    """Kill what the child left behind, so that nobody writes to the run's folder after the receipt."""
    if child.poll() is None:
        child.kill()
        child.wait()
    while True:  # orphans become our children one generation at a time
        left = children(os.getpid())
        if not left:
            return
        for pid in left:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def write_json(path: Path, value: dict[str, Any]) -> None:
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)  # a link that agent code put there would lead elsewhere
    part.write_text(json.dumps(value, indent=1) + "\n")
    part.replace(path)


def _killed(number: int) -> int:
    why = " (the kernel's out-of-memory killer, or a person)" if number == signal.SIGKILL else ""
    print(f"error: train.py was ended by {signal.Signals(number).name}{why}", file=sys.stderr)
    return data.EXIT_MEMORY if number == signal.SIGKILL else 128 + number


def adopt_orphans() -> None:
    """Become the parent of every process that a child leaves behind, and closed to debuggers of the same user."""
    libc = ctypes.CDLL(None, use_errno=True)
    for option, value in ((PR_SET_CHILD_SUBREAPER, 1), (PR_SET_DUMPABLE, 0)):
        if libc.prctl(option, value, 0, 0, 0):
            raise data.Failure(f"prctl({option}) failed: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    data.guard(main)
