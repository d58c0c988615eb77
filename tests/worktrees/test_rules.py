"""What may not become a measured experiment is named by its rule, whatever its score would be."""

from __future__ import annotations

from pathlib import Path

import pytest

from worktrees import rules

EDIT, FROZEN = ("train.py",), ("evaluate.py", "data.py")
SOURCE = b"""\
import torch

SEED = 1
RATE = 0.1


def build(width):
    layer = torch.nn.Linear(width, width)
    return layer


def main():
    torch.manual_seed(SEED)
    return build(4)
"""


@pytest.mark.parametrize(
    ("changed", "broken"),
    [
        (["train.py"], []),
        ([], []),
        (["evaluate.py"], ["frozen"]),
        (["lab.toml"], ["edit"]),
        (["notes.md", "train.py", "data.py"], ["frozen", "edit"]),
        (["random.py"], ["name"]),
        (["deep/queue.py"], ["name"]),
        (["inner/"], ["repository"]),
    ],
)
def test_paths_outside_of_the_editable_ones(changed: list[str], broken: list[str]) -> None:
    """Each with the rule that it breaks; the editable file itself breaks none."""
    assert sorted(broken) == sorted(each.rule for each in rules.of_paths(changed, EDIT, FROZEN))


def test_a_file_is_a_file(tmp_path: Path) -> None:
    """A regular one with text in it."""
    (tmp_path / "train.py").write_bytes(SOURCE)
    assert rules.of_file(tmp_path, "train.py") is None


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (lambda path: path.symlink_to("/etc/hostname"), "link"),
        (lambda path: path.mkdir(), "link"),
        (lambda path: None, "link"),
        (lambda path: path.write_bytes(b"x" * (rules.LARGEST_BYTES + 1)), "size"),
        (lambda path: path.write_bytes(b"a\0b"), "binary"),
        (lambda path: path.write_bytes(b"\xff\xfe"), "binary"),
    ],
    ids=["symlink", "folder", "gone", "huge", "nul", "not utf-8"],
)
def test_what_is_no_source_file(tmp_path: Path, make: object, rule: str) -> None:
    """It is never read as one."""
    make(tmp_path / "train.py")  # type: ignore[operator]
    broken = rules.of_file(tmp_path, "train.py")
    assert broken is not None and rule == broken.rule


def test_a_folder_on_the_way_may_be_no_link_either(tmp_path: Path) -> None:
    """Else the file would be somebody else's."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "train.py").write_bytes(SOURCE)
    (tmp_path / "src").symlink_to("real")
    broken = rules.of_file(tmp_path, "src/train.py")
    assert broken is not None and "link" == broken.rule


@pytest.mark.parametrize(
    ("old", "new", "is_seed"),
    [
        (b"SEED = 1", b"SEED = 137", True),
        (b"manual_seed(SEED)", b"manual_seed(42)", True),
        (b"    torch.manual_seed(SEED)\n", b"", True),
        (b"def main():\n", b"def main():\n    torch.cuda.manual_seed_all(9)\n", True),
        (b"    layer =", b"    generator = torch.Generator().manual_seed(5)\n    layer =", False),
        (b"RATE = 0.1", b"RATE = 0.2", False),
        (b"SEED = 1\nRATE = 0.1", b"SEED = 2\nRATE = 0.2", False),
        (b"build(4)", b"build(8)", False),
        (b"import torch", b"import torch  # the library", False),
        (b"def main", b"def main(", False),
    ],
)
def test_a_change_of_nothing_but_seeds_is_no_idea(old: bytes, new: bytes, is_seed: bool) -> None:
    """The field's own record has "random seed 42 to 137" for its last win; a real change beside it is one."""
    assert old in SOURCE
    broken = rules.of_sources({"train.py": SOURCE}, {"train.py": SOURCE.replace(old, new, 1)})
    assert is_seed == (broken is not None)
