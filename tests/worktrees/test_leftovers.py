"""What a lab leaves is found by kind, without following links, and removed only in `.lab`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from worktrees import leftovers, processes
from worktrees.layout import LabPaths
from worktrees.leftovers import SMALL_BYTES, Leftover


@pytest.fixture
def paths(tmp_path: Path) -> LabPaths:
    """A lab with one run that has left something of everything."""
    paths = LabPaths(tmp_path / "lab")
    run = paths.run(7)
    for folder in (run.checkout, run.scratch, run.scores, run.out / "cache"):
        folder.mkdir(parents=True)
    (run.checkout / "train.py").write_text("pass\n")
    (run.out / "cache" / "kernel").write_bytes(b"x" * 9000)
    run.metrics.write_bytes(b"x" * (2 * SMALL_BYTES))
    (run.out / "model.bin").write_bytes(b"x" * (2 * SMALL_BYTES))
    (run.out / "tiny.pt").write_bytes(b"x")
    (run.out / "samples.txt").write_text("once upon a time\n")
    run.log.write_text("step 1\n")
    return paths


def found(paths: LabPaths) -> dict[tuple[str, str, int], list[str]]:
    """Return {(kind, of, number): names} of everything that is found."""
    return {(each.kind, each.of, each.number): [path.name for path in each.paths] for each in leftovers.find(paths)}


def test_a_run_keeps_what_tells_of_it(paths: LabPaths) -> None:
    """Metrics, log, result, scores and small files are none of its leftovers, whatever their size."""
    assert {
        ("checkout", "run 7", 7): ["checkout"],
        ("checkpoint", "run 7", 7): ["cache", "model.bin", "tiny.pt"],
        ("scratch", "run 7", 7): ["scratch"],
    } == found(paths)


def test_bytes_are_those_on_the_disk(paths: LabPaths) -> None:
    """Those of folders with all in them, so that a person knows what a removal frees."""
    (checkpoint,) = (each for each in leftovers.find(paths) if each.kind == "checkpoint")
    assert 2 * SMALL_BYTES + 9000 <= checkpoint.bytes <= 2 * SMALL_BYTES + 40_000


def test_trash_transcripts_and_scratch_are_found_by_worktree(paths: LabPaths) -> None:
    """What has another name than the lab gives is nobody's business."""
    for name in ("wt1-20260314-080000", "mine"):
        (paths.trash / name).mkdir(parents=True)
    paths.transcript("wt0", 3).parent.mkdir(parents=True)
    paths.transcript("wt0", 3).write_text("{}\n")
    (paths.transcripts / "wt0" / "notes.txt").write_text("mine\n")
    paths.scratch_of("wt1").mkdir(parents=True)
    (paths.dot / "state.123").write_text("torn")
    at = {each.of: each.at for each in leftovers.find(paths) if each.kind == "worktree"}
    kinds = {key for key in found(paths) if key[1] != "run 7"}
    assert ({"wt1": 1_773_475_200.0}, {
        ("worktree", "wt1", 0), ("transcript", "wt0", 3), ("scratch", "wt1", 0), ("scratch", "lab", 0),
    }) == (at, kinds)  # fmt: skip


def test_links_are_never_followed(paths: LabPaths, tmp_path: Path) -> None:
    """A link goes itself; what it points to is not looked at, counted or removed, at whatever depth."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "model.pt").write_bytes(b"x" * (4 * SMALL_BYTES))
    (paths.run(7).checkout / "data").symlink_to(outside)
    (paths.run(7).out / "link.pt").symlink_to(outside / "model.pt")
    linked = paths.run(8)
    linked.path.mkdir()
    linked.out.symlink_to(outside)
    linked.checkout.symlink_to(outside)
    (paths.runs / "000009").symlink_to(outside)
    (paths.transcripts).symlink_to(outside)
    for each in list(leftovers.find(paths)):
        assert each.bytes < 3 * SMALL_BYTES
        assert leftovers.remove(paths, each)
    left = [linked.checkout.is_symlink(), linked.out.is_symlink(), (outside / "model.pt").is_file()]
    assert ([False, True, True], {}) == (left, found(paths))


def test_what_lies_elsewhere_stays(paths: LabPaths, tmp_path: Path) -> None:
    """Whoever names it: a path of another folder, one with dots, or one behind a link in `.lab`."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "mine").write_text("mine\n")
    (paths.dot / "door").symlink_to(outside)
    for path in (outside / "mine", paths.dot / ".." / ".." / "outside" / "mine", paths.dot / "door" / "mine"):
        assert not leftovers.remove(paths, Leftover("scratch", "lab", 0, (path,), 0, 0.0))
    assert "mine\n" == (outside / "mine").read_text()


def test_a_folder_without_rights_goes_too(paths: LabPaths) -> None:
    """A training may have locked its own folders; they belong to the lab's user all the same."""
    (paths.run(7).out / "cache").chmod(0o500)
    assert all(leftovers.remove(paths, each) for each in leftovers.find(paths))


def test_a_run_under_its_shim_is_held(paths: LabPaths) -> None:
    """Whatever the journal says of it: its lock tells."""
    descriptor = processes.try_lock(paths.run(7).lock)
    assert descriptor is not None
    held = {each.is_held for each in leftovers.find(paths)}
    os.close(descriptor)
    assert ({True}, {False}) == (held, {each.is_held for each in leftovers.find(paths)})
