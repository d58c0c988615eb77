"""Every command passes through one door, which says openly what it enforces."""

from __future__ import annotations

from pathlib import Path

from worktrees import sandbox


def test_nothing_is_contained_yet() -> None:
    """The backend is named `none`, so that no view claims a protection that is not there."""
    assert "none" == sandbox.backend()


def test_without_a_backend_a_command_stays_as_it_is() -> None:
    """`wrap` returns the command itself, whatever the policy."""
    policy = sandbox.Policy(readable=(Path("/checkout"),), writable=(Path("/out"),), gpu="GPU-0")
    assert ["python", "train.py"] == sandbox.wrap(("python", "train.py"), policy)


def test_a_policy_grants_nothing_by_itself() -> None:
    """The default policy has no network, no GPU and nothing to write to."""
    assert sandbox.Policy((), (), network=False, gpu="") == sandbox.Policy()
