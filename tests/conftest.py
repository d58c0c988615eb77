"""The order of the test files: those that take longest begin, so that no worker is left alone with one at the end.

And nobody's own settings hold in a test: an engine that is tested would write to the developer's phone.
"""

from __future__ import annotations

import os

import pytest

os.environ["NIGHTLAB_CONFIG"] = os.devnull

FIRST = (
    "torture/test_torture.py",
    "agentcore/test_agents_night.py",
    "agentcore/test_engine.py",
    "nanochat/test_nanochat_training.py",
    "nanochat/test_nanochat_scoring.py",
    "nanochat/test_nanochat_smoke.py",
    "walls/test_tools.py",
    "tests/test_unattended.py",
    "tests/test_cheats.py",
    "nanochat/test_nanochat_meddling.py",
    "agentcore/test_synthetic.py",
    "agentcore/test_search.py",
    "agentcore/test_structure.py",
    "tests/test_cli.py",
)
"""By `pytest --durations=0`; a file that is missing here costs some seconds at the end and nothing else."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long files first; all else stays in its order."""
    places = {name: place for place, name in enumerate(FIRST)}
    items.sort(key=lambda item: places.get(f"{item.path.parent.name}/{item.path.name}", len(FIRST)))
