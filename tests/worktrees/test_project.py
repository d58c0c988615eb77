"""lab.toml is read strictly: what is misspelt or out of range is said before anything runs."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from agentcore.brief.spending import Price
from tests import toy
from worktrees import gate, project
from worktrees.project import Profile, ProjectError, harness_hash, load, parse

LAB = toy.LAB.replace("[gate]\ncalibration_runs = 3\n\n", "")
"""A lab.toml with no word on the gate."""

NANOCHAT = Path(__file__).parents[2] / "nanochat" / "lab.toml"


def test_the_shipped_project_is_valid() -> None:
    """nanochat's lab.toml parses, and its agents may change train.py only."""
    assert ("train.py",) == load(NANOCHAT).project.edit


def test_the_shipped_harness_exists() -> None:
    """Every frozen file of nanochat is there."""
    assert [] == [name for name in load(NANOCHAT).project.frozen if not (NANOCHAT.parent / name).is_file()]


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_the_shipped_project_runs_on_both_kinds_of_slot(kind: Any) -> None:
    """nanochat has a profile for CPU cores and one for GPUs."""
    assert kind == load(NANOCHAT).profile_for(kind)[0]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param("[metric]", "[metrics]", "unknown table 'metrics'; did you mean 'metric'?", id="table"),
        pytest.param("frozen =", "frosen =", "[project]: unknown key 'frosen'; did you mean 'frozen'?", id="key"),
        pytest.param(
            "train_wall_s", "train_walls", "[profile.cpu]: unknown key 'train_walls'; did you mean 'train_wall_s'?",
            id="key of a profile",
        ),
        pytest.param("count = 2", "xyz = 2", "[slots]: unknown key 'xyz'; known: count", id="nothing near"),
        pytest.param("[slots]", "[gate]\nz_screan = 1.0\n[slots]", "did you mean 'z_screen'?", id="key of the gate"),
    ],
)  # fmt: skip
def test_an_unknown_key_names_the_nearest(old: str, new: str, message: str) -> None:
    """A misspelt limit would be no limit."""
    with pytest.raises(ProjectError) as caught:
        parse(LAB.replace(old, new))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        pytest.param('edit = ["train.py"]', 'edit = "train.py"', "edit", id="a text for a list"),
        pytest.param('edit = ["train.py"]', "edit = []", "edit", id="nothing to edit"),
        pytest.param('edit = ["train.py"]', 'edit = ["/etc/passwd"]', "/etc/passwd", id="absolute path"),
        pytest.param('edit = ["train.py"]', 'edit = ["../train.py"]', "../train.py", id="path that leaves"),
        pytest.param('edit = ["train.py"]', 'edit = ["./train.py"]', "'train.py'", id="path that git writes shorter"),
        pytest.param('edit = ["train.py"]', 'edit = ["evaluate.py"]', "evaluate.py", id="both edit and frozen"),
        pytest.param('train = ["{python}", "-S", "-P", "train.py"]', "train = []", "train", id="empty command"),
        pytest.param('name = "val_bpb"', "lower_is_better = true", "name", id="a required key is missing"),
        pytest.param("train_wall_s = 20", "train_wall_s = 0", "train_wall_s", id="no time at all"),
        pytest.param("count = 2", "count = -1", "count", id="fewer slots than none"),
        pytest.param("count = 2", "count = true", "count", id="a truth for a number"),
        pytest.param("[slots]", '[gate]\nmode = "auto"\n[slots]', "mode", id="unknown mode"),
        pytest.param("[slots]", "[gate]\nconfirm_seeds = 0\n[slots]", "confirm_seeds", id="no confirmation"),
        pytest.param("[slots]", "[gate]\ncalibration_runs = 1\n[slots]", "calibration_runs", id="noise of one run"),
        pytest.param("[slots]", "[gate]\npool_min = 0\n[slots]", "pool_min", id="trunk without a number"),
        pytest.param("[slots]", "[limits]\ncrashes_in_a_row = 0\n[slots]", "crashes_in_a_row", id="paused at once"),
        pytest.param("[slots]", "[run]\nprofile = 'gpu'\n[slots]", "gpu", id="unknown profile"),
        pytest.param("[slots]", '[sandbox]\nread = ["data"]\n[slots]', "must begin with / or ~", id="a relative path"),
        pytest.param("[slots]", "[slots", "line", id="no TOML"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(old: str, new: str, names: str) -> None:
    """What would stop the lab in the middle of the night is refused before it starts."""
    with pytest.raises(ProjectError) as caught:
        parse(LAB.replace(old, new), "LAB/lab.toml")
    assert names in str(caught.value)


def test_a_message_names_the_file() -> None:
    """The path of the lab.toml begins the message."""
    with pytest.raises(ProjectError) as caught:
        parse("x = 1", "/labs/a/lab.toml")
    assert str(caught.value).startswith("/labs/a/lab.toml")


def test_a_missing_file_says_who_writes_it(tmp_path: Path) -> None:
    """The message names the command that makes one."""
    with pytest.raises(ProjectError, match="nightlab init"):
        load(tmp_path / "lab.toml")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are an error with the file's name, no traceback."""
    (tmp_path / "lab.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ProjectError, match="cannot be read"):
        load(tmp_path / "lab.toml")


def test_a_profile_that_is_missing_names_those_that_are_there() -> None:
    """A GPU machine with a lab.toml for CPUs only says so."""
    with pytest.raises(ProjectError, match=r"no \[profile.cuda\]; it has cpu"):
        parse(LAB).profile_for("cuda")


def test_a_chosen_profile_wins_over_the_hardware() -> None:
    """`[run] profile` overrides what the slots suggest."""
    assert "cpu" == parse(LAB + '\n[run]\nprofile = "cpu"\n').profile_for("cuda")[0]


@pytest.mark.parametrize(("slots", "profile"), [(1, gate.EXPLORE), (2, gate.EXPLORE), (3, gate.STRICT)])
def test_few_slots_explore(slots: int, profile: gate.GateSettings) -> None:
    """One or two slots have no runs to spare; three or more use the strict thresholds."""
    assert replace(profile, calibration_runs=6) == parse(LAB).gate_for(slots)


def test_many_slots_calibrate_longer() -> None:
    """Four slots and more take eight calibration runs."""
    assert gate.STRICT == parse(LAB).gate_for(4)


@pytest.mark.parametrize(("slots", "together"), [(15, 1), (16, 4)])
def test_many_slots_stack(slots: int, together: int) -> None:
    """From 16 slots on up to four candidates are confirmed together."""
    assert together == parse(LAB).gate_for(slots).stack_max


def test_the_gate_of_lab_toml_overrides_the_default() -> None:
    """What is written counts, the rest is as the number of slots suggests."""
    settings = parse(LAB + "\n[gate]\nz_confirm = 2.0\n").gate_for(2)
    assert (2.0, gate.EXPLORE.z_screen) == (settings.z_confirm, settings.z_screen)


FROZEN = {"evaluate.py": b"score()", "data.py": b"load()"}
PROFILE = Profile("600 GFLOP", 60, 60, {"CORPUS": "kjv"})


@pytest.mark.parametrize(
    ("frozen", "profile"),
    [
        pytest.param({**FROZEN, "evaluate.py": b"score( )"}, PROFILE, id="a frozen byte"),
        pytest.param({"evaluate.py": b"score()"}, PROFILE, id="a frozen file less"),
        pytest.param({"evaluate.pydata.py": b"score()load()"}, PROFILE, id="another split of the same bytes"),
        pytest.param(FROZEN, replace(PROFILE, budget="601 GFLOP"), id="the budget"),
        pytest.param(FROZEN, replace(PROFILE, env={"CORPUS": "pg"}), id="the corpus"),
    ],
)
def test_whatever_makes_scores_incomparable_changes_the_harness(frozen: dict[str, bytes], profile: Profile) -> None:
    """Frozen files, budget and corpus are part of every score's identity."""
    assert harness_hash(FROZEN, PROFILE) != harness_hash(frozen, profile)


def test_a_wall_limit_is_no_part_of_the_harness() -> None:
    """How long a hanging run may hang does not touch the scores of the others; nor does the order of files."""
    other = harness_hash(dict(reversed(FROZEN.items())), replace(PROFILE, train_wall_s=90))
    assert harness_hash(FROZEN, PROFILE) == other


def test_every_table_is_checked() -> None:
    """A table that the Project knows and the key check does not would accept any key."""
    tables = {table for table in project._TABLES if "." not in table}
    assert set(project.Project.__dataclass_fields__) - set(project._NAMED) == tables


# --- [metric], [guard] ---

PRINTED = LAB.replace('evaluate = ["{python}", "-S", "-P", "evaluate.py"]\n', "").replace(
    'name = "val_bpb"', "name = 'val_bpb'\npattern = '^val_bpb: (.*)'"
)


def test_a_score_that_is_printed_is_self_reported() -> None:
    """With a pattern no evaluation is needed; without one there is none of that."""
    assert (True, False) == (parse(PRINTED).metric.self_reported, parse(LAB).metric.self_reported)


@pytest.mark.parametrize(
    ("lab", "message"),
    [
        (LAB.replace('name = "val_bpb"', "name = 'x'\npattern = 'x (.*)'"), "both say the score"),
        (PRINTED.replace("pattern", "# "), "nothing says the score"),
        (PRINTED.replace("(.*)", "(.*"), "is no regular expression"),
        (PRINTED.replace("(.*)", ".*"), "has no group"),
        (PRINTED + "[guard.speed]\nat_least = 1\n", "[guard.speed]: without an evaluation it needs a pattern"),
        (LAB + "[guard.speed]\n", "[guard.speed]: it allows everything"),
        (LAB + "[guard.speed]\nkey = 'a'\npattern = '(b)'\nat_least = 1\n", "leave one of them out"),
        (LAB + "[guard.speed]\nat_lest = 1\n", "[guard.speed]: unknown key 'at_lest'; did you mean 'at_least'?"),
    ],
)
def test_a_metric_or_guard_that_cannot_be_read_is_said(lab: str, message: str) -> None:
    """Before anything runs."""
    with pytest.raises(ProjectError) as caught:
        parse(lab)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "other",
    [PRINTED.replace("^val", "val"), PRINTED.replace('"-P",', ""), PRINTED + "[guard.a]\npattern='(1)'\nat_least=1"],
)
def test_how_a_self_reported_score_comes_about_is_its_harness(other: str) -> None:
    """Another pattern, command or guard is another measurement; a guard's limit is not."""
    one, two = (harness_hash({}, PROFILE, parse(each)) for each in (PRINTED, other))
    assert one != two


def test_a_command_is_told_its_seed() -> None:
    """Where a script takes it as an argument, or from a variable of its own."""
    project = parse(PRINTED.replace('"-P", "train.py"]', '"train.py", "--seed={seed}"]'))
    profile = replace(PROFILE, env={"SEED": "{seed}"})
    assert ("--seed=7", {"SEED": "7"}) == (project.argv(project.commands.train, seed=7)[-1], project.env(profile, 7))


# --- [agents] ---


def agents(text: str) -> project.Agents:
    """Return the agents of a lab with these tables."""
    return parse(LAB + text).agents


def refused(text: str) -> str:
    """Return why a lab with these tables cannot be used."""
    with pytest.raises(ProjectError) as caught:
        parse(LAB + text)
    return str(caught.value)


def test_a_lab_that_says_nothing_of_agents_searches() -> None:
    """Without a model, with a seed, as far ahead as it measures, through eight directions."""
    found = agents("")
    assert ("search", {}, 1, None, 8, ()) == (
        found.backend,
        found.worktree,
        found.seed,
        found.proposals_ahead,
        len(found.directions),
        found.command.argv,
    )


def test_a_lab_that_says_nothing_of_money_has_a_limit() -> None:
    """Nobody wakes up to a bill that nobody allowed."""
    limits = parse(LAB).limits
    assert (True, True, True) == (limits.usd > 0, limits.turns > 0, limits.seconds > 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("[agents]\nbackand = 'x'", "[agents]: unknown key 'backand'; did you mean 'backend'?", id="key"),
        pytest.param(
            "[agents.anthropic]\nmodle = 'x'", "[agents.anthropic]: unknown key 'modle'; did you mean 'model'?",
            id="key of a model",
        ),
        pytest.param(
            "[agents.command]\nargs = ['x']", "[agents.command]: unknown key 'args'; did you mean 'argv'?",
            id="key of a command",
        ),
        pytest.param(
            "[agents.antropic]\nmodel = 'x'", "[agents]: unknown key 'antropic'; did you mean 'anthropic'?", id="table"
        ),
        pytest.param(
            "[agents.anthropic.price]\ninptu = 3.0\noutput = 15.0",
            "[agents.anthropic.price]: unknown key 'inptu'; did you mean 'input'?",
            id="key of a price",
        ),
        pytest.param("[limits]\nturn = 5", "[limits]: unknown key 'turn'; did you mean 'turns'?", id="limit"),
        pytest.param("[agents.worktree]\nworktree0 = 'search'", "'worktree0' is no worktree: wt0", id="worktree"),
        pytest.param("[agents.worktree]\nwt01 = 'search'", "'wt01' is no worktree: wt0", id="worktree with a zero"),
    ],
)  # fmt: skip
def test_an_unknown_key_of_an_agent_names_the_nearest(text: str, message: str) -> None:
    """At every depth: a misspelt price would be none, and the limit of money would hold nothing."""
    assert message in refused(text)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param("[agents]\nbackend = 'claude'", "claude", id="unknown backend"),
        pytest.param("[agents.worktree]\nwt0 = 'claude'", "claude", id="unknown backend of a worktree"),
        pytest.param("[agents]\nbackend = 'command'", "[agents.command] argv", id="a command without words"),
        pytest.param("[agents.worktree]\nwt1 = 'command'", "[agents.command] argv", id="the same for one worktree"),
        pytest.param("[agents]\nproposals_ahead = -1", "proposals_ahead", id="fewer than none ahead"),
        pytest.param("[agents]\nproposals_ahead = 1.5", "proposals_ahead", id="half a proposal"),
        pytest.param("[agents]\ndirections = 'wild'", "directions", id="a text for a list"),
        pytest.param("[agents]\nanthropic = 5", "anthropic", id="a number for a table"),
        pytest.param("[agents]\nworktree = 'search'", "worktree", id="a text for a table"),
        pytest.param("[agents.anthropic]\nconcurrency = 0", "concurrency", id="no request at all"),
        pytest.param("[agents.anthropic]\nrequests_per_minute = -1", "requests_per_minute", id="negative requests"),
        pytest.param("[agents.anthropic]\nbackoff_s = 0", "backoff_s", id="no wait"),
        pytest.param("[agents.anthropic]\nmax_tokens = 10", "max_tokens", id="a reply of ten tokens"),
        pytest.param("[agents.anthropic]\nprice = 5", "price", id="a number for prices"),
        pytest.param("[agents.anthropic.price]\ninput = -1.0\noutput = 1.0", "price", id="a model that pays"),
        pytest.param("[agents.anthropic.price]\ninput = 'free'\noutput = 1.0", "price", id="a text for a price"),
        pytest.param("[agents.anthropic.price]\ninput = 1.0", "output", id="half a price"),
        pytest.param("[agents.anthropic.price]\noutput = 1.0", "input", id="the other half"),
        pytest.param("[agents.command]\nargv = 'claude -p'", "argv", id="a shell line"),
        pytest.param("[agents.command]\noutput_mb = 0", "output_mb", id="a program that may say nothing"),
        pytest.param("[limits]\nusd = -1", "usd", id="less than no money"),
        pytest.param("[limits]\nusd = nan", "usd", id="money that is no number"),
        pytest.param("[limits]\nturns = 0", "turns", id="no turn"),
        pytest.param("[limits]\nseconds = 0", "seconds", id="no time"),
    ],
)
def test_an_agent_that_cannot_be_is_refused(text: str, names: str) -> None:
    """Before anything runs, with the key's name."""
    assert names in refused(text)


def test_agents_are_read_as_they_are_written() -> None:
    """Every table of them."""
    found = agents(
        """
        [agents]
        backend = "anthropic"
        proposals_ahead = 0
        directions = ["wild"]
        [agents.worktree]
        wt0 = "search"
        wt10 = "command"
        [agents.anthropic]
        model = "claude-x"
        requests_per_minute = 50
        price = { input = 1, output = 2.5 }
        [agents.command]
        argv = ["agent", "{brief_file}"]
        """
    )
    assert (0, ("wild",), {"wt0": "search", "wt10": "command"}, 50, {"input": 1, "output": 2.5}) == (
        found.proposals_ahead,
        found.directions,
        found.worktree,
        found.anthropic.requests_per_minute,
        found.anthropic.price,
    )
    assert (("agent", "{brief_file}"), ("HOME", "USER", "LANG", "TERM")) == (found.command.argv, found.command.env)


def test_prices_are_those_that_are_counted() -> None:
    """A kind of token that lab.toml knows and the accounts do not would cost nothing."""
    assert {each.name for each in fields(Price)} == set(project._PRICES)


def test_nothing_is_local_only_unless_it_is_said() -> None:
    """Neither by default nor in the project that is shipped."""
    assert [(), ()] == [parse(LAB).privacy.local_only, load(NANOCHAT).privacy.local_only]


def test_what_is_local_only_is_read_as_it_is_written() -> None:
    """Pattern by pattern."""
    text = f'{LAB}[privacy]\nlocal_only = ["data/**", "notes/*.md", "**/secret.?"]\n'
    assert ("data/**", "notes/*.md", "**/secret.?") == parse(text).privacy.local_only


@pytest.mark.parametrize(
    ("local_only", "message"),
    [
        pytest.param("'data/**'", "array", id="a text for a list"),
        pytest.param("['/data/**']", "must lie inside the project", id="absolute"),
        pytest.param("['data/../x']", "must lie inside the project", id="upwards"),
        pytest.param("['']", "must lie inside the project", id="nothing"),
        pytest.param("['.']", "must lie inside the project", id="the project itself"),
        pytest.param("['./data/**']", "write 'data/**' for './data/**'", id="a dot"),
        pytest.param("['data/']", "write 'data' for 'data/'", id="a slash at the end"),
        pytest.param("['train.py']", "covers train.py", id="what is edited"),
        pytest.param("['*.py']", "covers train.py", id="what is edited, by a pattern"),
        pytest.param("['**']", "covers train.py", id="everything"),
        pytest.param("['**/*.md']", "covers program.md", id="what agents are told"),
        pytest.param("['directions/**']", "covers directions/wt0.md", id="where they are sent"),
        pytest.param("['*.{csv,txt}']", "only *, ? and, between slashes, **", id="braces"),
        pytest.param("['data/[ab].csv']", "only *, ? and, between slashes, **", id="brackets"),
        pytest.param("['!data/a.csv']", "only *, ? and, between slashes, **", id="an exception"),
        pytest.param("['~/data/**']", "only *, ? and, between slashes, **", id="a home folder"),
        pytest.param("['data/**.csv']", "only *, ? and, between slashes, **", id="two stars in a name"),
        pytest.param("['data\\\\**']", "only *, ? and, between slashes, **", id="a backslash"),
    ],
)
def test_a_pattern_that_would_hide_something_else_is_refused(local_only: str, message: str) -> None:
    """Before anything runs: one that hides nothing says nothing."""
    with pytest.raises(ProjectError) as caught:
        parse(f"{LAB}[privacy]\nlocal_only = {local_only}\n")
    assert message in str(caught.value)


def test_a_misspelt_key_of_privacy_names_the_nearest() -> None:
    """It would hide nothing."""
    with pytest.raises(ProjectError) as caught:
        parse(f"{LAB}[privacy]\nlocal_onyl = []\n")
    assert "[privacy]: unknown key 'local_onyl'; did you mean 'local_only'?" in str(caught.value)
