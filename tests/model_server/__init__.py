"""What does the scripted model say?

It says what a researcher at the Messages API would: it views the editable file, changes one constant for real, checks
it, and submits a hypothesis that names the change. That is the scenario `good`; every other scenario in SCENARIOS is
`good` with one thing going wrong on the way, or a researcher who never gets there.

It is a real server: HTTP/1.1 and server-sent events on loopback, for the real SDK. What it says next follows from the
request's own history, so it can be asked again; only which scenario a *new* conversation plays is remembered: the
n-th new one plays the n-th of `scenarios`, round and round. Requests that the real API would refuse are refused, and
kept in `complaints`.

    with ModelServer(scenarios=["good*5", "limit"]) as server:
        client = anthropic.AsyncAnthropic(base_url=server.url, api_key="any")

or, to look at a lab with it: `python -m tests.model_server --scenarios good,limit --think 20`.
"""

from __future__ import annotations

from tests.model_server.exchange import Conversation
from tests.model_server.scenarios import SCENARIOS
from tests.model_server.server import ModelServer, Recorded

__all__ = ["SCENARIOS", "Conversation", "ModelServer", "Recorded"]
