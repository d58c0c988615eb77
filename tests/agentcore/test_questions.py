"""An agent may ask the researcher: its worktree waits, the lab does not, and what nobody answers is parked."""

from __future__ import annotations

from pathlib import Path

from agentcore import events as ev
from agentcore.agents import Asked, Proposal
from agentcore.brief.text import Brief
from agentcore.engine.bounds import Bounds
from agentcore.journal.audit import verify as audit
from agentcore.overview import Live, overview
from agentcore.plan import Limits, Propose, StartRun
from agentcore.project.seed import prompts_folder
from agentcore.worktree import proposing, questions
from agentcore.worktree.workspace import Workspace
from tests.agentcore.labs import desk
from tests.agentcore.tales import Tale, calibrated

WANTED = "raise device batch to 128?"


def asked(*, prepared: bool = False) -> Tale:
    """A lab whose wt0 asks."""
    tale = calibrated()
    tale.tell(ev.AgentsAssigned({"wt0": "anthropic", "wt1": "anthropic"}))
    if prepared:
        tale.propose("wt0", "t1")
    return tale.tell(ev.ThinkingStarted("wt0", "anthropic"), ev.QuestionAsked("wt0", WANTED, "anthropic"))


class Curious:
    """An agent that asks before anything else, and remembers its briefs."""

    name = "anthropic"

    def __init__(self) -> None:
        self.briefs: list[str] = []

    async def propose(self, brief: Brief, workspace: Workspace) -> Proposal:
        """Ask."""
        self.briefs.append(brief.text)
        raise Asked(f"{WANTED}\x1b[2J")


def test_who_asks_is_not_asked_and_others_are() -> None:
    """Until there is an answer."""
    tale = asked()
    assert [Propose("wt1")] == [each for each in tale.plan() if isinstance(each, Propose)]
    tale.tell(ev.MessageSent("wt0", "yes", "ada"))
    assert Propose("wt0") in tale.plan()


def test_the_slot_never_waits_for_an_answer() -> None:
    """What the worktree has prepared is run."""
    assert ["t1"] == [each.tree for each in asked(prepared=True).plan() if isinstance(each, StartRun)]


def test_a_question_is_the_rows_state_and_the_first_need() -> None:
    """With when it was asked; parked it is still in the list, marked as such, and nobody waits."""
    tale = asked()
    scene = overview(tale.state, Live(), 200.0)
    row, need = scene.rows[0], scene.needs[-1]
    assert ("ASK", tale.state.at, f'wt0 asks: "{WANTED}"', "wt0") == (row.state, row.since, need.text, need.worktree)
    tale.tell(ev.QuestionParked("wt0", "nobody answered"))
    scene = overview(tale.state, Live(), 200.0)
    assert (f'wt0 asked (parked): "{WANTED}"', "IDLE", need.key) == (
        scene.needs[-1].text,
        scene.rows[0].state,
        scene.needs[-1].key,
    )


def test_it_is_parked_after_a_while_or_at_once_where_nobody_is_there() -> None:
    """Unless the person who left wanted it to wait."""
    tale = asked()
    asked_at = tale.state.at
    assert [] == questions.due(tale.state, asked_at + 1799, 1800.0)
    assert [ev.QuestionParked("wt0", "nobody answered for 30 minutes")] == questions.due(
        tale.state, asked_at + 1800, 1800.0
    )
    tale.tell(ev.AwayStarted(None, None, "none", "wait", "ada"))
    assert [] == questions.due(tale.state, asked_at, 1800.0)
    tale.tell(ev.AwayStarted(None, None, "none", "park", "ada"))
    assert [ev.QuestionParked("wt0", "ada is away")] == questions.due(tale.state, asked_at, 1800.0)


def test_an_agent_whose_questions_nobody_answers_has_to_decide() -> None:
    """After three of them, until one message answers them all."""
    tale = asked().tell(ev.QuestionParked("wt0", "away"))
    for _ in range(2):
        assert "" == questions.refusal(tale.state, "wt0")
        tale.tell(ev.QuestionAsked("wt0", "and now?", "anthropic"), ev.QuestionParked("wt0", "away"))
    assert "decide by yourself" in questions.refusal(tale.state, "wt0")
    tale.tell(ev.MessageSent("wt0", "yes", "engine"))
    assert "decide by yourself" in questions.refusal(tale.state, "wt0")
    tale.tell(ev.MessageSent("wt0", "yes", "ada"))
    assert ("", ()) == (questions.refusal(tale.state, "wt0"), tale.state.worktrees["wt0"].questions)


def test_an_answer_that_is_taken_back_leaves_the_question_open() -> None:
    """As long as no agent has read it."""
    tale = asked().tell(ev.MessageSent("wt0", "yes", "ada"), ev.MessageTakenBack("wt0", "yes", "ada"))
    asking = tale.state.worktrees["wt0"].asking
    assert (WANTED, ()) == (asking and asking.text, tale.state.worktrees["wt0"].messages)


def test_an_answer_that_is_taken_back_leaves_parked_questions_as_they_were() -> None:
    """An answer takes all questions from the list; taken back, it has lost none and wakes none."""
    tale = asked().tell(ev.QuestionParked("wt0", "ada is away"), ev.QuestionAsked("wt0", "and the width?", "anthropic"))
    before = [(each.text, each.parked) for each in tale.state.worktrees["wt0"].questions]
    tale.tell(ev.MessageSent("wt0", "yes", "ada"), ev.MessageTakenBack("wt0", "yes", "ada"))
    assert before == [(each.text, each.parked) for each in tale.state.worktrees["wt0"].questions]


async def test_the_answer_comes_with_the_question_in_the_next_brief(tmp_path: Path) -> None:
    """The proposal ended without a failure; its transcript is sealed, and nothing in it obeys the terminal."""
    agent = Curious()
    async with desk(tmp_path / "lab") as at:
        lab = at.lab
        await proposing.propose(lab, agent, prompts_folder(), "wt0")
        event = lab.state.recent[-1].event
        assert isinstance(event, ev.QuestionAsked)
        assert (True, 0, ()) == (
            "\x1b" not in event.question,
            lab.state.worktrees["wt0"].silent,
            audit(lab.paths).findings,
        )
        lab.record(ev.QuestionParked("wt0", "ada is away"))
        await proposing.move(lab, "wt0", lab.state.worktrees["wt0"].base)
        await proposing.propose(lab, agent, prompts_folder(), "wt0")
        lab.record(ev.MessageSent("wt0", "yes, up to 128", "ada"))
        await proposing.move(lab, "wt0", lab.state.worktrees["wt0"].base)
        await proposing.propose(lab, agent, prompts_folder(), "wt0")
        assert [True, True] == [
            f'nobody has answered your question "{event.question}": take another idea' in agent.briefs[1],
            f'(new) in answer to your question "{event.question}": yes, up to 128' in agent.briefs[2],
        ]


async def test_a_bounded_engine_does_not_leave_while_somebody_is_asked(tmp_path: Path) -> None:
    """The limits park the question when its time has come."""
    async with desk(tmp_path / "lab") as at:
        at.lab.record(ev.QuestionAsked("wt0", WANTED, "anthropic"))
        assert questions.are_open(at.lab.state)
        bounds = Bounds(at.lab, Limits(), None)
        while at.lab.clock() < at.lab.state.at + at.lab.project.agents.question_wait_s:
            pass
        bounds.look()
        assert not questions.are_open(at.lab.state)
