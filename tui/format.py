"""How is a number written? As agentcore.format says."""

from agentcore.format import *  # noqa: F403 (the tables of the view and the report write numbers alike)
