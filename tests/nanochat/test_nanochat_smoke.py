"""Smoke runs: an edit is tried within seconds, and nothing that it leaves can be taken for an experiment."""

from __future__ import annotations

import json

import pytest

BUILD = "    depth, width = DEPTH * scale, WIDTH * scale\n"
SAVE = "    run.save(model)\n"


def test_three_batches_are_trained_and_saved(checkout, train):
    """A budget in batches ends after so many, its progress is counted in them, and the model is saved."""
    run = train(checkout(("MICRO_BATCH = 256", "MICRO_BATCH = 512")), NIGHTLAB_BUDGET="3 batches")
    lines = [json.loads(line) for line in (run.folder / "out/metrics.jsonl").read_text().splitlines()]
    assert run.code == 0, run.stderr
    assert [0.33333, 0.66667, 1.0] == [line["progress"] for line in lines]
    receipt = run.json("out/receipt.json")
    assert ([3.0, "batches"], 3, "budget") == (receipt["budget"], receipt["batches"], receipt["ended_by"])
    assert (run.folder / "out/checkpoint.pt").exists()


def test_no_batch_at_all_still_builds_counts_and_saves(checkout, train):
    """With "0 batches" the model is built, its FLOPs are counted, and the run ends at once."""
    run = train(checkout(), NIGHTLAB_BUDGET="0 batches")
    assert run.code == 0, run.stderr
    receipt = run.json("out/receipt.json")
    assert (0, True) == (receipt["batches"], receipt["flops_per_token"] > 0)
    assert (run.folder / "out/checkpoint.pt").exists()


def test_a_model_that_cannot_be_built_fails_with_its_traceback(checkout, train):
    """An edit that raises in build_model() ends the smoke run, and its own line of code is in what it said."""
    run = train(checkout((BUILD, BUILD + "    raise ValueError('seven heads')\n")), NIGHTLAB_BUDGET="0 batches")
    assert (1, "ValueError: seven heads") == (run.code, run.stderr.splitlines()[-1])
    assert "in build_model" in run.stderr
    assert not (run.folder / "out/receipt.json").exists()


def test_a_step_that_cannot_be_made_is_found_by_the_first_batch(checkout, train):
    """An edit that raises in the optimizer ends a smoke run of three batches with its traceback."""
    edit = ("            update = orthogonal(", "            update = orthogonall(")
    run = train(checkout(edit), NIGHTLAB_BUDGET="3 batches")
    assert (1, True) == (run.code, "NameError: name 'orthogonall' is not defined" in run.stderr)


def test_a_slow_save_is_no_broken_rule_in_a_smoke_run(checkout, train):
    """What follows the last batch is limited by a part of the budget, of which a smoke run has none: no limit there."""
    work = (
        "    import time\n    end = time.process_time() + 0.8\n"
        "    while time.process_time() < end:\n        torch.ones(64, 64) @ torch.ones(64, 64)\n"
    )
    edit = (SAVE, work + SAVE)
    run = train(checkout(edit), NIGHTLAB_BUDGET="0 batches")
    assert run.code == 0, run.stderr
    assert run.json("out/receipt.json")["after_s"] > 0.5


def test_a_smoke_run_has_no_score(checkout, train, evaluate):
    """The evaluator refuses a receipt in batches, whatever budget it is told, and writes no score."""
    where = checkout()
    run = train(where, NIGHTLAB_BUDGET="3 batches")
    refused = [evaluate(where, NIGHTLAB_BUDGET=asked) for asked in ("3 batches", "4 GFLOP")]
    assert run.code == 0, run.stderr
    says = "invalid: receipt: a run of 3 batches only tries whether train.py runs: it has no score"
    assert [(4, says)] * 2 == [(scored.code, scored.first_error) for scored in refused]
    assert not (run.folder / "score.json").exists()


def test_an_experiment_is_not_scored_as_a_smoke_run(honest, trained, evaluate):
    """Asked for batches, the evaluator refuses a run of FLOPs too."""
    scored = evaluate(honest[0], NIGHTLAB_BUDGET="3 batches")
    assert (4, "invalid: receipt: budget is [4000000000.0, 'flop']") == (scored.code, scored.first_error[:50])


@pytest.mark.parametrize("budget", ["-1 batches", "nan batches", "0 s", "0 GFLOP"])
def test_only_batches_may_be_none(train, checkout, budget):
    """A budget of nothing is for smoke runs alone; one below nothing is for nobody."""
    run = train(checkout(), NIGHTLAB_BUDGET=budget)
    assert (1, True) == (run.code, run.first_error.endswith("must be positive and finite"))
