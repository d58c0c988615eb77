"""What does a training look like that is none? A process that writes what one would have written, second by second.

    python -m agentcore.synthetic.player RUN_DIR

It stands in for the shim and its training at once: it owns its run's folder, outlives the engine, ends at SIGTERM, and
leaves a result. It imports the standard library alone, because a busy lab starts several a second. An engine that stays
away for `ALONE_S`, or a lab that was removed, ends it: a demo leaves nothing behind.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ALONE_S = 120.0
BEAT_S = 1.0
STEPS = 953
POINTS = 300
"""Lines that metrics.jsonl gets over a whole training."""

Part = dict[str, Any]
"""part.json, see `part`."""


def part(
    *,
    run: int,
    started: float,
    train_s: float,
    evaluate_s: float,
    score: float | None,
    loss: float,
    lock: Path,
    ending: str = "ok",
    reason: str = "",
    stops: float = 1.0,
    before: str = "",
    after: str = "",
) -> Part:
    """Return what a player needs to know. `loss`: at the end. `stops`: the share of the training that it gets to.

    `before` and `after` are the log around the step line; `lock` is the engine's.
    """
    return {
        "run": run, "started": started, "train_s": train_s, "evaluate_s": evaluate_s, "score": score, "loss": loss,
        "lock": str(lock), "ending": ending, "reason": reason, "stops": stops, "before": before, "after": after,
    }  # fmt: skip


def points(part: Part, now: float, since: int = 0) -> Iterator[dict[str, float]]:
    """Yield the metrics that are there at `now`, from point number `since` on."""
    last = int(POINTS * min(_progress(part, now), part["stops"]))
    for number in range(since, last):
        drawn = random.Random(f"{part['run']} {number}")
        progress = (number + 1) / POINTS
        speed = 1.59e6 * (1 + drawn.uniform(-0.002, 0.002))
        yield {
            "step": int(STEPS * progress),
            "progress": round(progress, 4),
            "loss": round(part["loss"] + 1.9 * math.exp(-6 * progress) + drawn.uniform(-0.004, 0.004), 4),
            "tokens": int(STEPS * progress) * 524_288,
            "tokens_per_s": round(speed),
            "mfu": round(0.398 + drawn.uniform(-0.002, 0.002), 3),
            "elapsed_s": round(progress * part["train_s"], 2),
            "peak_mb": 45_060.0,
        }


def printed(part: Part, now: float, since: int = 0) -> str:
    """Return what the log has gained by `now`: what comes first, the step line (each over the last), the end.

    `since`: the points that were told of before.
    """
    text = "" if since else part["before"]
    for point in points(part, now, since):
        left = part["train_s"] - point["elapsed_s"]
        text += (
            f"\rstep {point['step']:05d} ({100 * point['progress']:.1f}%)  loss {point['loss']:.4f}  "
            f"tok/s {point['tokens_per_s']:,.0f}  mfu {100 * point['mfu']:.1f}%  remaining {left:.0f}s"
        )
    if stage(part, now) == "ended":
        text += f"\n{part['after']}"
    return text


def stage(part: Part, now: float) -> str:
    """Return what a run does at `now`: train, evaluate, or ended."""
    trained = part["started"] + part["stops"] * part["train_s"]
    if now < trained:
        return "train"
    return "evaluate" if part["ending"] == "ok" and now < trained + part["evaluate_s"] else "ended"


def play(folder: Path) -> None:
    """Be the run in `folder` until it ends."""
    own: Part = json.loads((folder / "part.json").read_text())
    held = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)  # until this process ends
    fcntl.flock(held, fcntl.LOCK_EX)
    written, shown, alone_s = 0, "", 0.0
    while True:
        now = time.time()
        at = stage(own, now)
        if at != "ended" and at != shown:
            _replace(folder / "status.json", _status(at, now))
        fresh = list(points(own, now, written))
        if fresh or at != shown:
            with (folder / "log.txt").open("a") as log:
                log.write(printed(own, now, written))
            with (folder / "out" / "metrics.jsonl").open("a") as file:
                file.writelines(json.dumps(point) + "\n" for point in fresh)
            written += len(fresh)
        if at == "ended":
            _replace(folder / "result.json", _result(own, now))
            return
        shown = at
        if signal.sigtimedwait({signal.SIGTERM, signal.SIGINT}, min(BEAT_S, own["train_s"] / 4)):
            _replace(folder / "result.json", _result({**own, "ending": "cancelled", "reason": "stopped"}, now))
            return
        alone_s = 0.0 if _is_held(own["lock"]) else alone_s + BEAT_S
        if alone_s > ALONE_S or not folder.is_dir():
            return


def _progress(part: Part, now: float) -> float:
    began, train_s = float(part["started"]), max(float(part["train_s"]), 1e-3)
    return max(0.0, min(1.0, (now - began) / train_s))


def _status(at: str, now: float) -> Part:
    pid = os.getpid()
    stat = Path(f"/proc/{pid}/stat").read_text()
    ticks = int(stat[stat.rindex(")") + 2 :].split()[19])
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return {
        "pid": pid, "start_ticks": ticks, "boot_id": boot, "stage": at, "stage_started": now, "stage_pid": pid,
        "stage_ticks": ticks,
    }  # fmt: skip


def _result(part: Part, now: float) -> Part:
    is_ok = part["ending"] == "ok"
    took = {"train": round(min(part["stops"], _progress(part, now)) * part["train_s"], 2)}
    if is_ok:
        took["evaluate"] = part["evaluate_s"]
    return {
        "ending": part["ending"], "score": part["score"] if is_ok else None, "reason": part["reason"],
        "exit_code": 0 if is_ok else 1, "started": part["started"], "ended": now, "stage_s": took,
        "stage_cpu_s": took, "peak_mb": 45_060.0, "walls": "full",
    }  # fmt: skip


def _replace(path: Path, value: Part) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(value))
    temporary.replace(path)


def _is_held(lock: str) -> bool:
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


if __name__ == "__main__":
    try:
        play(Path(sys.argv[1]))
    except FileNotFoundError:  # its folder was taken away
        sys.exit(1)
