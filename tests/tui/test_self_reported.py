"""A score that agents' own code prints is marked as long as it is on the screen, and guards stand beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.tui.driving import crooked, sitting_at
from tests.tui.labs import LabMaker, small_lab
from tui.snapshot import PLAIN
from tui.theme import choose
from worktrees.project import Guard


def printed(root: Path) -> LabMaker:
    """A lab whose training prints its score, with a candidate that is ready."""
    lab = small_lab(root)
    assert lab.state.config is not None
    lab.tell(replace(lab.state.config, self_reported=True, guards={"accuracy": Guard(at_least=0.5)}))
    lab.make_ready("wt0", "WARMUP 0.05 to 0.02")
    return lab


@pytest.mark.parametrize("size", [(160, 45), (80, 24)])
async def test_the_title_says_it(tmp_path: Path, size: tuple[int, int]) -> None:
    """After trunk's number, before the noise, on the screens where a person looks and decides."""
    async with sitting_at(printed(tmp_path), size) as person:
        for key, name in (("1", "LAB"), ("3", "QUEUE")):
            await person.press(key)
            await person.sees(name)
            assert ("self-reported" in person.rows[0], []) == (True, crooked(person.rows, size[0]))


async def test_a_narrow_title_keeps_what_fits(tmp_path: Path) -> None:
    """Parts go whole, and no line becomes too long."""
    async with sitting_at(printed(tmp_path), (60, 15)) as person:
        assert ("trunk" in person.rows[0], []) == (True, crooked(person.rows, 60))


async def test_the_evidence_says_who_printed_the_seeds_scores(tmp_path: Path) -> None:
    """Where a person decides about a merge; also without colours and other letters."""
    async with sitting_at(printed(tmp_path), look=choose("", env=PLAIN, ascii_only=True)) as person:
        await person.press("3")
        await person.sees("agents' own code prints it")
