"""What is each scenario in the middle of? What happened after the night, up to this moment."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import closing
from importlib.metadata import version

import msgspec

from agentcore import events as ev
from agentcore.away.presence import touch
from agentcore.brief.transcript import Kind
from agentcore.retest import due as retest
from agentcore.synthetic import player
from agentcore.synthetic.scenarios import Part, cast, gpus, stage, study
from agentcore.synthetic.scenarios.night import SPAN_S, dull, night
from agentcore.synthetic.scenarios.script import Script
from agentcore.synthetic.scenarios.study import FILE, Idea
from worktrees import processes
from worktrees.devices import Sampler
from worktrees.layout import LabPaths
from worktrees.runs import RunStatus, write_json

__all__ = ["SPAN_S", "act"]

INIT = 1
"""The process that stands for a still's engine: it is always there, and is the same everywhere."""

LIVE = Idea("ROPE_BASE", "400_000", "rope 200k to 400k")
NEXT = Idea("DEPTH", "10", "depth 10 with the same width")
_SPANS = {"nogpu": 400.0, "nokey": 1200.0, "idle": SPAN_S + 2 * 3600.0}
"""How long before its end a scenario begins, where that is not `SPAN_S`; ages of a lab at rest change by the hour."""

WRONG = Idea("HEAD_DIM", "640", "head dim 640: fewer, wider heads")


def act(paths: LabPaths, part: Part, end: float, *, is_still: bool) -> None:
    """Tell everything of a scenario up to `end` (Unix time). A still also gets what an engine would go on writing."""
    if part.name == "first":
        return
    slots = gpus.slots(part.kind, part.slots)
    begin = end - _SPANS.get(part.name, SPAN_S)
    script = Script(paths, slots, begin, cast.agent_name(part), cast.MODEL if part.has_model else "")
    with closing(script):
        is_alive = is_still and part.name != "nosupervisor"
        boot, init = processes.boot_id(), processes.stat(INIT)
        ticks = init.start_ticks if init and is_alive else -1
        engine = ev.EngineStarted(INIT, ticks, boot, version("nightlab"), slots, stage.PLAYED.backend)
        script.begin(engine, cast.assigned(part, (f"wt{index}" for index in range(len(slots)))), stage.PLAYED)
        _ACTS.get(part.name, _at_work)(script, part, end)
        assert script.now <= end, f"{part.name} is told {script.now - end:.0f} s too long"
        script.now = end
        _check_out(script, part, end)
        _keep_records(script, part)
        if is_still:
            _freeze(script, part, end)


# What each is in the middle of


def _first_runs(script: Script, part: Part, end: float) -> None:
    trunk = script.state.trunk
    assert trunk is not None
    for seed in (1, 2):
        script.play(script.baseline(seed, took=60.0))
    script.go_to(end - 12.0)
    for place, slot in enumerate(script.slots):
        script.start("baseline", None, trunk.commit, 3 + place, slot.name)


def _young(script: Script, part: Part, end: float) -> None:
    """The first experiments of a lab that nobody has touched."""
    script.calibrate()
    ideas = dull(part.seed)
    script.round({f"wt{index}": next(ideas) for index in range(8)})
    script.go_to(end - 90.0)
    for index in range(8):
        script.think(f"wt{index}")
        script.screen(script.propose(f"wt{index}", next(ideas)))


def _at_rest(script: Script, part: Part, end: float) -> None:
    night(script, part.seed, queue=False)
    script.play(script.retest())
    _pause_all(script)


def _at_work(script: Script, part: Part, end: float) -> None:
    """Each worktree is at something else: one trains, one is measured, one thinks, one waits, one failed …"""
    night(script, part.seed, queue=False)
    script.fill_pool()
    _go_on(script, part, end)


def _go_on(script: Script, part: Part, end: float) -> None:
    roles = part.roles
    if part.name == "busy":
        script.go_to(end - 860.0)
        script.think("wt3")
        script.go_to(end - 840.0)
        script.tell(ev.QuestionAsked("wt3", cast.QUESTION, script.agent))
    script.go_to(end - 816.0)
    script.tell(retest.begin(script.state, "engine"))
    commit, _, seed = next(retest.large_runs(script.state))
    script.start("retest", None, commit, seed, script.slots[-1].name, scale=2)
    script.go_to(end - 320.0)
    if roles.get("wt0") not in ("editing", "crashing", "hostile"):
        script.think("wt0")
        script.propose("wt0", LIVE)
    script.think("wt2")
    number = script.propose("wt2", NEXT)
    script.go_to(end - 308.0)
    script.screen(number)
    script.go_to(end - 183.0)
    if pending := script.state.worktrees["wt0"].pending:
        script.screen(pending[0])
    if roles.get("wt0") in ("crashing", "hostile"):
        _failed(script, roles["wt0"], end)
    for name, role in roles.items():
        script.go_to(end - 18.0)
        script.think(name)
        if role == "limited":
            script.tell(ev.AgentStateChanged(name, "LIMIT", "429 from provider, try 3 of 8", end + cast.BACK_S))


def _failed(script: Script, role: str, end: float) -> None:
    """The last run of wt0 crashed half a minute ago, or has printed what terminals obey."""
    script.think("wt0")
    is_hostile = role == "hostile"
    idea = Idea(WRONG.name, WRONG.value, " ".join(cast.HOSTILE)) if is_hostile else WRONG
    number = script.propose("wt0", idea)
    script.go_to(end - 60.0)
    run = script.screen(number)
    text = "\n".join((*cast.HOSTILE, "")) + stage.BEFORE.format(train_s=300.0) + stage.TRACEBACK
    script.log(run, text if is_hostile else stage.BEFORE.format(train_s=300.0) + stage.TRACEBACK)
    script.go_to(end - 30.0)
    script.end(run, ("crash", cast.HOSTILE[1] if is_hostile else stage.TRACEBACK.splitlines()[-1]))
    script.decide(number)
    if is_hostile:
        script.tell(ev.NoteTaken("wt0", cast.HOSTILE[0]))
        script.tell(ev.WarningRaised("prompts", f"directions/{cast.HOSTILE[1]}.md: {cast.HOSTILE[2]}"))


def _deciding(script: Script, part: Part, end: float) -> None:
    """The queue is full and the agents are paused, so that nothing but the queue moves."""
    night(script, part.seed, queue=True)
    script.play(script.retest())
    _pause_all(script)
    script.go_to(end - 700.0)
    script.confirm(65, seeds=2)
    script.go_to(end - 5.0)
    candidate = script.state.candidates[65]
    script.start("confirm", 65, candidate.commit, candidate.seeds[2], script.slots[1].name)


def _after_a_night(script: Script, part: Part, end: float) -> None:
    """Who left has just come back: the engine that goes on writes their report, and a view knows their last key."""
    script.paths.watchers.touch()
    touch(script.paths.watchers, script.now)
    script.tell(ev.AwayStarted(None, 40.0, "gate", "park", "you"))
    night(script, part.seed, queue=True)
    script.play(script.retest())
    script.tell(ev.WorktreeResumed("wt5", "you"))
    script.think("wt4")
    script.tell(ev.AgentStateChanged("wt4", "LIMIT", "429 from provider, try 3 of 8", script.now + 540.0))
    script.now += 540.0
    script.tell(ev.AgentStateChanged("wt4", "THINK", ""))
    script.tell(ev.AgentFailed("wt4", "the provider gave no answer in time", script.agent))
    ideas = dull(part.seed + 1)
    script.round({name: next(ideas) for name in ("wt0", "wt1", "wt2", "wt3", "wt4")})
    script.go_to(end - 20.0)
    for name in ("wt0", "wt1", "wt2", "wt3", "wt4"):
        script.think(name)
    script.tell(ev.AwayEnded("you came back", "you"))


def _limited(script: Script, part: Part, end: float) -> None:
    night(script, part.seed, queue=False)
    script.play(script.retest())
    script.fill_pool()
    script.go_to(end - 120.0)
    for name in part.roles:
        if not script.state.worktrees[name].paused:
            script.think(name)
            script.tell(ev.AgentStateChanged(name, "LIMIT", "429 from provider, try 3 of 8", end + 240.0))


def _full(script: Script, part: Part, end: float) -> None:
    _when_all_was_well(script, part, end)
    script.tell(
        ev.WarningRaised("disk", "under 900000 GB are free on the disk of .lab: no new runs until there is room")
    )


def _moved(script: Script, part: Part, end: float) -> None:
    """Somebody has put a commit on trunk with git; an engine has not looked yet."""
    _when_all_was_well(script, part, end)
    trunk = script.state.trunk
    assert trunk is not None
    new = script.commit(NEXT.written(script.source(trunk.commit)), trunk.commit, "depth 10, by hand")
    assert script.repository.swap_trunk(trunk.commit, new)


def _lost(script: Script, part: Part, end: float) -> None:
    """One GPU does not answer any more, and what ran there crashed until its worktree was parked."""
    night(script, part.seed, queue=False)
    script.fill_pool()
    script.go_to(end - 1200.0)
    for constant in ("MATRIX_LR", "SCALAR_LR", "WEIGHT_DECAY"):
        script.think("wt3")
        script.now += 60.0
        number = script.propose("wt3", Idea(constant, "0.33", f"{constant.lower().replace('_', ' ')} to 0.33"))
        run = script.screen(number)
        script.now += 4.0
        script.end(run, ("crash", stage.GONE))
        script.decide(number)
    script.tell(ev.WorktreePaused("wt3", f"3 failures in a row, the last: {stage.GONE}", "engine"))
    _go_on(script, part, end)


def _when_all_was_well(script: Script, part: Part, end: float) -> None:
    night(script, part.seed, queue=False)
    script.play(script.retest())
    script.tell(ev.WorktreeResumed("wt5", "you"))
    script.go_to(end - 60.0)


def _pause_all(script: Script) -> None:
    for name, worktree in sorted(script.state.worktrees.items()):
        if not worktree.paused:
            script.tell(ev.WorktreePaused(name, "by you", "you"))


_ACTS: Mapping[str, Callable[[Script, Part, float], None]] = {
    "nogpu": _first_runs,
    "nokey": _young,
    "idle": _at_rest,
    "queue": _deciding,
    "morning": _after_a_night,
    "limit": _limited,
    "diskfull": _full,
    "trunkmoved": _moved,
    "lostgpu": _lost,
}


def _check_out(script: Script, part: Part, end: float) -> None:
    """Make the worktrees that are looked at first: that of wt0, and those whose experiment trains."""
    for name, worktree in script.state.worktrees.items():
        if not worktree.pending and name != "wt0":
            continue
        folder = script.paths.worktree(name)
        script.repository.add_worktree(folder, name, worktree.base)
        source = script.source(worktree.base)
        if worktree.pending:
            source = script.source(script.state.experiments[worktree.pending[0]].commit)
        if part.roles.get(name) == "editing":
            source = NEXT.written(LIVE.written(source))
        (folder / FILE).write_text(source, encoding="utf-8")
        os.utime(folder / FILE, (end - 12.0, end - 12.0))


def _keep_records(script: Script, part: Part) -> None:
    """Write what the runs left that somebody may look at: the newest of each worktree, and trunk's own."""
    state, shown = script.state, dict[str, int]()
    trunk = state.trunk.tree if state.trunk else ""
    for number, run in sorted(state.runs.items()):
        owner = state.experiments[run.experiment].worktree if run.purpose == "screen" and run.experiment else ""
        if run.ended is not None and (owner or run.tree == trunk):
            shown[owner or f"{run.purpose} {run.seed}"] = number
    for number in shown.values():
        run, folder = state.runs[number], script.paths.run(number)
        if run.ended is None or folder.log.exists():
            continue
        own = stage.to_play(script.paths, part, state, run, script.source(run.commit))
        if run.score is None:
            own |= {"ending": run.ending, "stops": 0.25, "after": f"{run.reason}\n"}
        folder.out.mkdir(parents=True, exist_ok=True)
        over = run.started + own["train_s"] + own["evaluate_s"]
        folder.metrics.write_text("".join(json.dumps(point) + "\n" for point in player.points(own, over)))
        script.log(number, player.printed(own, over))


# A still


def _freeze(script: Script, part: Part, end: float) -> None:
    """Write what engine, players and agents would have written by now."""
    paths, state = script.paths, script.state
    if part.name == "trunkmoved" and state.trunk is not None:
        now = script.repository.resolve("refs/heads/lab/trunk") or ""
        script.tell(ev.TrunkMoved(state.trunk.commit, now, script.repository.tree_of(now), None, "hand"))
    for run in state.active.values():
        own = stage.to_play(paths, part, state, run, script.source(run.commit))
        folder = paths.run(run.number)
        folder.out.mkdir(parents=True, exist_ok=True)
        write_json(folder.status, RunStatus(INIT, 0, "", player.stage(own, end), end, 0))
        folder.metrics.write_text("".join(json.dumps(point) + "\n" for point in player.points(own, end)))
        script.log(run.number, player.printed(own, end))
    sampler = Sampler(gpus.PlayedGpus(lambda: script.state, part.lost), clock=lambda: end)
    if part.kind == "cuda":
        paths.devices.write_bytes(msgspec.json.encode(sampler.sample(script.slots, {})))
    if state.worktrees["wt0"].asked:
        steps: list[tuple[Kind, dict[str, object]]] = [
            ("thought", {"text": f"{len(state.experiments)} experiments so far. One change at a time."}),
            ("tool", {"name": "read", "input": {"path": FILE}}),
            ("result", {"text": study.TRAIN[:200], "ok": True}),
        ]
        if part.name == "hostile":
            steps += [("text", {"text": text}) for text in cast.HOSTILE]
        script.transcribe("wt0", steps)
