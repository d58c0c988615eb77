"""What a policy grants is what is said in it: the innermost word counts, whatever name a folder is reached by."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from worktrees import sandbox
from worktrees.sandbox import Policy, host
from worktrees.sandbox.policy import Layer, layers


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a file, a folder and a repository."""
    (tmp_path / "one/inner/.git").mkdir(parents=True)
    (tmp_path / "one/.git").write_text("gitdir: elsewhere")
    (tmp_path / "one/file").touch()
    return tmp_path / "one"


def test_inner_paths_come_after_outer_ones(folder: Path) -> None:
    """A writable file lies on top of its read-only folder, and the repository is covered."""
    policy = Policy(readable=(folder,), writable=(folder / "file",))
    expected = [Layer(folder, "read"), Layer(folder / ".git", "hide"), Layer(folder / "file", "write")]
    assert expected == layers(policy)


def test_the_repository_of_an_inner_folder_is_covered(folder: Path) -> None:
    """`.git` is hidden right in every folder that is named."""
    policy = Policy(readable=(folder,), writable=(folder / "inner",))
    assert Layer(folder / "inner/.git", "hide") in layers(policy)


def test_what_is_granted_already_needs_no_layer(folder: Path) -> None:
    """A path inside one with the same right adds nothing."""
    policy = Policy(readable=(folder, folder / "file", folder / "inner"), hidden=(folder / "inner",))
    assert [folder, folder / ".git", folder / "inner"] == [layer.path for layer in layers(policy)]


def test_hiding_wins(folder: Path) -> None:
    """A path that is both writable and hidden is hidden."""
    policy = Policy(writable=(folder / "inner",), hidden=(folder / "inner",))
    assert Layer(folder / "inner", "hide") in layers(policy)


def test_what_is_hidden_is_hidden_under_every_name(folder: Path) -> None:
    """A folder that is granted by a link is covered where the link leads, too."""
    link = folder.with_name("link")
    link.symlink_to(folder)
    policy = Policy(readable=(link,), hidden=(folder / "inner",))
    assert Layer(link / "inner", "hide") in layers(policy)


def test_what_is_hidden_and_not_there_is_nothing(folder: Path) -> None:
    """A hidden path that does not exist, or lies in nothing that is granted, needs no layer."""
    policy = Policy(readable=(folder / "file",), hidden=(folder / "none", folder / "inner"))
    assert [Layer(folder / "file", "read")] == layers(policy)


@pytest.mark.parametrize("path", ["relative", "/tmp/../etc"])
def test_a_path_that_is_not_absolute_is_an_error(path: str) -> None:
    """No policy depends on where its maker stood."""
    with pytest.raises(ValueError, match="absolute"):
        layers(Policy(readable=(Path(path),)))


def test_a_granted_path_must_exist() -> None:
    """A missing path is named before anything starts."""
    with pytest.raises(FileNotFoundError, match="/no/such is to be given"):
        sandbox.wrap(["true"], Policy(writable=(Path("/no/such"),)), "reduced")


def test_without_namespaces_nothing_is_hidden_inside_what_is_writable(folder: Path) -> None:
    """Landlock cannot do it, and says so instead of leaving it open."""
    with pytest.raises(ValueError, match="give a copy"):
        sandbox.wrap(["true"], Policy(writable=(folder,)), "reduced")


def test_an_empty_policy_grants_nothing() -> None:
    """The default has no network, no GPU and no path but the host's programs."""
    policy = Policy()
    assert (False, "", (), []) == (policy.network, policy.gpu, policy.device_nodes, layers(policy))


def test_no_home_is_among_what_every_command_sees() -> None:
    """The host's part is programs, a few files of /etc and the interpreter."""
    closed = {
        Path("/"),
        Path("/etc"),
        Path("/home"),
        Path("/root"),
        Path("/var"),
        Path("/run"),
        Path("/sys"),
        Path.home(),
    }
    assert set() == closed & set(host.readable(Policy()))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's commands run as another user")
class TestGiving:
    """What a command may write is given to its user, and nothing else."""

    def test_a_folder_is_given_with_what_is_in_it(self, folder: Path) -> None:
        """All of it, but the folder's own name and its repository: git trusts a folder by its owner."""
        sandbox.give(folder, 64_009)
        owners = [path.lstat().st_uid for path in (folder, folder / ".git", folder / "file", folder / "inner")]
        assert ([0, 0, 64_009, 64_009], 64_009) == (owners, folder.stat().st_gid)

    def test_links_are_not_followed(self, folder: Path) -> None:
        """A link to a file outside leaves that file to its owner."""
        outside = folder.with_name("outside")
        outside.touch()
        (folder / "link").symlink_to(outside)
        sandbox.give(folder, 64_009)
        assert 0 == outside.stat().st_uid

    def test_a_file_with_a_second_name_is_left_alone(self, folder: Path) -> None:
        """It may be one of the researcher's."""
        outside = folder.with_name("outside")
        outside.touch()
        (folder / "second").hardlink_to(outside)
        sandbox.give(folder, 64_009)
        assert 0 == outside.stat().st_uid

    def test_only_what_is_writable_is_given(self, folder: Path) -> None:
        """`prepare` leaves what is read as it is."""
        sandbox.prepare(Policy(readable=(folder,), writable=(folder / "file",), uid=64_009))
        assert (0, 64_009) == (folder.stat().st_uid, (folder / "file").stat().st_uid)


def test_labs_share_no_users(folder: Path) -> None:
    """The same lab always has the same ones, another lab others; none is a person's."""
    first, second = sandbox.users(folder / "a"), sandbox.users(folder / "b")
    assert (first, True) == (
        sandbox.users(folder / "a"),
        abs(first - second) >= sandbox.BLOCK or first == sandbox.FIRST_UID,
    )
    assert first >= sandbox.FIRST_UID
