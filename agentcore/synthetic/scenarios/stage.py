"""How does an engine take a scenario? As any lab, with played trainings, GPUs and agents."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from agentcore.agents.roster import Roster
from agentcore.engine.lab import Lab
from agentcore.engine.opening import make_ready
from agentcore.engine.walls import Containment
from agentcore.state import LabState, Run
from agentcore.synthetic import player
from agentcore.synthetic.scenarios import Part, read, study
from agentcore.synthetic.scenarios.cast import HOSTILE, Cast
from agentcore.synthetic.scenarios.gpus import PlayedGpus, slots
from agentcore.synthetic.scenarios.study import FILE
from worktrees.executor import LocalExecutor
from worktrees.layout import LabPaths
from worktrees.project import load
from worktrees.runs import RunFolder

PLAYED = Containment("full", "trainings are played: there is nothing to contain")
EVALUATE_S = 60.0
LARGER = 8.0
"""How many times as long a training of the larger size takes."""

BEFORE = """\
Vocab size: 8,192
Model config: {{'n_layer': 9, 'n_embd': 512, 'rope_base': 10000, ...}}
Parameter counts: total 56,230,144
Estimated FLOPs per token: 2.41e+08
Time budget: {train_s:.0f}s
Gradient accumulation steps: 2
compiled in 28.1s
"""
AFTER = "peak_vram_mb: 45060.2\nmfu_percent: 39.80\n"
TRACEBACK = """\
Traceback (most recent call last):
  File "train.py", line 318, in <module>
    main()
  File "train.py", line 251, in main
    logits = model(inputs)
  File "train.py", line 97, in forward
    return self.lm_head(self.norm(x))
torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.53 GiB. GPU 0 has a total capacity of 79.1 GiB
"""
"""Where a training that is out of memory ends."""
GONE = "RuntimeError: CUDA error: GPU is lost"


class PlayedExecutor(LocalExecutor):
    """Runs whose process is a player: real processes that outlive the engine and can be adopted."""

    def __init__(self, paths: LabPaths, part: Part, state: Callable[[], LabState]) -> None:
        super().__init__("agentcore.synthetic.player")
        self._paths = paths
        self._part = part
        self._state = state

    def submit(self, folder: RunFolder) -> None:
        """Write what the player is to do, then start it."""
        spec = folder.read_spec()
        assert spec is not None, "the engine writes the spec first"
        if self.look(folder) == "absent":
            state = self._state()
            source = (folder.checkout / FILE).read_text(encoding="utf-8")
            (folder.path / "part.json").write_text(
                json.dumps(to_play(self._paths, self._part, state, state.runs[spec.run], source))
            )
        super().submit(folder)


def to_play(paths: LabPaths, part: Part, state: LabState, run: Run, source: str) -> player.Part:
    """Return how a run is played: as long as the scenario says, to the score that the source has."""
    train_s = part.run_s * (LARGER if run.scale > 1 else 1.0) * run.fraction / part.speed
    score = study.score(source, run.seed, run.scale, run.fraction)
    experiment = state.experiments.get(run.experiment) if run.experiment is not None else None
    plays = str(experiment.detail.get("plays", "")) if experiment else ""
    if run.slot == part.lost:
        plays = "lost"
    ending, reason, stops, after = _ends(plays, score, train_s)
    before = BEFORE.format(train_s=train_s)
    if plays == "hostile":
        before += "\n".join((*HOSTILE, ""))
    return player.part(
        run=run.number,
        started=run.started,
        train_s=train_s,
        evaluate_s=min(EVALUATE_S, part.run_s / 5) / part.speed,
        score=score,
        loss=3.08 * score / study.START,
        lock=paths.lock,
        ending=ending,
        reason=reason,
        stops=stops,
        before=before,
        after=after,
    )


def _ends(plays: str, score: float, train_s: float) -> tuple[str, str, float, str]:
    """Return (ending, reason, the share of the training that it gets to, the log's end)."""
    match plays:
        case "crash":
            return "crash", TRACEBACK.splitlines()[-1], min(1.0, 5.0 / train_s), TRACEBACK
        case "nan":
            return "nan", "loss NaN at step 214", min(1.0, 6.0 / train_s), "loss is NaN at step 214: exit 3\n"
        case "lost":
            return "crash", GONE, min(1.0, 3.0 / train_s), f"{GONE}\n"
        case _:
            return "ok", "", 1.0, f"{AFTER}val_bpb: {score:.6f}\n"


async def open_stage(
    paths: LabPaths,
    *,
    mode: str | None,
    clock: Callable[[], float],
    secrets: Mapping[str, str],
    carried: Path,
    bare: bool,
) -> tuple[Lab, Roster]:
    """Open a scenario's lab for writing. Raises what `opening.open_lab` raises."""
    part, project = read(paths), load(paths.config)
    executor = PlayedExecutor(paths, part, lambda: lab.state)
    lab = Lab(paths, project, slots(part.kind, part.slots), executor, clock, secrets, PLAYED)
    lab.nvml = PlayedGpus(lambda: lab.state, part.lost)
    roster = Cast(project, part)
    await make_ready(lab, roster, mode, carried)
    return lab, roster
