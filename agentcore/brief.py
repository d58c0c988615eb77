"""What is an agent told?

A brief is the program, the worktree's direction, the source it starts from, and what every worktree has learned. Its
text is rendered from `prompts/brief.md`; a variable that the template names and nobody fills is an error, not a blank.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

from agentcore.judging import noise
from agentcore.state import Experiment, LabState

HISTORY = 40
"""Experiments that a brief lists: the newest ones, and every kept one."""


class BriefError(Exception):
    """A template cannot be filled. The message names the variable."""


@dataclass(frozen=True)
class Brief:
    """Everything that an agent starts its turn from."""

    worktree: str
    text: str
    edit: tuple[str, ...]
    source: Mapping[str, str]
    """The editable files as they stand."""
    experiments: tuple[Experiment, ...]
    """Every decided or running experiment of every worktree, oldest first."""
    conflicts: tuple[int, ...] = ()
    """This worktree's kept experiments that do not fit on trunk any more: their idea may be written again, on trunk."""


def write(state: LabState, worktree: str, source: Mapping[str, str], texts: Mapping[str, str]) -> Brief:
    """Render the brief of a worktree's next turn.

    `texts` holds the researcher's words: the template `brief`, the `program` and the `direction`. Raises BriefError.
    """
    experiments = tuple(experiment for _, experiment in sorted(state.experiments.items()))
    variables = {
        "worktree": worktree,
        "program": texts["program"].strip(),
        "direction": texts["direction"].strip() or "None: go where the results point.",
        "edit": ", ".join(source),
        "source": "\n\n".join(f"### {path}\n\n```python\n{body}```" for path, body in source.items()),
        "trunk": _trunk(state),
        "conflicts": ", ".join(f"#{number}" for number in _conflicts(state, worktree)) or "none",
        "history": _history(state, experiments),
    }
    try:
        text = Template(texts["brief"]).substitute(variables)
    except KeyError as error:
        raise BriefError(f"prompts/brief.md names ${error.args[0]}; known: {', '.join(variables)}") from error
    except ValueError as error:
        raise BriefError(f"prompts/brief.md: {error} (write $$ for a dollar sign)") from error
    return Brief(worktree, text, tuple(source), source, experiments, _conflicts(state, worktree))


def read_texts(prompts: Path, root: Path, worktree: str) -> dict[str, str]:
    """Read the template and what the researcher wrote in the lab's folder; a missing direction is an empty one."""
    direction = root / "directions" / f"{worktree}.md"
    program = root / "program.md"
    return {
        "brief": (prompts / "brief.md").read_text(encoding="utf-8"),
        "program": (program if program.exists() else prompts / "program.md").read_text(encoding="utf-8"),
        "direction": direction.read_text(encoding="utf-8") if direction.exists() else "",
    }


def _conflicts(state: LabState, worktree: str) -> tuple[int, ...]:
    numbers = sorted(number for number, candidate in state.candidates.items() if candidate.state == "CONFLICT")
    return tuple(number for number in numbers if state.experiments[number].worktree == worktree)


def _trunk(state: LabState) -> str:
    assert state.trunk is not None and state.config is not None, "briefs are written after calibration"
    pool = state.pools.get(state.trunk.tree, {})
    spread = noise(state)
    number = f"{sum(pool.values()) / len(pool):.4f}" if pool else "not measured yet"
    sigma = f", noise σ {spread.sigma:.4f} ({spread.dof} degrees of freedom)" if spread else ""
    return f"{state.trunk.commit[:7]}, {state.config.metric} {number} over {len(pool)} runs{sigma}"


def _history(state: LabState, experiments: Iterable[Experiment]) -> str:
    decided = [each for each in experiments if each.outcome]
    shown = decided[-HISTORY:]
    shown = [each for each in decided[:-HISTORY] if each.outcome == "keep"] + shown
    return "\n".join(_line(state, each) for each in shown) or "Nothing has been tried yet."


def _line(state: LabState, experiment: Experiment) -> str:
    candidate = state.candidates.get(experiment.number)
    standing = f", queue: {candidate.state}" if candidate else ""
    result = f"gain {experiment.gain:+.4f} ({experiment.z:.1f}σ)" if experiment.gain is not None else experiment.reason
    hypothesis = experiment.hypothesis.splitlines()[0] if experiment.hypothesis else ""
    return f"- #{experiment.number} {experiment.worktree} {experiment.outcome}: {hypothesis}; {result}{standing}"
