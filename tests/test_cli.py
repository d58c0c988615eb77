"""The command line as a person and a script use it: real processes, exit codes, and words that agree."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentcore.engine import launch
from agentcore.plan import Limits
from tests import toy
from tests.engines import nightlab
from worktrees.layout import LabPaths


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> LabPaths:
    """A toy lab after four experiments under the gate."""
    paths = toy.make(tmp_path_factory.mktemp("cli") / "lab")
    assert launch.run_engine(paths, Limits(experiments=4), mode="gate") == 0
    return paths


def test_status_results_and_queue_agree(lab: LabPaths) -> None:
    """The same experiments, the same kept ones and the same candidates, whichever command is asked."""
    status = json.loads(nightlab("status", "--json", lab=lab.root).stdout)
    rows = nightlab("results", "--tsv", lab=lab.root).stdout.splitlines()[1:]
    queue = json.loads(nightlab("queue", "--all", "--json", lab=lab.root).stdout)
    kept = [row for row in rows if row.split("\t")[3] == "keep"]
    assert (len(rows), len(kept), len(kept)) == (status["experiments"], status["kept"], len(queue["candidates"]))


def test_every_json_names_its_schema(lab: LabPaths, tmp_path: Path) -> None:
    """Programs can tell what they read, and of which version."""
    other = toy.make(tmp_path / "lab", lab=toy.LAB.replace("{python}", "python3"))  # a Python without our torch
    asked = {"status": lab, "results": lab, "queue": lab, "doctor": other}
    schemas = [json.loads(nightlab(word, "--json", lab=asked[word].root).stdout)["schema"] for word in asked]
    assert ["nightlab.status/1", "nightlab.results/1", "nightlab.queue/1", "nightlab.doctor/1"] == schemas


def test_tsv_has_the_fields_five_columns(lab: LabPaths) -> None:
    """Other programs of the field read it as it is."""
    head = nightlab("results", "--tsv", lab=lab.root).stdout.splitlines()[0]
    assert head == "commit\tval_bpb\tmemory_gb\tstatus\tdescription"


def test_diff_shows_what_an_experiment_changed(lab: LabPaths) -> None:
    """One line out, one line in, under the file's name."""
    text = nightlab("diff", "1", lab=lab.root).stdout
    assert text.startswith("--- train.py\n+++ train.py\n@@")


def test_log_of_an_unknown_experiment_says_which_is_the_last(lab: LabPaths) -> None:
    """A wrong number is answered with the right range and exit code 2."""
    done = nightlab("log", "99", lab=lab.root)
    assert (done.returncode, done.stderr) == (2, "nightlab: there is no experiment #99; the last is #4\n")


def test_merging_what_is_not_ready_is_refused(lab: LabPaths) -> None:
    """Exit code 5: the gate, not the person, decides what may be asked for."""
    assert nightlab("merge", "1", "--yes", lab=lab.root).returncode == 5


@pytest.mark.parametrize("words", [("pause", "wt0"), ("retest",)], ids=lambda words: words[0])
def test_commands_to_an_absent_engine_say_how_to_start_it(lab: LabPaths, words: tuple[str, ...]) -> None:
    """Exit code 7 and the command that helps."""
    done = nightlab(*words, lab=lab.root)
    assert (done.returncode, "nightlab start" in done.stderr) == (7, True)


def test_outside_of_a_lab_the_exit_code_is_3(tmp_path: Path) -> None:
    """And the message names the two ways to get one."""
    done = nightlab("status", lab=tmp_path)
    assert (done.returncode, "nightlab demo, or nightlab init DIR" in done.stderr) == (3, True)


def test_a_wrong_word_suggests_the_nearest() -> None:
    """Exit code 2 and one line."""
    done = nightlab("resluts")
    assert (done.returncode, done.stderr) == (
        2,
        "nightlab: unknown command 'resluts'; did you mean `nightlab results`?\n",
    )


def test_flags_alone_are_those_of_the_view(tmp_path: Path) -> None:
    """`nightlab --lab DIR` opens DIR, as the usage line says; it took DIR for a command."""
    done = nightlab("--lab", str(tmp_path), "--theme", "mono")
    assert (done.returncode, done.stderr) == (
        3,
        f"nightlab: no lab at {tmp_path} or above it: nightlab demo, or nightlab init DIR\n",
    )


def test_version_is_asked_in_both_ways() -> None:
    """As of every program, and as of this one."""
    assert nightlab("version").stdout == nightlab("--version").stdout != ""


def test_an_unknown_key_in_lab_toml_is_named(tmp_path: Path) -> None:
    """A misspelt limit is an error with the right spelling, not a limit that does not hold."""
    paths = toy.make(tmp_path / "lab", lab=toy.LAB + "\n[limits]\ndisk_flor_gb = 5\n")
    done = nightlab("run", lab=paths.root)
    assert (done.returncode, "did you mean 'disk_floor_gb'?" in done.stderr) == (4, True)


def test_an_engine_in_the_foreground_tells_what_happens(tmp_path: Path) -> None:
    """Its events are lines on stderr, so that a log of the night can be read; stdout stays data."""
    paths = toy.make(tmp_path / "lab")
    done = nightlab("run", "--experiments", "1", lab=paths.root)
    assert (done.returncode, done.stdout) == (0, "")
    assert [line.split()[1:3] for line in done.stderr.splitlines() if " DROP " in line or " KEEP " in line] != []


def test_start_and_stop_from_the_command_line(tmp_path: Path) -> None:
    """`start` answers once the engine does; starting twice is one engine; `stop --now` leaves nothing running."""
    paths = toy.make(tmp_path / "lab")
    first, second = nightlab("start", lab=paths.root), nightlab("start", lab=paths.root)
    try:
        assert (first.returncode, first.stdout) == (0, second.stdout)
    finally:
        stopped = nightlab("stop", "--now", lab=paths.root)
    assert stopped.returncode == 0
    assert not json.loads(nightlab("status", "--json", lab=paths.root).stdout)["engine"]["alive"]


def test_what_a_lab_that_never_ran_says(tmp_path: Path) -> None:
    """It named an experiment #0, and a socket's errno."""
    paths = toy.make(tmp_path / "lab")
    asked = [nightlab(*words, lab=paths.root) for words in (("show", "12"), ("mode", "gate"), ("gc", "--dry-run"))]
    assert "nightlab: there is no experiment #12; none yet\n" == asked[0].stderr
    assert "it is not running, or still starting; start it: nightlab start\n" in asked[1].stderr
    assert "would remove nothing\n" == asked[2].stdout
    assert nightlab("report", lab=paths.root).stdout.startswith("a new lab: ")


def test_a_flag_that_a_command_has_not_leads_to_the_help_of_that_command() -> None:
    """It led to the help of all commands."""
    done = nightlab("start", "--slots", "0")
    assert (2, "nightlab: unrecognized arguments: --slots 0; see nightlab start --help\n") == (
        done.returncode,
        done.stderr,
    )


def test_a_folder_that_cannot_be_made_is_an_error_in_a_sentence() -> None:
    """Not a traceback; the exit code is that of what has to be mended first."""
    done = nightlab("init", "/proc/lab")
    assert (4, True, 1) == (
        done.returncode,
        "nightlab: no lab can be made at /proc/lab: " in done.stderr,
        len(done.stderr.splitlines()),
    )
