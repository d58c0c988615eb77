"""Training: the clock and the seed are the referee's, the same seed gives the same bits, bad ends have one line."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

NANOCHAT = Path(__file__).resolve().parents[2] / "nanochat"

SAVE = "    run.save(model)\n"


def test_an_honest_run_spends_its_budget_and_leaves_metrics(honest):
    """The receipt accounts for every FLOP; the metrics have a line per step with all of the lab's fields."""
    _, trained, scored = honest
    receipt = trained.json("out/receipt.json")
    lines = [json.loads(line) for line in (trained.folder / "out/metrics.jsonl").read_text().splitlines()]
    cost = receipt["rows"] * receipt["length"] * receipt["flops_per_token"]
    assert receipt["flops"] == receipt["batches"] * cost
    assert 4e9 - cost < receipt["flops"] <= 4e9
    assert [line["step"] for line in lines] == list(range(receipt["batches"] // 2))
    assert set(lines[0]) >= {"step", "progress", "loss", "tokens", "tokens_per_s", "mfu", "elapsed_s", "peak_mb"}
    assert lines[-1]["tokens"] == 512 * len(lines)
    assert lines[-1]["loss"] < lines[0]["loss"]
    assert scored.json("score.json")["training"] == receipt


def test_the_flop_count_is_the_one_on_paper(honest):
    """FLOPs per token are 6 per matrix weight plus 12 x width x length per layer for attention."""
    receipt = honest[1].json("out/receipt.json")
    matrices = 2 * (4 * 64 * 64 + 2 * 2 * 64 * 64) + 64 * 2 + 64 * 300  # layers, one gate of two heads, the head
    assert receipt["flops_per_token"] == 6 * matrices + 2 * 12 * 64 * 32


def test_the_same_seed_gives_the_same_bits(honest, train):
    """Checkpoints of one seed are equal to the last bit, started by hand as train.py or by the lab as referee.py."""
    again = train(honest[0], script="train.py")
    assert again.json("out/receipt.json")["checkpoint"] == honest[1].json("out/receipt.json")["checkpoint"]


@pytest.mark.slow
def test_another_seed_gives_other_numbers(honest, train):
    """The lab's seed sets the initial numbers and the order of the data."""
    other = train(honest[0], NIGHTLAB_SEED="2").json("out/receipt.json")
    first = honest[1].json("out/receipt.json")
    assert (other["initial"] == first["initial"], other["checkpoint"] == first["checkpoint"]) == (False, False)


@pytest.mark.slow
def test_a_shorter_horizon_is_a_shorter_run_whose_schedule_ends(honest, train):
    """Half the horizon serves half the tokens, and the progress still goes to its end."""
    run = train(honest[0], NIGHTLAB_HORIZON="0.5")
    receipt, whole = run.json("out/receipt.json"), honest[1].json("out/receipt.json")
    last = json.loads((run.folder / "out/metrics.jsonl").read_text().splitlines()[-1])
    assert abs(receipt["batches"] - whole["batches"] / 2) <= 1
    assert last["progress"] > 0.85


@pytest.mark.slow
def test_changing_the_clock_changes_nothing(checkout, train, honest):
    """A train.py that sets a larger budget in its environment is served what the lab asked for."""
    edit = "    import os; os.environ['NIGHTLAB_BUDGET'] = '400 GFLOP'\n    run = data.Run.from_environment()\n"
    run = train(checkout(("    run = data.Run.from_environment()\n", edit)))
    assert run.json("out/receipt.json")["tokens"] == honest[1].json("out/receipt.json")["tokens"]


@pytest.mark.slow
def test_training_on_after_the_end_is_caught(checkout, train):
    """CPU time after the last batch is the referee's to measure: the run is invalid by the clock rule."""
    work = (
        "    for _ in range(100):\n"
        "        loss_of(batch.inputs.repeat(8, 1), batch.targets.repeat(8, 1)).backward()\n"
        "        optimizers[0].step()\n"
    )
    run = train(checkout((SAVE, work + SAVE)))
    assert (run.code, run.first_error[:34]) == (4, "invalid: clock: train.py worked on for"[:34])
    assert not (run.folder / "out/receipt.json").exists()


@pytest.mark.slow
def test_a_budget_in_seconds_ends_whether_or_not_the_child_asks(checkout, train):
    """A train.py that hoards batches and asks for the next one long after the end is invalid by the clock rule."""
    ask = "        run.log(step, total)\n"
    late = "        import time; time.sleep(5 if step == 1 else 0)\n"
    run = train(checkout((ask, ask + late)), NIGHTLAB_BUDGET="1 s")
    assert (run.code, run.first_error[:34]) == (4, "invalid: clock: train.py worked on for"[:34])


def test_the_child_is_told_nothing_by_the_environment(checkout, train):
    """No variable of the lab reaches train.py, not even those of a researcher's own shell."""
    edit = (
        "    import os; assert not [n for n in os.environ if n.startswith('NIGHTLAB')], os.environ\n"
        "    model = run.build(build_model)\n"
    )
    assert train(checkout(("    model = run.build(build_model)\n", edit)), NIGHTLAB_BUDGET="1 GFLOP").code == 0


@pytest.mark.slow
def test_a_buffer_that_was_trained_before_the_start_is_not_scored(checkout, train, evaluate):
    """The numbers at the start are all that a checkpoint holds, buffers included."""
    buffer = "        self.register_buffer('memory', torch.zeros(3))\n"
    where = checkout(
        ("        self.windows: dict", buffer + "        self.windows: dict"),
        ("    optimizers = make_optimizers(", "    model.memory += 1\n    optimizers = make_optimizers("),
    )
    run, scored = train(where, NIGHTLAB_BUDGET="1 GFLOP"), evaluate(where, NIGHTLAB_BUDGET="1 GFLOP")
    assert run.code == 0, run.stderr
    assert (scored.code, scored.first_error[:14]) == (4, "invalid: seed:")


@pytest.mark.slow
def test_a_run_that_claims_fewer_flops_is_not_scored(checkout, train, evaluate):
    """Charging one FLOP per token runs into the CPU cap, and the evaluator's own count exposes it."""
    edit = "    data.flops_per_token = lambda *a: 5000\n    run = data.Run.from_environment()\n"
    where = checkout(("    run = data.Run.from_environment()\n", edit))
    run = train(where, NIGHTLAB_CPU_CAP_S="6")
    scored = evaluate(where, NIGHTLAB_CPU_CAP_S="6")
    assert (run.code, run.json("out/receipt.json")["ended_by"]) == (0, "cpu cap")
    assert (scored.code, scored.first_error[:34]) == (4, "invalid: clock: charged for 5,000 FLOPs"[:34])


def test_a_run_with_a_seed_of_its_own_is_not_scored(checkout, train, evaluate):
    """A train.py that seeds torch itself starts from other numbers than build_model() draws from the lab's seed."""
    edit = "    model = build_model(run.vocabulary, run.length, run.scale)\n"
    where = checkout(("    model = run.build(build_model)\n", "    torch.manual_seed(1337)\n" + edit))
    run, scored = train(where), evaluate(where)
    assert run.code == 0, run.stderr
    assert (scored.code, scored.first_error[:14]) == (4, "invalid: seed:")


@pytest.mark.slow
def test_what_a_run_leaves_behind_is_ended_before_the_receipt(checkout, train):
    """A process that train.py started in a session of its own cannot touch the checkpoint after the end."""
    late = (
        "    import subprocess\n    subprocess.Popen(['sh', '-c', 'sleep 1; echo x >> ' + str(run.out / "
        "'checkpoint.pt')], start_new_session=True)\n"
    )
    run = train(checkout((SAVE, SAVE + late)))
    import hashlib

    saved = (run.folder / "out/checkpoint.pt").read_bytes()
    assert run.json("out/receipt.json")["checkpoint"] == hashlib.sha256(saved).hexdigest()


def test_a_loss_that_is_not_a_number_ends_the_run(checkout, train):
    """NaN ends a run at its step with exit code 3 and one line."""
    edit = "        loss = loss * float('nan')\n        loss.backward()\n"
    run = train(checkout(("        loss.backward()\n", edit)))
    assert (run.code, run.first_error) == (3, "error: loss is nan at step 0")


@pytest.mark.slow
def test_running_out_of_memory_is_one_line(checkout, train):
    """An allocation that cannot succeed ends with exit code 5 and its cause, not a traceback."""
    run = train(checkout((SAVE, "    torch.empty(1 << 50)\n" + SAVE)))
    assert (run.code, run.first_error[:21]) == (5, "error: out of memory:")
    assert "Traceback" not in run.stderr


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


@pytest.mark.slow
def test_a_file_named_like_a_standard_module_shadows_nothing(checkout, train):
    """queue.py and random.py beside train.py do not break the imports of torch."""
    where: Path = checkout()
    for name in ("queue.py", "random.py", "struct.py"):
        (where / name).write_text("raise SystemExit('shadowed')\n")
    assert train(where, NIGHTLAB_BUDGET="1 GFLOP").code == 0


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
    scripts = {part for command in lab["commands"].values() for part in command if part.endswith(".py")}
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
