"""Training: the clock and the seed are the referee's, the same seed gives the same bits, bad ends have one line."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from tests.nanochat.runs import NANOCHAT, Result, call, make_checkout, run_environment

SAVE = "    run.save(model)\n"
BACKWARD = "        loss.backward()\n"


def test_an_honest_run_spends_its_budget_and_leaves_metrics(honest):
    """The receipt accounts for every FLOP; the metrics have a line per step with all of the lab's fields."""
    receipt = honest.trained.json("out/receipt.json")
    lines = [json.loads(line) for line in (honest.trained.folder / "out/metrics.jsonl").read_text().splitlines()]
    cost = receipt["rows"] * receipt["length"] * receipt["flops_per_token"]
    assert receipt["flops"] == receipt["batches"] * cost
    assert 4e9 - cost < receipt["flops"] <= 4e9
    assert [line["step"] for line in lines] == list(range(receipt["batches"] // 2))
    assert set(lines[0]) >= {"step", "progress", "loss", "tokens", "tokens_per_s", "mfu", "elapsed_s", "peak_mb"}
    assert lines[-1]["tokens"] == 512 * len(lines)
    assert lines[-1]["loss"] < lines[0]["loss"]
    assert honest.scored.json("score.json")["training"] == receipt


def test_the_flop_count_is_the_one_on_paper(honest):
    """FLOPs per token are 6 per matrix weight plus 12 x width x length per layer for attention."""
    receipt = honest.trained.json("out/receipt.json")
    matrices = 2 * (4 * 64 * 64 + 2 * 2 * 64 * 64) + 64 * 2 + 64 * 300  # layers, one gate of two heads, the head
    assert receipt["flops_per_token"] == 6 * matrices + 2 * 12 * 64 * 32


@pytest.fixture(scope="module")
def other(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A run of another seed over half of the horizon."""
    root = tmp_path_factory.mktemp("other")
    names = run_environment(corpus, root, NIGHTLAB_SEED="2", NIGHTLAB_HORIZON="0.5")
    return call("referee.py", make_checkout(root / "checkout"), root, **names)


@pytest.mark.slow
def test_another_seed_gives_other_numbers(honest, other):
    """The lab's seed sets the initial numbers."""
    assert other.json("out/receipt.json")["initial"] != honest.trained.json("out/receipt.json")["initial"]


@pytest.mark.slow
def test_a_shorter_horizon_is_a_shorter_run_whose_schedule_ends(honest, other):
    """Half the horizon serves half the tokens, and the progress still goes to its end."""
    receipt, whole = other.json("out/receipt.json"), honest.trained.json("out/receipt.json")
    last = json.loads((other.folder / "out/metrics.jsonl").read_text().splitlines()[-1])
    assert abs(receipt["batches"] - whole["batches"] / 2) <= 1
    assert last["progress"] > 0.85


@pytest.mark.slow
def test_training_on_after_the_end_is_caught(checkout, train):
    """CPU time after the last batch is the referee's to measure: the run is invalid by the clock rule."""
    work = (
        "    import time\n    end = time.process_time() + 0.8\n"
        "    while time.process_time() < end:\n"
        "        loss_of(batch.inputs, batch.targets).backward()\n        optimizers[0].step()\n"
    )
    run = train(checkout((SAVE, work + SAVE)), NIGHTLAB_BUDGET="1 GFLOP")
    assert (run.code, run.first_error[:34]) == (4, "invalid: clock: train.py worked on for"[:34])
    assert not (run.folder / "out/receipt.json").exists()


@pytest.mark.slow
def test_a_process_that_trains_on_after_the_end_is_caught(checkout, train):
    """Also where train.py only waits for it, and it has no parent: the referee counts what descends from the run."""
    burn = "import time\\nwhile time.process_time() < 0.9: pass"
    work = (
        "    import subprocess, sys, time\n"
        f'    command = ["sh", "-c", \'("$0" -S -c "$1"; echo > "$2") &\', sys.executable, "{burn}"]\n'
        "    subprocess.run([*command, run.out / 'done'], start_new_session=True)\n"
        "    while not (run.out / 'done').exists():\n        time.sleep(0.02)\n"
    )
    run = train(checkout((SAVE, work + SAVE)), NIGHTLAB_BUDGET="1 GFLOP")
    assert (run.code, run.first_error[:34]) == (4, "invalid: clock: train.py worked on for"[:34])


@pytest.mark.slow
def test_a_budget_in_seconds_ends_whether_or_not_the_child_asks(checkout, train):
    """A train.py that hoards batches and asks for the next one long after the end is invalid by the clock rule."""
    # 3 s and a percent are allowed, for saving.
    late = "        import time; time.sleep(3.2 if batch.index == 0 else 0)\n"
    run = train(checkout((BACKWARD, BACKWARD + late)), NIGHTLAB_BUDGET="0.1 s")
    assert (run.code, run.first_error[:34]) == (4, "invalid: clock: train.py worked on for"[:34])


@pytest.mark.slow
def test_a_run_that_claims_fewer_flops_is_not_scored(checkout, train, evaluate):
    """Charging next to nothing runs into the CPU cap; the shapes in the checkpoint tell, without any agent code."""
    edit = "    data.flops_per_token = lambda *a: 5000\n    run = data.Run.from_environment()\n"
    where = checkout(("    run = data.Run.from_environment()\n", edit))
    run = train(where, NIGHTLAB_CPU_CAP_S="2")
    scored = evaluate(where, NIGHTLAB_CPU_CAP_S="2")
    assert (run.code, run.json("out/receipt.json")["ended_by"]) == (0, "cpu cap")
    assert (scored.code, scored.first_error[:50]) == (
        4,
        "invalid: clock: charged for 5,000 FLOPs per token, the checkpoint's"[:50],
    )
    assert "checkpoint's matrices" in scored.first_error


def test_a_run_with_a_seed_of_its_own_is_not_scored(checkout, train, evaluate):
    """A train.py that seeds torch itself starts from other numbers than build_model() draws from the lab's seed."""
    edit = "    model = build_model(run.vocabulary, run.length, run.scale)\n"
    where = checkout(("    model = run.build(build_model)\n", "    torch.manual_seed(1337)\n" + edit))
    run, scored = train(where, NIGHTLAB_BUDGET="1 GFLOP"), evaluate(where, NIGHTLAB_BUDGET="1 GFLOP")
    assert run.code == 0, run.stderr
    assert (scored.code, scored.first_error[:14]) == (4, "invalid: seed:")


@pytest.mark.slow
def test_running_out_of_memory_is_one_line(checkout, train):
    """An allocation that cannot succeed ends with exit code 5 and its cause, not a traceback."""
    build = "    model = run.build(build_model)\n"
    run = train(checkout((build, "    torch.empty(1 << 50)\n" + build)))
    assert (run.code, run.first_error[:21]) == (5, "error: out of memory:")
    assert "Traceback" not in run.stderr


def test_a_loss_that_is_not_a_number_ends_the_run(checkout, train):
    """NaN ends a run at its step with exit code 3 and one line."""
    edit = "        loss = loss * float('nan')\n        loss.backward()\n"
    run = train(checkout(("        loss.backward()\n", edit)))
    assert (run.code, run.first_error) == (3, "error: loss is nan at step 0")


def test_a_missing_gpu_is_one_line(checkout, train):
    """device cuda on a machine without one ends with exit code 1 and says so."""
    run = train(checkout(), NIGHTLAB_DEVICE="cuda", CUDA_VISIBLE_DEVICES="")
    assert (run.code, "torch finds no CUDA device" in run.first_error) == (1, True)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("NIGHTLAB_BUDGET", "600", "'600' is not a budget; write a number, a space and one of GFLOP"),
        ("NIGHTLAB_BUDGET", "-1 s", "must be positive"),
        ("NIGHTLAB_SEED", "many", "NIGHTLAB_SEED 'many' is not a number"),
        ("NIGHTLAB_HORIZON", "2", "NIGHTLAB_HORIZON 2 must be above 0 and at most 1"),
        ("NIGHTLAB_DEVICE", "tpu", "'tpu' is neither cpu nor cuda"),
        ("NIGHTLAB_DATA", "/nowhere", "no data in /nowhere; run prepare.py first"),
    ],
)
def test_bad_settings_are_one_line(train, name, value, says):
    """A setting that cannot be used is named with its value before anything starts."""
    run = train(NANOCHAT, **{name: value})
    assert (run.code, says in run.first_error, "Traceback" in run.stderr) == (1, True, False)


def test_truncated_and_missing_tokens_are_one_line(train, corpus, tmp_path):
    """A token file that is cut short, or gone, is named with its size before anything starts."""
    import shutil

    shutil.copytree(corpus / "train", tmp_path / "cut")
    with (tmp_path / "cut/tokens.bin").open("r+b") as file:
        file.truncate(1000)
    cut = train(NANOCHAT, NIGHTLAB_DATA=str(tmp_path / "cut"))
    (tmp_path / "cut/tokens.bin").unlink()
    gone = train(NANOCHAT, NIGHTLAB_DATA=str(tmp_path / "cut"))
    assert (cut.code, "has 1000 bytes, not" in cut.first_error) == (1, True)
    assert (gone.code, "tokens.bin is missing" in gone.first_error) == (1, True)


def test_every_constant_is_a_literal_under_a_comment_of_its_own():
    """Edits of neighbouring constants merge, and a search agent finds each one: a comment line lies before each."""
    source = (NANOCHAT / "train.py").read_text()
    lines = source.splitlines()
    constants = [node for node in ast.parse(source).body if isinstance(node, ast.Assign)]
    assert len(constants) > 25
    for node in constants:
        assert isinstance(node.value, ast.Constant), lines[node.lineno - 1]
        assert lines[node.lineno - 2].startswith("#"), lines[node.lineno - 1]


def test_the_frozen_scripts_are_those_that_lab_toml_names():
    """lab.toml's commands start frozen files, and every script of the project is either frozen, editable or set-up."""
    import tomllib

    lab = tomllib.loads((NANOCHAT / "lab.toml").read_text())
    frozen, edit = set(lab["project"]["frozen"]), set(lab["project"]["edit"])
    commands = [command for command in lab["commands"].values() if isinstance(command, list)]
    scripts = {part for command in commands for part in command if part.endswith(".py")}
    assert scripts <= frozen | {"configure.py"}
    assert {path.name for path in NANOCHAT.glob("*.py")} == frozen | edit | {"configure.py"}


@pytest.mark.gpu
def test_a_gpu_run_trains_and_scores(checkout, train, evaluate):
    """The CUDA path compiles, trains for its seconds with sliding windows, and is scored inline with an audit."""
    # Rows of at least a block of the flex kernel; the evaluation's, of 32, meet the kernel for short rows.
    where = checkout(
        ("HEAD_DIM = 32", "HEAD_DIM = 64"), ("WIDTH = 64", "WIDTH = 128"), ("SEQUENCE = 32", "SEQUENCE = 256")
    )
    run = train(where, NIGHTLAB_DEVICE="cuda", NIGHTLAB_BUDGET="5 s")
    scored = evaluate(where, NIGHTLAB_DEVICE="cuda", NIGHTLAB_BUDGET="5 s", NIGHTLAB_SCORING="inline")
    assert (run.code, scored.code) == (0, 0), run.stderr + scored.stderr
