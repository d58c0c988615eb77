"""A repository that is there already becomes a lab by one command, and nothing of its researcher's changes."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from agentcore.engine import launch
from agentcore.plan import Limits
from agentcore.state import LabState
from tests import foreign
from tests.engines import PATIENCE_S, state_of
from tests.foreign import git
from tui.cli import main
from worktrees.layout import LabPaths
from worktrees.project import load

GOAL = "improve quality and speed"
SCRIPT = {
    "fit model.py": "import argparse\n" + foreign.TRAIN.replace("val_error", "final_thing"),
    "prepare.py": foreign.PREPARE,
}
"""A plain script with a space in its name, whose metric nobody can know the direction of."""


def night(root: Path, experiments: int = 6) -> LabPaths:
    """Let the lab's own engine work in gate mode, on two slots, after half of their calibration."""
    paths = LabPaths(root)
    text = paths.config.read_text().replace("count = 0", "count = 2")
    paths.config.write_text(text.replace("[gate]\n", "[gate]\ncalibration_runs = 3\n"))
    assert 0 == launch.run_engine(paths, Limits(experiments=experiments), mode="gate")
    return paths


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> LabPaths:
    """A night of a foreign repository, from the one instruction on."""
    root = foreign.make(tmp_path_factory.mktemp("init") / "research")
    assert 0 == main(["init", str(root), "--goal", GOAL, "--guard", "accuracy >= 0.1"])
    return night(root)


@pytest.fixture(scope="module")
def higher(tmp_path_factory: pytest.TempPathFactory) -> LabPaths:
    """The same where more of the metric is better, and less of a second number."""
    files = {"train.py": foreign.HIGHER, "prepare.py": foreign.PREPARE, "program.md": foreign.PROGRAM}
    root = foreign.make(tmp_path_factory.mktemp("init") / "research", files)
    assert 0 == main(["init", str(root), "--goal", GOAL, "--guard", "total_seconds may lose 50"])
    return night(root)


def scores(state: LabState, tree: str) -> float:
    """Return the mean of a tree's pool."""
    pool = state.pools[tree]
    return sum(pool.values()) / len(pool)


# --- A night ---


def test_a_foreign_repository_is_improved_over_night(lab: LabPaths) -> None:
    """Its own metric, printed by its own script, falls, and trunk is what was measured with fresh seeds."""
    state = state_of(lab)
    assert state.trunk is not None
    assert (True, True) == (
        any(not merge.undone for merge in state.merges),
        scores(state, state.trunk.tree) < scores(state, state.baseline_tree),
    )


def test_more_may_be_better(higher: LabPaths) -> None:
    """Trunk's quality rises, and every merge has a positive gain."""
    state = state_of(higher)
    assert state.trunk is not None
    gains = [merge.verdict.gain > 0 for merge in state.merges if merge.verdict]
    assert (True, {True}) == (scores(state, state.trunk.tree) > scores(state, state.baseline_tree), set(gains))


@pytest.mark.parametrize(("which", "metric"), [("lab", "val_error"), ("higher", "val_quality")])
def test_the_report_names_the_metric_and_who_says_it(
    which: str, metric: str, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the morning a person reads that agents' own code printed these numbers."""
    paths = request.getfixturevalue(which)
    assert 0 == main(["report", "--lab", str(paths.root)])
    told = capsys.readouterr().out
    assert (True, True) == (f"trust it?       {metric} is self-reported" in told, "better?         trunk" in told)


def test_every_run_records_that_its_score_is_self_reported(lab: LabPaths) -> None:
    """Also the seeds reached a script that looks for them in a variable of its own."""
    state = state_of(lab)
    ended = [run for run in state.runs.values() if run.score is not None]
    pool = state.pools[state.baseline_tree].values()
    assert ({True}, True) == ({run.self_reported for run in ended}, len(set(pool)) > 1)


def test_status_and_show_say_it_too(lab: LabPaths, capsys: pytest.CaptureFixture[str]) -> None:
    """With the guard's numbers beside trunk's."""
    merged = state_of(lab).merges[0].experiment
    assert (0, 0) == (main(["status", "--lab", str(lab.root)]), main(["show", str(merged), "--lab", str(lab.root)]))
    told = capsys.readouterr().out
    assert "val_error is self-reported: the code that agents edit prints it" in told
    assert "guard     accuracy " in told and "at least 0.1: holds" in told


def test_trunks_commits_carry_it(lab: LabPaths) -> None:
    """Whoever reads the branch alone knows who said the score, and what the guards read."""
    told = git(lab.root, "log", "-1", "--format=%B", "lab/trunk")
    assert "Score-From: self-reported: the training printed it\n" in told
    assert "\nGuards: accuracy " in told and "at least 0.1: holds\n" in told


def test_the_night_has_not_touched_what_is_the_researchers(lab: LabPaths) -> None:
    """One commit on main as before, an index and files as they were; what is new is what init has said."""
    assert ("1\n", "main\n", "?? directions/\n?? lab.toml\n") == (
        git(lab.root, "rev-list", "--count", "main"),
        git(lab.root, "branch", "--show-current"),
        git(lab.root, "status", "--short"),
    )


def test_a_script_without_a_seed_is_told_as_what_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Equal runs score equally: σ is 0, a gain passes by a bounded number of standard errors, and it is said."""
    train = foreign.TRAIN.replace('os.environ.get("TRAIN_SEED", "42")', '"42"')
    files = {"train.py": train, "prepare.py": foreign.PREPARE, "program.md": foreign.PROGRAM}
    root = foreign.make(tmp_path / "research", files)
    assert 0 == main(["init", str(root), "--goal", GOAL])
    assert "train.py takes no seed" in capsys.readouterr().out
    state = state_of(night(root, experiments=3))
    assert 0 == main(["report", "--lab", str(root)])
    told = capsys.readouterr().out
    assert (True, False, True) == (
        "val_error is self-reported, σ 0: runs ignore their seed" in told,
        "000.0σ" in told,
        all(abs(each.z) <= 99 for each in state.experiments.values() if each.z is not None),
    )


# --- What init leaves alone ---


def test_trunk_is_head_and_the_new_files(tmp_path: Path) -> None:
    """A commit of its own: lab.toml is in trunk though nobody committed it."""
    root = foreign.make(tmp_path / "research")
    assert 0 == main(["init", str(root), "--goal", GOAL])
    assert ("directions/goal.md\nlab.toml\n", git(root, "rev-parse", "main")) == (
        git(root, "diff", "--name-only", "main", "lab/trunk"),
        git(root, "rev-parse", "lab/trunk~"),
    )


def test_uncommitted_work_stays_and_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Staged, changed and new files are as they were, to the byte of the index; trunk has none of them."""
    root = foreign.make(tmp_path / "research")
    (root / "train.py").write_text(foreign.TRAIN + "# mine\n")
    (root / "staged.py").write_text("x = 1\n")
    git(root, "add", "staged.py")
    before = (root / ".git" / "index").read_bytes()
    assert 0 == main(["init", str(root), "--goal", GOAL])
    assert "uncommitted changes stay as they are and are not in the lab: staged.py, train.py" in capsys.readouterr().out
    assert (before, foreign.TRAIN, "A  staged.py\n M train.py\n?? directions/\n?? lab.toml\n") == (
        (root / ".git" / "index").read_bytes(),
        git(root, "show", "lab/trunk:train.py"),
        git(root, "status", "--short"),
    )


def test_a_detached_head_stays_detached(tmp_path: Path) -> None:
    """Trunk starts from the commit that is checked out."""
    root = foreign.make(tmp_path / "research")
    git(root, "checkout", "-q", "--detach")
    assert 0 == main(["init", str(root), "--goal", GOAL])
    assert ("", "main\n") == (
        git(root, "branch", "--show-current"),
        git(root, "branch", "--format=%(refname:short)", "--list", "main"),
    )


def test_a_program_that_is_there_is_not_written(tmp_path: Path) -> None:
    """The goal becomes the one direction that is dealt out; without a program it becomes the program."""
    with_one = foreign.make(tmp_path / "a")
    without = foreign.make(tmp_path / "b", {"train.py": foreign.TRAIN, "prepare.py": foreign.PREPARE})
    assert [0, 0] == [main(["init", str(root), "--goal", GOAL, "--yes"]) for root in (with_one, without)]
    assert (foreign.PROGRAM, ("goal",), True) == (
        (with_one / "program.md").read_text(),
        load(with_one / "lab.toml").agents.directions,
        GOAL in (with_one / "directions" / "goal.md").read_text(),
    )
    assert ((), True) == (load(without / "lab.toml").agents.directions, GOAL in (without / "program.md").read_text())


def test_a_dry_run_prints_the_file_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is printed is a lab.toml as it stands."""
    root = foreign.make(tmp_path / "research")
    assert 0 == main(["init", str(root), "--dry-run"])
    (tmp_path / "lab.toml").write_text(capsys.readouterr().out)
    assert ("val_error", "", "") == (
        load(tmp_path / "lab.toml").metric.name,
        git(root, "status", "--short"),
        git(root, "branch", "--list", "lab/*"),
    )


# --- Where no lab can be made ---


def bare(root: Path) -> Path:
    """A repository without a checkout."""
    foreign.make(root)
    git(root.parent, "clone", "-q", "--bare", str(root), str(root.parent / "bare"))
    return root.parent / "bare"


def unborn(root: Path) -> Path:
    """A repository without a commit."""
    foreign.make(root, {})
    (root / "train.py").write_text(foreign.TRAIN)
    return root


def taken(root: Path) -> Path:
    """One whose branches have the lab's names."""
    foreign.make(root)
    git(root, "branch", "lab/mine")
    return root


def in_the_way(root: Path) -> Path:
    """One with a branch `lab`, which git cannot have beside lab/trunk."""
    foreign.make(root)
    git(root, "branch", "lab")
    return root


def configured(root: Path) -> Path:
    """One that is a lab."""
    foreign.make(root)
    (root / "lab.toml").write_text("")
    return root


def linked(root: Path) -> Path:
    """Another checkout of a repository."""
    foreign.make(root)
    git(root, "worktree", "add", "-q", str(root.parent / "other"))
    return root.parent / "other"


def no_git(root: Path) -> Path:
    """Files alone."""
    root.mkdir()
    (root / "train.py").write_text(foreign.TRAIN)
    return root


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        (bare, "is in a bare repository"),
        (unborn, "has no commit yet: commit the project first"),
        (taken, "refs/heads/lab/mine is there already"),
        (in_the_way, "refs/heads/lab is there already"),
        (configured, "lab.toml is there already: edit it, or remove it"),
        (linked, "is a linked worktree or a submodule"),
        (no_git, "no git repository: git init"),
    ],
)
def test_what_cannot_be_a_lab_is_refused_with_the_reason(
    place: object, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is written."""
    assert callable(place)
    root = place(tmp_path / "research")
    code = main(["init", str(root), "--goal", GOAL])
    assert (4, True, False) == (code, reason in capsys.readouterr().err, (root / ".lab").exists())


# --- What cannot be known ---


def test_without_a_terminal_every_missing_answer_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the flag that gives it."""
    root = foreign.make(tmp_path / "research", SCRIPT | {"other/fit.py": SCRIPT["fit model.py"]})
    code = main(["init", str(root), "--goal", GOAL])
    error = capsys.readouterr().err
    assert (2, True) == (code, "--lower-is-better or --higher-is-better" in error), error


def test_flags_answer_everything(tmp_path: Path) -> None:
    """A script that nothing is known of, in a folder of its repository, with a space in its name."""
    root = foreign.make(tmp_path / "research", {f"my work/{name}": text for name, text in SCRIPT.items()})
    words = ["--train", "python 'fit model.py'", "--edit", "fit model.py", "--frozen", "prepare.py", "--budget", "5"]
    words += ["--metric", "final_thing", "--pattern", r"^final_thing:\s+(\S+)", "--lower-is-better"]
    assert 0 == main(["init", str(root / "my work"), *words])
    paths = night(root, experiments=1)
    state = state_of(paths)
    assert (("my work/fit model.py",), True) == (
        load(paths.config).project.edit,
        len(state.pools[state.baseline_tree]) >= 3,
    )


def test_on_a_terminal_each_is_asked_with_its_default(tmp_path: Path) -> None:
    """Enter takes what was found; what was not is asked until it is said."""
    root = foreign.make(tmp_path / "research", SCRIPT)
    person, terminal = pty.openpty()
    argv = [sys.executable, "-m", "tui.cli", "init", str(root)]
    with subprocess.Popen(argv, stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as asked:
        os.write(person, b"\n\n\nsideways\nhigher\n")  # metric, pattern, and which is better
        out, _ = asked.communicate(timeout=PATIENCE_S)
    for descriptor in (person, terminal):
        os.close(descriptor)
    assert 0 == asked.returncode, out
    project = load(root / "lab.toml")
    assert ("final_thing", r"^final_thing:\s*(\S+)", False, ("fit model.py",)) == (
        project.metric.name,
        project.metric.pattern,
        project.metric.lower_is_better,
        project.project.edit,
    )


def test_what_is_not_committed_cannot_be_edited(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Trunk would not have it, and the engine would find out at its start."""
    root = foreign.make(tmp_path / "research")
    (root / "new.py").write_text(foreign.TRAIN)
    assert 2 == main(["init", str(root), "--train", "python new.py", "--edit", "new.py", "--yes"])
    assert "new.py is no file in your HEAD, from which trunk starts: commit it first" in capsys.readouterr().err


def test_words_in_a_folder_are_pointed_at(tmp_path: Path) -> None:
    """The lab's program lies at the top: a new one names the researcher's, which stays where it is."""
    files = {"train.py": foreign.TRAIN, "prepare.py": foreign.PREPARE, "program.md": foreign.PROGRAM}
    root = foreign.make(tmp_path / "research", {f"lm/{name}": text for name, text in files.items()})
    assert 0 == main(["init", str(root / "lm"), "--goal", GOAL])
    told = (root / "program.md").read_text()
    assert (True, True, ("env", "-C", "lm", "{python}", "train.py")) == (
        GOAL in told,
        "`lm/program.md` holds the researcher's own words" in told,
        load(root / "lab.toml").commands.train,
    )


def test_a_flag_for_a_repository_means_nothing_to_a_new_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said, and no lab of nanochat is made instead."""
    assert 2 == main(["init", str(tmp_path / "new"), "--goal", GOAL])
    assert ("--goal is for a repository that is there already" in capsys.readouterr().err, False) == (
        True,
        (tmp_path / "new").exists(),
    )
