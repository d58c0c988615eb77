"""Through which door does every command of an agent or a training start?

Through `wrap`, which returns the command that runs another one under a `Policy`. What enforces the policy is the
`backend`: ``full`` (bubblewrap and a filter of system calls), ``reduced`` (Landlock and the filter, where no namespaces
can be made) or ``none``. `prepare` first gives the command's folders to its user; `self_test` then proves the walls.
"""

from worktrees.sandbox.choice import Backend, Uncontained
from worktrees.sandbox.door import backend, find, why, wrap
from worktrees.sandbox.owner import BLOCK, give, prepare, users
from worktrees.sandbox.policy import FIRST_UID, Limits, Policy
from worktrees.sandbox.proof import Finding, self_test

__all__ = [
    "BLOCK",
    "FIRST_UID",
    "Backend",
    "Finding",
    "Limits",
    "Policy",
    "Uncontained",
    "backend",
    "find",
    "give",
    "prepare",
    "self_test",
    "users",
    "why",
    "wrap",
]
