"""`nightlab results --by agent` as a person and a script see it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentcore.journal.rows import Journal
from tests import toy
from tests.agentcore.tales import calibrated
from tests.engines import nightlab


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lab whose search agent has one READY candidate and one dropped experiment."""
    tale = calibrated()
    tale.ready("wt0", "t1", gain=0.2)
    number = tale.propose("wt1", "t2")
    tale.screen(number, 1.1)
    tale.decide(number, "drop", 1.1, 0.0)
    paths = toy.make(tmp_path_factory.mktemp("by_agent") / "lab")
    paths.dot.mkdir()
    with Journal(paths.journal) as journal:
        for entry in tale.entries:
            journal.append(entry.at, entry.event)
    return paths.root


def test_one_line_per_agent_says_what_it_found(lab: Path) -> None:
    """Counts, the rate with its interval, the gain with its error."""
    lines = nightlab("results", "--by", "agent", lab=lab).stdout.splitlines()
    found = dict(zip(lines[0].split(), lines[1].replace(" of ", "/").replace(" ±", "±").split(), strict=True))
    assert ("2", "1", "1/2", "50%", "9%-91%", "+.2000±.1000", "+.1538") == tuple(
        found[name] for name in ("ASKED", "KEPT", "CONFIRMED", "RATE", "95%", "GAIN", "EXPECTED")
    )


def test_a_second_line_says_what_it_took(lab: Path) -> None:
    """Seconds, and a dash where nothing was paid."""
    lines = nightlab("results", "--by", "agent", lab=lab).stdout.splitlines()
    assert ["search", "0", "0", "3s", "-", "-", "-", "1s", "0.0"] == lines[4].split()[:9]


def test_as_json_it_has_every_number(lab: Path) -> None:
    """The same records, under the schema of results."""
    found = json.loads(nightlab("results", "--by", "agent", "--json", lab=lab).stdout)
    agent = found["agents"][0]
    assert ("nightlab.results/1", "agent", "search", 1, 0.5, []) == (
        found["schema"], found["by"], agent["agent"], agent["confirmed"], agent["rate"], found["caveats"],
    )  # fmt: skip


def test_it_is_not_mixed_with_what_lists_experiments(lab: Path) -> None:
    """Exit code 2, and what it goes with."""
    done = nightlab("results", "--by", "agent", "--tsv", lab=lab)
    assert (2, "nightlab: --by agent counts every experiment: it goes with --json only\n") == (
        done.returncode,
        done.stderr,
    )


def test_a_lab_that_has_proposed_nothing_says_so(tmp_path: Path) -> None:
    """A sentence, no empty table."""
    paths = toy.make(tmp_path / "lab")
    assert "No agent has proposed anything yet.\n" == nightlab("results", "--by", "agent", lab=paths.root).stdout
