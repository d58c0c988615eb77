"""Smoke runs: an edit is tried within seconds, and nothing that it leaves can be taken for an experiment."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.nanochat.runs import Result, Story, call, make_checkout, run_environment

BUILD = "    depth, width = DEPTH * scale, WIDTH * scale\n"
SAVE = "    run.save(model)\n"


@pytest.fixture(scope="module")
def tried(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """A smoke run of three batches that a person started by hand, and what the evaluator says to it."""
    root = tmp_path_factory.mktemp("tried")
    where = make_checkout(root / "checkout", ("MICRO_BATCH = 256", "MICRO_BATCH = 512"))
    names = run_environment(corpus, root, NIGHTLAB_BUDGET="3 batches")
    return Story(where, call("train.py", where, root, **names), call("evaluate.py", where, root, **names))


@pytest.fixture(scope="module")
def idle(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A smoke run of no batches, whose train.py takes long to save."""
    root = tmp_path_factory.mktemp("idle")
    work = "    import time\n    end = time.process_time() + 0.6\n    while time.process_time() < end: pass\n"
    where = make_checkout(root / "checkout", (SAVE, work + SAVE))
    return call("referee.py", where, root, **run_environment(corpus, root, NIGHTLAB_BUDGET="0 batches"))


def test_three_batches_are_trained(tried):
    """A budget in batches ends after so many, and its progress is counted in them; also where train.py is started."""
    lines = [json.loads(line) for line in (tried.trained.folder / "out/metrics.jsonl").read_text().splitlines()]
    assert tried.trained.code == 0, tried.trained.stderr
    assert [0.33333, 0.66667, 1.0] == [line["progress"] for line in lines]
    receipt = tried.trained.json("out/receipt.json")
    assert ([3.0, "batches"], 3, "budget") == (receipt["budget"], receipt["batches"], receipt["ended_by"])


def test_what_is_saved_is_what_was_trained(tried, idle):
    """The first batches meet the optimizer: from the same numbers they come to others than no batch does."""
    three, none = tried.trained.json("out/receipt.json"), idle.json("out/receipt.json")
    assert (True, False) == (three["initial"] == none["initial"], three["checkpoint"] == none["checkpoint"])


def test_no_batch_at_all_still_builds_counts_and_saves(idle):
    """With "0 batches" the model is built, its FLOPs are counted, and the run ends at once."""
    assert idle.code == 0, idle.stderr
    receipt = idle.json("out/receipt.json")
    assert (0, True) == (receipt["batches"], receipt["flops_per_token"] > 0)
    assert (idle.folder / "out/checkpoint.pt").exists()


def test_a_slow_save_is_no_broken_rule_in_a_smoke_run(idle):
    """What follows the last batch is limited by a part of the budget, of which a smoke run has none: no limit there."""
    assert idle.json("out/receipt.json")["after_s"] > 0.5


def test_a_model_that_cannot_be_built_fails_with_its_traceback(checkout, train):
    """An edit that raises in build_model() ends the smoke run, and its own line of code is in what it said."""
    run = train(checkout((BUILD, BUILD + "    raise ValueError('seven heads')\n")), NIGHTLAB_BUDGET="0 batches")
    assert (1, "ValueError: seven heads") == (run.code, run.stderr.splitlines()[-1])
    assert "in build_model" in run.stderr
    assert not (run.folder / "out/receipt.json").exists()


SAYS = "invalid: receipt: a run of 3 batches only tries whether train.py runs: it has no score"


def test_a_smoke_run_has_no_score(tried):
    """The evaluator refuses a receipt in batches, although it was told of the same budget, and writes no score."""
    assert (4, SAYS, False) == (
        tried.scored.code,
        tried.scored.first_error,
        (tried.scored.folder / "score.json").exists(),
    )


def test_a_smoke_run_is_not_scored_as_an_experiment(tried, evaluate):
    """Nor where the evaluator is told of a budget in FLOPs."""
    scored = evaluate(tried.checkout, tried.trained.folder)
    assert (4, SAYS, False) == (scored.code, scored.first_error, (scored.folder / "score.json").exists())


def test_an_experiment_is_not_scored_as_a_smoke_run(honest, trained, evaluate):
    """Asked for batches, the evaluator refuses a run of FLOPs too."""
    scored = evaluate(honest.checkout, NIGHTLAB_BUDGET="3 batches")
    assert (4, "invalid: receipt: budget is [4000000000.0, 'flop']") == (scored.code, scored.first_error[:50])


@pytest.mark.parametrize("budget", ["-1 batches", "nan batches", "0 s", "0 GFLOP"])
def test_only_batches_may_be_none(train, checkout, budget):
    """A budget of nothing is for smoke runs alone; one below nothing is for nobody."""
    run = train(checkout(), NIGHTLAB_BUDGET=budget)
    assert (1, True) == (run.code, run.first_error.endswith("must be positive and finite"))
