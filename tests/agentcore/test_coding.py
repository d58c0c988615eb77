"""The coding agent against a real server: it proposes whatever provider and model do, and tells why it waits."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import pytest

from agentcore import events as ev
from agentcore.agents.coding import CodingAgent
from agentcore.agents.connection import Connection
from agentcore.agents.pacing import Pacing
from agentcore.brief.scrub import Scrubber
from agentcore.brief.transcript import Tail
from agentcore.project.seed import prompts_folder
from agentcore.worktree import proposing
from tests.agentcore.labs import Desk, desk
from tests.model_server import ModelServer
from worktrees.project import Limits, ModelSettings

KEY = "sk-ant-api03-a-key-that-must-not-leak"
SETTINGS = ModelSettings(backoff_s=0.05, stall_s=0.2)


@dataclass
class Case:
    """A calibrated lab, a coding agent, and the server that it talks to."""

    at: Desk
    server: ModelServer
    agent: CodingAgent

    async def think(self, worktree: str = "wt0") -> ev.Event:
        """Let the agent make one proposal; return the last event."""
        await proposing.propose(self.at.lab, self.agent, prompts_folder(), worktree)
        return self.at.lab.state.recent[-1].event

    def limits(self, **changes: object) -> None:
        """Set limits of lab.toml."""
        project = self.at.lab.project
        self.at.lab.project = replace(project, limits=replace(Limits(), **changes))  # type: ignore[arg-type]

    def states(self) -> list[str]:
        """Return the states that were told, without repetition."""
        told = [each.state for each in self.at.told(ev.AgentStateChanged)]  # type: ignore[attr-defined]
        return list(dict.fromkeys(told))

    def transcript(self, number: int = 1, worktree: str = "wt0") -> list[tuple[str, dict[str, object]]]:
        """Return the steps of a transcript."""
        return [(step.kind, dict(step.fields)) for step in Tail(self.at.lab.paths.transcript(worktree, number)).read()]


@asynccontextmanager
async def case(
    root: Path, *scenarios: str, stall_s: float = 5.0, settings: ModelSettings = SETTINGS
) -> AsyncIterator[Case]:
    """Open a lab whose agent talks to a server that plays `scenarios`."""
    with ModelServer(scenarios=scenarios, stall_s=stall_s) as server:
        async with desk(root / "lab") as at:
            await at.work({})
            at.lab.scrubber = Scrubber([KEY])
            pacing = Pacing(settings.concurrency, 0, settings.backoff_s, at.lab.clock, seed=1)
            agent = CodingAgent(settings, Connection(KEY, None, server.url, {}), pacing)
            at.lab.clock = _clock()
            pacing._clock = at.lab.clock
            try:
                yield Case(at, server, agent)
            finally:
                await agent.close()
        assert [] == server.complaints, "the server of the real API would have refused a request"


def _clock() -> Callable[[], float]:
    import time

    return time.time


@pytest.mark.parametrize(
    ("scenario", "states"),
    [
        ("good", []),
        ("limit", ["LIMIT", "THINK"]),
        ("overload", ["LIMIT", "THINK"]),
        ("error500", ["LIMIT", "THINK"]),
        ("unavailable", ["LIMIT", "THINK"]),
        ("stream_error", ["LIMIT", "THINK"]),
        ("reset", ["LIMIT", "THINK"]),
        ("reset_early", ["LIMIT", "THINK"]),
        ("half", ["LIMIT", "THINK"]),
        ("clean_cut", ["LIMIT", "THINK"]),
        ("stall", ["LIMIT", "THINK"]),
        ("ping_stall", ["LIMIT", "THINK"]),
        ("max_tokens", ["CUT", "THINK"]),
        ("context_full", ["FULL", "THINK"]),
        ("too_long", ["FULL", "THINK"]),
        ("pause", []),
        ("bad_json", []),
        ("unknown_tool", []),
        ("missing_argument", []),
        ("wrong_edit", []),
        ("outside", []),
        ("escapes", []),
    ],
)
async def test_it_proposes_all_the_same(tmp_path: Path, scenario: str, states: list[str]) -> None:
    """Each trouble alone: one experiment comes of it, and what it waited for was told."""
    async with case(tmp_path, scenario) as each:
        event = await each.think()
        assert ("ExperimentProposed", states) == (type(event).__name__, each.states())


@pytest.mark.parametrize(
    ("scenario", "reason"),
    [
        ("refusal", "the model refused: "),
        ("talker", "4 replies without a tool call"),
        ("bad_request", "the model's server rejects the request: 400"),
        ("never_submits", "no proposal in 6 turns"),
        ("nothing", "4 replies without a tool call"),
        ("endless", "no proposal within 1.5 s"),
    ],
)
async def test_a_proposal_that_does_not_come_is_given_up(tmp_path: Path, scenario: str, reason: str) -> None:
    """With its reason, and the worktree is free for the next one."""
    async with case(tmp_path, scenario) as each:
        each.limits(turns=6, seconds=1.5 if scenario == "endless" else 60.0)
        event = await each.think()
        assert isinstance(event, ev.AgentFailed)
        assert (reason, False, None) == (
            event.reason[: len(reason)],
            event.excused,
            each.at.lab.state.worktrees["wt0"].thinking,
        )


@pytest.mark.parametrize(
    ("scenario", "word"),
    [("bad_key", "key"), ("no_credit", "credit"), ("no_credit_400", "credit"), ("no_model", "model")],
)
async def test_what_only_a_person_can_mend_bars_the_agent(tmp_path: Path, scenario: str, word: str) -> None:
    """It is asked once and not again, and it is no failure of the worktree."""
    async with case(tmp_path, scenario) as each:
        event = await each.think()
        assert (word, 1, True) == (
            each.at.lab.state.barred["anthropic"].word,
            len(each.server.requests),
            isinstance(event, ev.AgentFailed) and event.excused,
        )


async def test_a_turn_is_asked_for_again_whole(tmp_path: Path) -> None:
    """After a reply that broke off the same messages are sent: nothing of the half reply is believed."""
    async with case(tmp_path, "reset") as each:
        await each.think()
        bodies = [request.body["messages"] for request in each.server.requests]
        assert 1 == sum(one == other for one, other in pairwise(bodies))


async def test_all_agents_share_one_limit(tmp_path: Path) -> None:
    """While the provider says wait to one, another does not ask."""
    async with case(tmp_path, "limit", "good") as each:
        await each.think("wt0")
        each.agent._pacing.failed(each.at.lab.clock(), "429", 0.5)
        before = len(each.server.requests)
        held = each.agent._pacing.until
        await each.think("wt1")
        assert each.at.lab.clock() >= held and len(each.server.requests) > before


async def test_what_a_proposal_cost_is_known(tmp_path: Path) -> None:
    """Per proposal, worktree, backend and lab: every turn, cache reads and writes, in tokens and dollars."""
    async with case(tmp_path, "good") as each:
        await each.think()
        state = each.at.lab.state
        spent = state.spent
        assert [spent] * 3 == [state.experiments[1].spent, state.worktrees["wt0"].spent, state.spent_by["anthropic"]]
        assert len(each.server.requests) == spent.turns
        assert min(spent.usage.cache_write, spent.usage.cache_read, spent.usage.output, spent.usd) > 0


async def test_a_reply_that_broke_off_is_paid_for(tmp_path: Path) -> None:
    """The server has read the request: its tokens count although nothing came of them."""
    async with case(tmp_path, "reset") as each:
        await each.think()
        assert len(each.server.requests) == each.at.lab.state.spent.turns


async def test_the_limit_of_money_ends_thinking_before_the_next_turn(tmp_path: Path) -> None:
    """The turn that went over it is the last one; the agent is not to blame."""
    async with case(tmp_path, "good") as each:
        each.limits(usd=1e-6)
        event = await each.think()
        assert isinstance(event, ev.AgentFailed)
        assert (1, True, "the limit of $0.00 is reached") == (
            len(each.server.requests),
            event.excused,
            event.reason[:29],
        )


async def test_the_prefix_is_marked_for_caching(tmp_path: Path) -> None:
    """Tools and rules, the brief, and the newest message: three breakpoints of the four that are allowed."""
    async with case(tmp_path, "good") as each:
        await each.think()
        body = each.server.requests[-1].body
        marked = [block for message in body["messages"] for block in message["content"] if "cache_control" in block]
        assert (1, 2) == (sum("cache_control" in block for block in body["system"]), len(marked))


async def test_the_rules_are_the_same_for_every_proposal(tmp_path: Path) -> None:
    """Else no cache would ever be read."""
    async with case(tmp_path, "good") as each:
        await each.think("wt0")
        await each.think("wt1")
        sent = {json.dumps([request.body["system"], request.body["tools"]]) for request in each.server.requests}
        assert 1 == len(sent)


async def test_each_proposal_is_a_fresh_conversation(tmp_path: Path) -> None:
    """It begins with the brief and nothing of the proposal before."""
    async with case(tmp_path, "good") as each:
        await each.think("wt0")
        first = len(each.server.requests)
        await each.think("wt1")
        assert [1, 1] == [len(each.server.requests[index].body["messages"]) for index in (0, first)]


async def test_what_lies_outside_is_neither_read_nor_written_by_the_editor(tmp_path: Path) -> None:
    """The model is told, and the proposal holds its own file only."""
    async with case(tmp_path, "outside") as each:
        await each.think()
        results = [fields for kind, fields in each.transcript() if kind == "result" and not fields["ok"]]
        assert any("outside of the worktree" in str(fields["text"]) for fields in results)
        assert ("train.py",) == each.at.lab.state.experiments[1].files


async def test_the_researchers_words_reach_it_at_its_next_turn(tmp_path: Path) -> None:
    """While it thinks, in a message of their own; they are read once."""
    async with case(tmp_path, "good") as each:
        lab = each.at.lab
        thinking = each.think()
        lab.record(ev.MessageSent("wt0", "prefer fewer layers", "you"))
        await thinking
        sent = json.dumps(each.server.requests[0].body["messages"])
        assert ("prefer fewer layers" in sent, 1) == (True, lab.state.worktrees["wt0"].read)


async def test_words_that_come_while_it_thinks_are_in_its_next_turn(tmp_path: Path) -> None:
    """Beside the results of its tools."""
    async with case(tmp_path, "good") as each:
        lab = each.at.lab
        record = lab.record

        def speak(event: ev.Event, *, durable: bool = False) -> None:
            record(event, durable=durable)
            if isinstance(event, ev.TokensUsed) and not lab.state.worktrees["wt0"].messages:
                record(ev.MessageSent("wt0", "prefer fewer layers", "you"))

        lab.record = speak  # type: ignore[method-assign]
        await each.think()
        second = each.server.requests[1].body["messages"][-1]["content"]
        assert {"type": "text", "text": "The researcher says: prefer fewer layers"} in [
            {key: block[key] for key in ("type", "text") if key in block} for block in second
        ]


async def test_the_transcript_tells_all_and_no_secret(tmp_path: Path) -> None:
    """From the brief to the proposal; a key that a text holds is left out, here and in what goes to the model."""
    async with case(tmp_path, "good") as each:
        each.at.lab.record(ev.MessageSent("wt0", f"my key is {KEY}", "you"))
        await each.think()
        kinds = [kind for kind, _ in each.transcript()]
        assert ("brief", "proposal") == (kinds[0], kinds[-1])
        assert {"text", "thought", "tool", "result", "usage"} <= set(kinds)
        everything = each.at.lab.paths.transcript("wt0", 1).read_text() + json.dumps(
            [dict(request.body) for request in each.server.requests]
        )
        assert ("[secret left out]" in everything, KEY in everything) == (True, False)


async def test_a_crash_is_mended_with_its_traceback(tmp_path: Path) -> None:
    """The next proposal begins with the crashed files, the model takes the crash out, both are told as one chain."""
    async with case(tmp_path, "crash_edit", "good") as each:
        lab = each.at.lab
        await each.think()
        lab.record(ev.ExperimentDecided(1, "crash", None, None, None, "RuntimeError: shapes do not fit"))
        await proposing.move(lab, "wt0", lab.state.worktrees["wt0"].base)
        await each.think()
        source = lab.repository.read(lab.state.experiments[2].commit, "train.py").decode()
        assert (1, 'BEHAVIOUR = "train"' in source, lab.state.experiments[1].hypothesis) == (
            lab.state.experiments[2].fixes,
            True,
            lab.state.experiments[2].hypothesis,
        )


async def test_a_tree_that_was_measured_is_refused_at_submission(tmp_path: Path) -> None:
    """The model is told which experiment it was and proposes another; no proposal is lost to it."""
    async with case(tmp_path, "good", "same") as each:
        await each.think("wt0")
        await each.think("wt1")
        each.limits(turns=8)
        experiments = each.at.lab.state.experiments
        await each.think("wt0")
        trees = [experiment.tree for experiment in each.at.lab.state.experiments.values()]
        assert len(experiments) <= len(trees) == len(set(trees))
