"""Any program may be the agent: a shell script, or the likes of claude, codex, aider, gemini."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from agentcore import events as ev
from agentcore.agents.command import CommandAgent
from agentcore.brief.transcript import Tail
from agentcore.engine.walls import BARE
from agentcore.project.seed import prompts_folder
from agentcore.worktree import proposing
from tests.agentcore.labs import Desk, desk
from worktrees.project import CommandSettings, Limits

SCRIPT = """#!/bin/sh
# An agent in three lines: it reads its brief, edits the file, says why.
grep -q 'Where trunk stands' "$1" || exit 9
sed -i 's/^RATE = .*/RATE = 0.3/' train.py
echo "Hypothesis: RATE 0.1 to 0.3: the schedule is short"
"""

CLAUDE = """#!/bin/sh
# Shaped like a coding agent's command line: -p PROMPT and flags, answers on standard output.
[ "$1" = -p ] || exit 2
case "$2" in *"# Program"*"Where trunk stands"*) ;; *) exit 3 ;; esac
[ "$3" = --permission-mode ] || exit 4
[ -n "$SOME_API_KEY" ] || exit 5
sed -i 's/^DEPTH = .*/DEPTH = 3/' train.py
printf 'I made one change.\\n\\n**Hypothesis:** fewer layers: each sees more tokens\\n'
"""


def program(folder: Path, text: str, name: str = "agent") -> Path:
    """Write an executable."""
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return path


async def think(at: Desk, *argv: str, **settings: object) -> ev.Event:
    """Let a command agent make one proposal in wt0 of a lab whose trunk has its number."""
    await at.work({})
    agent = CommandAgent(replace(CommandSettings(argv), **settings))  # type: ignore[arg-type]
    await proposing.propose(at.lab, agent, prompts_folder(), "wt0")
    return at.lab.state.recent[-1].event


async def test_a_shell_script_is_an_agent(tmp_path: Path) -> None:
    """It gets the brief as a file, its edit becomes the experiment, its last words the hypothesis."""
    script = program(tmp_path, SCRIPT)
    async with desk(tmp_path / "lab") as at:
        event = await think(at, str(script), "{brief_file}")
        assert isinstance(event, ev.ExperimentProposed)
        assert ("RATE 0.1 to 0.3: the schedule is short", ["RATE = 0.3", "DEPTH = 4"], "command") == (
            event.hypothesis,
            at.source(event.commit),
            event.agent,
        )


async def test_a_command_line_shaped_like_claudes_is_an_agent(tmp_path: Path) -> None:
    """The brief is one argument, braces and quotes and all; the variables that lab.toml names are handed on."""
    binary = program(tmp_path, CLAUDE, "claude")
    async with desk(tmp_path / "lab") as at:
        at.lab.secrets["SOME_API_KEY"] = "sk-some-key"
        argv = (str(binary), "-p", "{brief}", "--permission-mode", "acceptEdits")
        event = await think(at, *argv, env=("SOME_API_KEY",))
        assert isinstance(event, ev.ExperimentProposed), event
        assert ("fewer layers: each sees more tokens", ["RATE = 0.1", "DEPTH = 3"]) == (
            event.hypothesis,
            at.source(event.commit),
        )


async def test_a_hypothesis_may_be_left_in_a_file(tmp_path: Path) -> None:
    """For programs whose output is not theirs to shape."""
    script = program(
        tmp_path, "#!/bin/sh\nsed -i 's/^RATE = .*/RATE = 0.4/' train.py\necho 'from the file' > $NIGHTLAB_HYPOTHESIS\n"
    )
    async with desk(tmp_path / "lab") as at:
        event = await think(at, str(script))
        assert isinstance(event, ev.ExperimentProposed)
        assert "from the file" == event.hypothesis


async def test_one_that_does_not_end_is_ended_and_its_edit_counts(tmp_path: Path) -> None:
    """By time; whatever it started ends with it."""
    script = program(tmp_path, "#!/bin/sh\nsed -i 's/^RATE = .*/RATE = 0.5/' train.py\necho edited\nsleep 100\n")
    async with desk(tmp_path / "lab") as at:
        at.lab.project = replace(at.lab.project, limits=Limits(seconds=0.5))
        event = await think(at, str(script))
        assert isinstance(event, ev.ExperimentProposed)
        assert ("edited", "ended after 0.5 s") == (event.hypothesis, event.detail["ended"])


async def test_one_that_prints_without_end_is_ended(tmp_path: Path) -> None:
    """By its limit of output."""
    script = program(tmp_path, "#!/bin/sh\nsed -i 's/^RATE = .*/RATE = 0.6/' train.py\nyes\n")
    async with desk(tmp_path / "lab") as at:
        event = await think(at, str(script), output_mb=0.1)
        assert isinstance(event, ev.ExperimentProposed)
        assert "ended: it printed too much" == event.detail["ended"]


async def test_one_that_changes_nothing_says_why(tmp_path: Path) -> None:
    """With the program's exit code and last words."""
    script = program(tmp_path, "#!/bin/sh\necho 'no credit left'\nexit 7\n")
    async with desk(tmp_path / "lab") as at:
        event = await think(at, str(script))
        assert isinstance(event, ev.AgentFailed)
        assert "the agent changed nothing (exit code 7: no credit left)" == event.reason


async def test_one_that_changes_the_harness_gets_nowhere(tmp_path: Path) -> None:
    """The file is read-only there, and what it may edit is measured by the harness as it was."""
    script = program(tmp_path, "#!/bin/sh\nsed -i 's/^RATE = .*/RATE = 0.2/' train.py\necho x > evaluate.py\n")
    async with desk(tmp_path / "lab") as at:
        await think(at, str(script))
        await at.work({})
        experiment = at.lab.state.experiments[1]
        assert ("keep", ("train.py",)) == (experiment.outcome, experiment.files)


async def test_a_harness_that_was_changed_all_the_same_makes_an_invalid_experiment(tmp_path: Path) -> None:
    """Without walls, or by a hand: the rule is named and nothing is run."""
    script = program(tmp_path, "#!/bin/sh\nsed -i 's/^RATE = .*/RATE = 0.2/' train.py\necho x > evaluate.py\n")
    async with desk(tmp_path / "lab") as at:
        at.lab.walls = BARE
        await think(at, str(script))
        await at.work({})
        experiment = at.lab.state.experiments[1]
        assert ("invalid", "invalid: frozen: evaluate.py is part of the harness", None) == (
            experiment.outcome,
            experiment.reason,
            experiment.run,
        )


async def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    """And the table of lab.toml that names it."""
    async with desk(tmp_path / "lab") as at:
        event = await think(at, "no-such-agent", "{brief}")
        assert isinstance(event, ev.AgentFailed)
        assert ("no-such-agent cannot be started", True) == (event.reason[:31], "[agents.command] argv" in event.reason)


async def test_what_it_printed_is_in_the_transcript(tmp_path: Path) -> None:
    """Without escapes and without the secrets that were handed on."""
    script = program(
        tmp_path, "#!/bin/sh\nsed -i 's/^RATE = .*/RATE = 0.7/' train.py\nprintf '\\033[31mkey %s\\n' $SOME_API_KEY\n"
    )
    async with desk(tmp_path / "lab") as at:
        from agentcore.brief.scrub import Scrubber

        at.lab.secrets["SOME_API_KEY"] = "a-secret-value"
        at.lab.scrubber = Scrubber(at.lab.secrets.values())
        await think(at, str(script), env=("SOME_API_KEY",))
        steps = list(Tail(at.lab.paths.transcript("wt0", 1)).read())
        printed = next(step for step in steps if step.kind == "output")
        assert "key [secret left out]\n" == printed.fields["text"]


async def test_a_last_line_may_be_a_question(tmp_path: Path) -> None:
    """Instead of a proposal; the brief says how."""
    script = program(tmp_path, '#!/bin/sh\ngrep -q "Question: …" "$1" || exit 9\necho "**Question:** may I use 60G?"\n')
    async with desk(tmp_path / "lab") as at:
        event = await think(at, str(script), "{brief_file}")
        assert isinstance(event, ev.QuestionAsked), event
        assert ("may I use 60G?", "command") == (event.question, event.agent)
