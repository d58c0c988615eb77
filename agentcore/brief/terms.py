"""What may an agent do, and what holds it to that? The rules of a lab, in words, from its lab.toml.

They are read by the engine and by the walls, not only by the model: each line says what is enforced.
"""

from __future__ import annotations

from agentcore.queue.guards import limit
from agentcore.queue.judging import SELF_REPORTED, threshold
from agentcore.state import LabState
from worktrees.project import Project


def terms(project: Project, state: LabState) -> tuple[tuple[str, str], ...]:
    """Return (subject, rule) in the order of what agents run into first."""
    sandbox, limits, gate = project.sandbox, project.limits, state.gate
    walls = state.engine.walls if state.engine else ""
    local, frozen = (", ".join(names) for names in (project.privacy.local_only, project.project.frozen))
    return (
        ("may change", f"{', '.join(project.project.edit)}; a change of anything else is no experiment"),
        ("frozen", f"{frozen}: taken from the harness, never from a branch" if frozen else "no file"),
        ("seed", "a change of nothing but the seed is no experiment; the lab draws every seed"),
        ("score", f"{project.metric.name}, {_direction(project)}; {_scorer(project)}"),
        *(("guard", f"{name}: {limit(guard)}") for name, guard in sorted(project.guard.items())),
        ("sandbox", _walls(walls)),
        ("packages", f"hidden from agents' code: {', '.join(sandbox.hide_packages) or 'none'}"),
        ("network", "none for anything that an agent wrote"),
        ("local only", f"{local}: never sent to a remote model" if local else "no file is kept from remote models"),
        ("one run", f"{_profile(state)}"),
        ("memory", f"{limits.memory_gb:g} GiB a run" if limits.memory_gb else "its share of the machine's memory"),
        ("one turn", f"{limits.turns} model turns, {limits.seconds:g} s"),
        ("money", _money(limits.usd, limits.tokens)),
        ("crashes", f"{limits.crashes_in_a_row} in a row pause the worktree"),
        ("gate", f"{gate.confirm_seeds} fresh seeds, gain at least {threshold(state):g}σ, then {_merger(gate.mode)}"),
        ("too good", _too_good(gate.max_gain)),
        ("ends", _ends(limits.hours, limits.experiments, limits.gpu_hours)),
    )


def _direction(project: Project) -> str:
    return "lower is better" if project.metric.lower_is_better else "higher is better"


def _scorer(project: Project) -> str:
    if project.metric.self_reported:
        return f"{SELF_REPORTED}: what the training prints, by the pattern {project.metric.pattern}"
    return "computed in another process from what was saved"


def _walls(backend: str) -> str:
    return {
        "full": "full: own namespaces, no network, reads only what it needs",
        "reduced": "reduced: no namespaces on this machine; Landlock, seccomp and another user",
        "none": "NONE: this engine was started with --no-sandbox, and nothing moves trunk",
    }.get(backend, "the engine has not said yet")


def _profile(state: LabState) -> str:
    return f"budget {state.config.budget} ({state.config.profile})" if state.config else "not configured yet"


def _money(usd: float, tokens: int) -> str:
    limits = ([f"${usd:g}"] if usd else []) + ([f"{tokens} tokens"] if tokens else [])
    return f"at most {' and '.join(limits)} for models, of all time" if limits else "no limit"


def _merger(mode: str) -> str:
    return {"me": "you merge", "gate": "it merges by itself", "hold": "nothing is confirmed just now"}[mode]


def _too_good(gain: float | None) -> str:
    return "no gain is" if gain is None else f"a gain above {gain:g} is BLOCKED until a person has read its diff"


def _ends(hours: float, experiments: int, gpu_hours: float) -> str:
    limits = ((hours, "h"), (experiments, "experiments"), (gpu_hours, "slot-hours"))
    told = [f"{value:g} {unit}" for value, unit in limits if value]
    return f"after {', '.join(told)}, whichever comes first" if told else "never by itself"
