"""Who works where follows from lab.toml and the keys; whoever cannot work is stood in for, one proposal at a time."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from agentcore import events as ev
from agentcore.agents.coding import CodingAgent
from agentcore.agents.connection import BASE_URL, HEADERS, KEY, TOKEN
from agentcore.agents.roster import NO_KEY, Roster
from tests.agentcore.tales import Tale, calibrated
from tests.toy import LAB
from worktrees.project import parse

CODING = '[agents]\nbackend = "anthropic"\n'
WITH_KEY = {KEY: "sk-ant-x"}


def roster(
    agents: str = CODING, secrets: Mapping[str, str] | None = None, environment: Mapping[str, str] | None = None
) -> Roster:
    """Return the roster of a lab with this table of agents."""
    return Roster(
        parse(LAB + agents), WITH_KEY if secrets is None else secrets, environment or {}, clock=lambda: 1000.0
    )


def tale(agent: str = "anthropic") -> Tale:
    """Return a lab whose worktrees have this agent."""
    return calibrated().tell(ev.AgentsAssigned({"wt0": agent, "wt1": agent}))


def chosen(found: Roster, at: Tale, worktree: str = "wt0") -> str:
    """Return the name of the agent that makes the next proposal."""
    return found.choose(at.state, worktree).name


def connection(secrets: Mapping[str, str], environment: Mapping[str, str] | None = None) -> object:
    """Return how the coding agent would reach its server."""
    agent = roster(CODING, secrets, environment).choose(tale().state, "wt0")
    assert isinstance(agent, CodingAgent)
    return agent._connection


# --- Who works where ---


def test_the_search_agent_needs_nothing() -> None:
    """It is what a lab has that says nothing else."""
    assert ev.AgentsAssigned({"wt0": "search", "wt1": "search"}, "", "") == roster("", {}).assign(["wt0", "wt1"])


def test_with_a_key_the_coding_agent_works() -> None:
    """With the model that lab.toml names."""
    found = roster(CODING + '[agents.anthropic]\nmodel = "claude-x"\n')
    assert ev.AgentsAssigned({"wt0": "anthropic"}, "claude-x", "") == found.assign(["wt0"])


@pytest.mark.parametrize("secrets", [{}, {KEY: ""}, {KEY: "", TOKEN: ""}, {"OPENAI_API_KEY": "x" * 20}])
def test_without_a_key_the_search_agent_has_its_place(secrets: Mapping[str, str]) -> None:
    """And it is said what to do, with no model named that nobody asks."""
    assert ev.AgentsAssigned({"wt0": "search"}, "", NO_KEY) == roster(CODING, secrets).assign(["wt0"])


def test_a_token_is_a_key() -> None:
    """As a server of one's own may want."""
    assert "" == roster(CODING, {TOKEN: "token"}).assign(["wt0"]).reason


def test_single_worktrees_may_have_another_agent() -> None:
    """A baseline to beat, say; one that there is not is no harm."""
    found = roster(CODING + '[agents.worktree]\nwt1 = "search"\nwt7 = "search"\n').assign(["wt0", "wt1"])
    assert {"wt0": "anthropic", "wt1": "search"} == found.agents


def test_without_a_key_other_programs_work_on() -> None:
    """They bring their own model."""
    agents = '[agents]\nbackend = "command"\n[agents.worktree]\nwt1 = "anthropic"\n[agents.command]\nargv = ["x"]\n'
    found = roster(agents, {}).assign(["wt0", "wt1"])
    assert ({"wt0": "command", "wt1": "search"}, NO_KEY) == (found.agents, found.reason)


def test_a_key_is_not_missed_where_no_model_works() -> None:
    """Nobody is told to set one."""
    assert "" == roster("", {}).assign(["wt0"]).reason


# --- Who proposes next ---


@pytest.mark.parametrize("agent", ["search", "anthropic", "command"])
def test_the_agent_of_the_worktree_proposes(agent: str) -> None:
    """Whichever it is."""
    assert agent == chosen(roster('[agents.command]\nargv = ["x"]\n'), tale(agent))


def test_one_agent_serves_all_worktrees() -> None:
    """They share its limits and its memory."""
    found, state = roster(), tale().state
    assert found.choose(state, "wt0") is found.choose(state, "wt1") is found.choose(state, "wt0")


@pytest.mark.parametrize(("silent", "name"), [(2, "anthropic"), (3, "search"), (4, "search")])
def test_who_is_silent_is_stood_in_for(silent: int, name: str) -> None:
    """After as many failures as would park a worktree; the others keep their agent."""
    at = tale().tell(*[ev.AgentFailed("wt0", "no idea", "anthropic")] * silent)
    assert (name, "anthropic") == (chosen(roster(), at), chosen(roster(), at, "wt1"))


def test_a_stand_in_makes_one_proposal() -> None:
    """Then the worktree's own agent is asked again."""
    at = tale().tell(*[ev.AgentFailed("wt0", "no idea", "anthropic")] * 3)
    at.propose("wt0", "t1")
    assert "anthropic" == chosen(roster(), at)


def test_a_stand_in_that_fails_is_asked_again() -> None:
    """Until it has something, or its failures park the worktree."""
    at = tale().tell(*[ev.AgentFailed("wt0", "no idea", "anthropic")] * 3, ev.AgentFailed("wt0", "none", "search"))
    assert ("search", 1) == (chosen(roster(), at), at.state.worktrees["wt0"].failures)


def test_how_long_silence_is_borne_is_a_limit() -> None:
    """The one of lab.toml."""
    at = tale().tell(ev.AgentFailed("wt0", "no idea", "anthropic"))
    assert "search" == chosen(roster(CODING + "[limits]\ncrashes_in_a_row = 1\n"), at)


def test_who_is_barred_is_stood_in_for_everywhere() -> None:
    """A refused key is everybody's."""
    at = tale().tell(ev.AgentBarred("anthropic", "key", "401"))
    assert ("search", "search") == (chosen(roster(), at), chosen(roster(), at, "wt1"))


@pytest.mark.parametrize("event", [ev.WorktreeResumed("wt0", "you"), ev.EngineStarted(2, 1, "b", "0.1.0", ())])
def test_a_person_lifts_a_bar(event: ev.Event) -> None:
    """By resuming a worktree, or with a new engine and a new key."""
    at = tale().tell(ev.AgentBarred("anthropic", "key", "401"), event)
    assert "anthropic" == chosen(roster(), at)


def test_an_agent_of_another_backend_is_not_barred() -> None:
    """It has a key of its own."""
    at = tale("command").tell(ev.AgentBarred("anthropic", "key", "401"))
    assert "command" == chosen(roster('[agents.command]\nargv = ["x"]\n'), at)


# --- How its server is reached ---


@pytest.mark.parametrize(
    ("secrets", "key", "token"),
    [
        ({KEY: "k"}, "k", None),
        ({TOKEN: "t"}, None, "t"),
        ({KEY: "k", TOKEN: "t"}, "k", None),
        ({KEY: "", TOKEN: "t"}, None, "t"),
    ],
)
def test_one_credential_is_sent(secrets: Mapping[str, str], key: str | None, token: str | None) -> None:
    """The key, else the token: never both, and none that is empty."""
    found = connection(secrets)
    assert (key, token) == (found.api_key, found.auth_token)  # type: ignore[attr-defined]


def test_the_servers_address_is_the_environments() -> None:
    """A server of one's own."""
    assert "http://localhost:1" == connection(WITH_KEY, {BASE_URL: "http://localhost:1"}).base_url  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("given", "headers"),
    [
        ("", {}),
        ("X-Team: lab\nX-Url:  http://x:1 \r\n", {"X-Team": "lab", "X-Url": "http://x:1"}),
        ("no colon\n\n: no name\nX-Empty:", {"X-Empty": ""}),
    ],
)
def test_headers_are_read_line_by_line(given: str, headers: dict[str, str]) -> None:
    """What is no header is left out."""
    assert headers == connection({**WITH_KEY, HEADERS: given}).headers  # type: ignore[attr-defined]


async def test_closing_lets_go_of_what_was_made() -> None:
    """Also of an agent that was never asked, and twice."""
    found = roster()
    found.choose(tale().state, "wt0")
    await found.close()
    assert await found.close() is None
