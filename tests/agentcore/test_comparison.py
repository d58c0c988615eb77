"""What is said of one agent against another: only what fresh seeds confirmed, and everything else accounted for."""

from __future__ import annotations

from dataclasses import replace
from math import hypot

import pytest

from agentcore import events as ev
from agentcore.brief.spending import Usage
from agentcore.events import CandidateState, Outcome
from agentcore.queue.judging import noise
from agentcore.results.comparison import AgentRecord, caveats, compare, wilson
from tests.agentcore.tales import CONFIG, Tale, calibrated


def propose(tale: Tale, agent: str, thought_s: int = 1) -> int:
    """Tell an experiment of this agent, which thought so many seconds."""
    number, base = len(tale.state.experiments) + 1, tale.state.worktrees["wt0"]
    tale.tell(ev.ThinkingStarted("wt0", agent))
    for second in range(thought_s - 1):
        tale.tell(ev.NoteTaken("wt0", f"{second}"))
    proposed = ev.ExperimentProposed(
        number, "wt0", agent, base.base, base.base_tree, f"c{number}", f"t{number}", "idea", 1, 1, ("train.py",)
    )
    tale.tell(proposed)
    return number


def tried(tale: Tale, agent: str, outcome: Outcome = "drop") -> int:
    """Tell an experiment with this outcome after its run."""
    number = propose(tale, agent)
    score = {"drop": 1.1, "keep": 0.8}.get(outcome)
    tale.screen(number, score)
    tale.decide(number, outcome, score, None if score is None else 2.0)
    return number


def judged(tale: Tale, agent: str, state: CandidateState = "READY", gain: float = 0.2) -> int:
    """Tell a kept experiment with its verdict."""
    number = tried(tale, agent, "keep")
    tale.rebase(number, f"t{number}").confirm(number, {1: 0.8, 2: 0.9}).judge(number, state, gain)
    return number


def only(tale: Tale) -> AgentRecord:
    """Return the one record that there is."""
    (record,) = compare(tale.state)
    return record


def test_a_lab_without_proposals_compares_nobody() -> None:
    """No line is better than a line of zeros."""
    assert () == compare(calibrated().state)


def test_only_what_fresh_seeds_confirmed_counts() -> None:
    """A screening run that looked three times as good adds nothing to the gain or to the rate."""
    tale = calibrated()
    judged(tale, "search", "READY", 0.1)
    judged(tale, "search", "NOISE", 0.05)
    judged(tale, "search", "REJECTED", -0.1)
    tried(tale, "search")
    record = only(tale)
    assert (3, 1, 2, 4, 0.25, 0.1) == (
        record.kept, record.confirmed, record.unconfirmed, record.ran, record.rate, record.gain,
    )  # fmt: skip


def test_a_candidate_without_a_verdict_is_in_no_rate() -> None:
    """One that waits and one that is being confirmed are open; the rate is of the rest."""
    tale = calibrated()
    tried(tale, "search", "keep")
    tale.rebase(tried(tale, "search", "keep"), "t2")
    tried(tale, "search")
    record = only(tale)
    assert (2, 0, 1, 0.0) == (record.open, record.confirmed, record.ran, record.rate)


def test_every_experiment_is_accounted_for() -> None:
    """Whatever became of them, the columns add up; only those that a run judged are in the rate."""
    tale = calibrated()
    ran: tuple[Outcome, ...] = ("drop", "crash", "nan", "timeout", "invalid", "keep")
    for outcome in ran:
        tried(tale, "search", outcome)
    not_run: tuple[Outcome, ...] = ("duplicate", "returned", "cancelled", "contended")
    for outcome in not_run:
        tale.decide(propose(tale, "search"), outcome)
    propose(tale, "search")
    record = only(tale)
    assert (11, 10, 1, 1, 4, 4, 5) == (
        record.experiments, record.decided, record.kept, record.dropped, record.crashed, record.uncounted, record.ran,
    )  # fmt: skip


def test_what_was_merged_or_undone_stays_confirmed() -> None:
    """Taking a merge back says nothing against its measurement."""
    tale = calibrated()
    number = judged(tale, "search")
    tale.merge(number)
    tale.tell(ev.TrunkMoved(f"l{number}", "c0", "t0", None, "you", undone=number))
    assert 1 == only(tale).confirmed


def test_a_confirmed_one_that_trunk_has_passed_counts_until_it_is_measured_again() -> None:
    """STALE keeps its verdict; once its new confirmation runs it is open."""
    tale = calibrated()
    first, second = judged(tale, "search"), judged(tale, "search")
    tale.merge(first)
    before = only(tale).confirmed
    tale.rebase(second, "t9")
    assert (2, 1, 1) == (before, only(tale).confirmed, only(tale).open)


def test_an_idea_that_was_written_again_counts_once() -> None:
    """The candidate in conflict is withdrawn although its old verdict passed; the new experiment has its own."""
    tale = calibrated()
    old = judged(tale, "search")
    tale.tell(ev.CandidateMoved(old, "CONFLICT", "conflict in train.py", "engine"))
    judged(tale, "search")
    tale.tell(ev.CandidateMoved(old, "CANCELLED", "written again as #2", "search"))
    record = only(tale)
    assert (1, 1, 2) == (record.confirmed, record.withdrawn, record.kept)


def test_gains_add_up_with_their_errors_and_shrink() -> None:
    """Standard errors add in squares; the expected sum is pulled to zero by a prior of two sigma."""
    tale = calibrated()
    judged(tale, "search", gain=0.2)
    judged(tale, "search", gain=0.3)
    record, spread = only(tale), noise(tale.state)
    assert spread is not None
    prior = (2 * spread.sigma) ** 2
    assert pytest.approx((0.5, hypot(0.1, 0.1), 0.25, hypot(0.1, 0.1) / 2, 0.5 * prior / (prior + 0.01))) == (
        record.gain, record.gain_error, record.mean_gain, record.mean_error, record.expected,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("successes", "trials", "interval"),
    [(0, 10, (0.0, 0.2775)), (5, 10, (0.2366, 0.7634)), (10, 10, (0.7225, 1.0)), (3, 40, (0.0258, 0.1986))],
)
def test_the_interval_of_a_rate_is_wilsons(successes: int, trials: int, interval: tuple[float, float]) -> None:
    """As other programs compute it; it stays inside of 0 to 1."""
    assert pytest.approx(interval, abs=1e-4) == wilson(successes, trials)


def test_run_time_counts_every_screening_run() -> None:
    """One that was lost and done again cost twice; confirmations are the lab's, not the agent's."""
    tale = calibrated()
    number = propose(tale, "search")
    tale.screen(number, None, "lost")
    tale.screen(number, 0.8)
    tale.decide(number, "keep", 0.8, 2.0)
    tale.rebase(number, "t1").confirm(number, {1: 0.8, 2: 0.9})
    assert 3.0 == only(tale).run_s


def test_a_gain_has_its_price() -> None:
    """Dollars and tokens are those of all its proposals, failed ones too, over the gains that were confirmed."""
    tale = calibrated().tell(
        ev.AgentsAssigned({"wt0": "anthropic"}, "claude", ""),
        ev.ThinkingStarted("wt0", "anthropic"),
        ev.TokensUsed("wt0", "claude", Usage(input=1000, output=500), 1.5),
        ev.AgentFailed("wt0", "it talks and does not submit", "anthropic"),
    )
    judged(tale, "anthropic")
    judged(tale, "anthropic")
    tale.tell(ev.TokensUsed("wt0", "claude", Usage(input=10), 0.5))
    record = only(tale)
    assert ("claude", 3, 1, 2.0, 1510, 1.0) == (
        record.model, record.asked, record.unanswered, record.usd, record.tokens, record.usd_per_gain,
    )  # fmt: skip


def test_a_cost_that_nobody_knows_is_not_zero() -> None:
    """Tokens without a price, or a program that reports nothing: there is no number, rather than a free gain."""
    tale = calibrated()
    tale.tell(ev.ThinkingStarted("wt0", "anthropic"), ev.TokensUsed("wt0", "own", Usage(input=1000), 0.0))
    judged(tale, "anthropic")
    assert (None, 1000, None) == (only(tale).usd, only(tale).tokens, only(tale).usd_per_gain)


def test_time_is_when_it_worked_and_how_long_it_thinks() -> None:
    """The median thought, and the span from its first thought to its last outcome."""
    tale = calibrated()
    begun = 100.0 + tale.state.seq
    for thought_s in (1, 2, 30):
        number = propose(tale, "search", thought_s)
        tale.decide(number, "duplicate")
    record = only(tale)
    assert (2.0, begun, tale.state.at) == (record.think_s, record.first, record.last)


def test_an_easier_trunk_is_said() -> None:
    """An agent that began on a trunk two merges younger had it easier, and the reader is told."""
    tale = calibrated()
    for _ in range(2):
        tale.merge(judged(tale, "search"))
        tale.tell(ev.WorktreeMoved("wt0", tale.state.trunk.commit, tale.state.trunk.tree))  # type: ignore[union-attr]
    tried(tale, "anthropic")
    records = compare(tale.state)
    assert [("anthropic", 2.0), ("search", 0.5)] == [(each.agent, each.trunk_at) for each in records]
    assert (
        "search worked on a trunk with 0.5 merges on average, anthropic on one with 2.0: later gains are harder to "
        "find, so this favours search"
    ) == caveats(records)[0]


def test_a_merge_that_was_undone_made_no_trunk_harder() -> None:
    """It is not counted."""
    tale = calibrated()
    number = judged(tale, "search")
    tale.merge(number)
    tale.tell(ev.TrunkMoved(f"l{number}", "c0", "t0", None, "you", undone=number))
    tried(tale, "search")
    assert 0.0 == only(tale).trunk_at


def test_overlapping_intervals_show_no_difference() -> None:
    """One of three and none of two: nobody is better."""
    tale = calibrated()
    judged(tale, "anthropic")
    for agent in ("anthropic", "anthropic", "search", "search"):
        tried(tale, agent)
    assert ("anthropic and search: intervals overlap: no difference shown",) == caveats(compare(tale.state))


def test_intervals_that_are_apart_are_left_to_speak() -> None:
    """Twelve of twelve against none of twelve."""
    tale = calibrated()
    for _ in range(12):
        judged(tale, "anthropic")
        tried(tale, "search")
    assert () == caveats(compare(tale.state))


def test_what_is_in_no_rate_is_said() -> None:
    """An open candidate is named under the table."""
    tale = calibrated()
    tried(tale, "search", "keep")
    assert ("search: 1 kept experiment is open, in no rate until fresh seeds have judged",) == caveats(
        compare(tale.state)
    )


def test_gains_of_another_harness_are_said() -> None:
    """After a change of the budget a gain means something else; the old ones are counted, and named."""
    tale = calibrated()
    tried(tale, "search")
    tale.tell(replace(CONFIG, harness="another"))
    assert (
        "search: 1 of 1 experiments ran under another harness or budget, where a gain means something else",
    ) == caveats(compare(tale.state))
