"""The score: right to 1e-6, and not to be had by cheating."""

from __future__ import annotations

import base64
import contextlib
import importlib.util
import io
import json
import math
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.nanochat.runs import Result, Story, call, make_checkout, run_environment

LOGITS = "        return SOFT_CAP * torch.tanh(logits / SOFT_CAP) if SOFT_CAP else logits\n"


def test_the_score_agrees_with_one_computed_by_hand(honest, corpus):
    """Bits per byte equal a plain double-precision computation from the checkpoint and the decoded text, to 1e-6."""
    checkout, scored = honest.checkout, honest.scored
    import data
    import predict
    import torch

    data.settle("cpu")  # one thread: two wait for each other in a loop
    meta = json.loads((corpus / "validation/meta.json").read_text())
    words = [base64.b64decode(t) for t in json.loads((corpus / "validation/tokenizer.json").read_text())["tokens"]]
    tokens = np.fromfile(corpus / "validation/tokens.bin", dtype=np.uint16).astype(np.int64)
    model = predict.import_file(checkout / "train.py").build_model(300, 32, 1)
    model.load_state_dict(torch.load(scored.folder / "out/checkpoint.pt", weights_only=True))
    bits, text = 0.0, b""
    with torch.no_grad():
        for first in range(0, len(tokens) - 32, 32):
            row = torch.from_numpy(tokens[first : first + 33])
            x = model(row[None, :-1])[0].double().log_softmax(-1) / math.log(2)
            for position, target in enumerate(row[1:].tolist()):
                if target != meta["mark"]:
                    bits -= x[position, target].item()
                    text += words[target]
    assert scored.code == 0, scored.stderr
    assert scored.json("score.json")["score"] == pytest.approx(bits / len(text), abs=1e-6)
    assert scored.json("score.json")["bytes"] == len(text)


def lend_bytecode(prefix: Path) -> None:
    """Lay links to the bytecode of all that is imported here where a PYTHONPYCACHEPREFIX has it: torch's takes 5 s."""
    import torch  # noqa: F401  (so that its modules are among them)

    specs = [vars(module).get("__spec__") for module in list(sys.modules.values())]
    kept = {spec.cached: spec.origin for spec in specs if isinstance(spec, ModuleSpec) and spec.cached and spec.origin}
    for bytecode, source in kept.items():
        folder = prefix / Path(source).parent.relative_to("/")
        folder.mkdir(parents=True, exist_ok=True)
        if Path(bytecode).exists():
            (folder / Path(bytecode).name).symlink_to(bytecode)


@pytest.fixture(scope="module")
def inline(honest: Story, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """The honest run scored inline, in a checkout in which somebody has left bytecode of other sources."""
    root = tmp_path_factory.mktemp("inline")
    shutil.copytree(honest.trained.folder, root / "run", ignore=shutil.ignore_patterns("score.json"))
    checkout = make_checkout(root / "checkout")
    for name in ("data", "referee", "train"):
        source = (checkout / f"{name}.py").read_text() + "\nraise SystemExit('not what the source says')\n"
        code = importlib._bootstrap_external._code_to_hash_pyc(compile(source, name, "exec"), b"8 bytes.", False)
        path = Path(importlib.util.cache_from_source(str(checkout / f"{name}.py")))
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(code)
    lend_bytecode(root / "bytecode")
    names = run_environment(corpus, root / "run", NIGHTLAB_SCORING="inline", PYTHONPYCACHEPREFIX=str(root / "bytecode"))
    return call("evaluate.py", checkout, root / "run", **names)


@pytest.mark.slow
def test_an_inline_claim_is_the_same_score_and_is_audited(honest, inline):
    """Summing inside the process with the model gives the score of the pipe, after an audit of random rows."""
    result = inline.json("score.json")
    assert (result["scoring"], result["probes"]["audit"] < 1e-3) == ("inline", True)
    assert result["score"] == pytest.approx(honest.scored.json("score.json")["score"], abs=1e-6)


@pytest.mark.slow
def test_bytecode_beside_the_source_is_not_run_where_it_is_kept_elsewhere(inline):
    """With a PYTHONPYCACHEPREFIX of the lab's, neither the harness nor train.py is anything but its source."""
    assert (0, "") == (inline.code, inline.stderr)


# --- The rules one by one: the scorer's own questions to the real servant, in a thread instead of a process ---


@pytest.fixture
def ask(honest: Story, corpus: Path, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Put the evaluator's questions to the honest checkpoint behind a changed train.py; return what it found."""
    import data
    import evaluate
    import predict

    def answer(read: int, write: int) -> None:
        with contextlib.suppress(BrokenPipeError):  # a broken rule ends the talk in the middle of an answer
            predict.serve(read, write)

    def servant(train: Path) -> evaluate.Servant:
        (read, they_write), (they_read, write) = os.pipe(), os.pipe()
        threads.append(threading.Thread(target=answer, args=(they_read, they_write)))
        threads[-1].start()
        load = {
            "op": "load", "train": str(train), "checkpoint": str(honest.trained.folder / "out/checkpoint.pt"),
            "vocabulary": 300, "length": 32, "scale": 1, "seed": 1, "device": "cpu", "trained_length": 32,
            "least_rows": 1,
        }  # fmt: skip
        servants.append(evaluate.Servant(read, write, load))
        return servants[-1]

    def start(
        *edits: tuple[str, str], claims: Callable[[np.ndarray], np.ndarray] | None = None, is_inline: bool = False
    ) -> dict[str, Any]:
        checkout = make_checkout(tmp_path / "checkout", *edits)
        rows = evaluate.evaluation_rows(data.Corpus.open(corpus / "validation"))
        probes = evaluate.Probes(rows)
        answers = probes.ask(servant(checkout / "train.py"))
        scored = servant(checkout / "train.py")
        scored.load(describe=False)
        nats = (evaluate.claimed_nats if is_inline else evaluate.piped_nats)(scored, rows)
        return probes.check(answers, scored, claims(nats) if claims else nats, "cpu", is_inline or claims is not None)

    threads: list[threading.Thread] = []
    servants: list[evaluate.Servant] = []
    yield start
    for each in servants:
        each.close()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(
    ("rule", "logits"),
    [
        pytest.param("causality", "logits + 5 * F.one_hot(tokens.roll(-1, 1), logits.size(-1))", id="peeks"),
        pytest.param(
            "causality", "logits + 0.001 * F.one_hot(tokens.roll(-1, 1), logits.size(-1))", id="peeks a little"
        ),
        pytest.param("batch", "logits + logits.mean(0, keepdim=True)", id="other rows"),
        pytest.param("shape", "logits.mean(-1)", id="a loss"),
        pytest.param("finite", "logits.index_fill(-1, torch.tensor(7), -torch.inf)", id="an infinity"),
        pytest.param("targets", "-9 * logits", id="the unlikely"),
    ],
)
def test_a_model_that_breaks_a_rule_is_caught(ask, rule, logits):
    """By the name of its rule; also a next token that raises its own logit by less than rounding, but every time."""
    import data

    with pytest.raises(data.Failure, match=f"^{rule}: ") as caught:
        ask((LOGITS, f"        return {logits}\n"))
    assert data.EXIT_INTEGRITY == caught.value.code


def test_a_model_that_reads_the_targets_of_its_caller_is_caught(ask):
    """Where rows come with their targets, a model that finds those gains nothing: it is asked again without them."""
    import data

    read = (
        "        frame = sys._getframe()\n"
        "        while frame is not None and 'claim' not in frame.f_locals:\n            frame = frame.f_back\n"
        "        if frame is not None and frame.f_locals['claim']:\n"
        "            logits = logits + 9 * F.one_hot(frame.f_locals['tokens'][:, 1:], logits.size(-1))\n"
    )
    with pytest.raises(data.Failure, match=r"^audit: ") as caught:
        ask((LOGITS, read + LOGITS), is_inline=True)
    assert data.EXIT_INTEGRITY == caught.value.code


@pytest.mark.parametrize("claims", [lambda nats: 0.5 * nats, lambda nats: nats - 0.001], ids=["half", "a little less"])
def test_a_false_inline_claim_is_caught(ask, claims):
    """Claimed nats that are smaller than the audited rows' are caught, even each by less than rounding may be."""
    import data

    with pytest.raises(data.Failure, match=r"^audit: rows asked for again differ"):
        ask(claims=claims)


def test_an_honest_model_breaks_no_rule(ask):
    """Asked in the same way, the unchanged train.py is far from every limit."""
    facts = ask()
    assert [True] * 5 == [facts[name] < 1e-4 for name in ("causality", "batch", "audit", "leak", "bias")]


def test_a_constant_added_to_all_scores_of_a_place_changes_nothing():
    """The soft-max is the scorer's: of a place's logits only the differences count."""
    import evaluate

    dice = np.random.default_rng(1)
    logits = dice.normal(size=(4, 8, 300)).astype(np.float32)
    targets, shifts = dice.integers(300, size=(4, 8)), dice.integers(-50, 50, size=(4, 8, 1)).astype(np.float32)
    assert np.allclose(
        evaluate.cross_entropy(logits.copy(), targets), evaluate.cross_entropy(logits + shifts, targets), atol=1e-4
    )


def test_the_charge_is_compared_with_the_scored_models_count():
    """FLOPs that the built model takes and the run was not charged for break the clock rule, whatever its matrices."""
    import data
    import evaluate

    with pytest.raises(data.Failure, match=r"^clock: charged for 1,000 FLOPs per token, the scored model takes 2,000"):
        evaluate.check_model({"flops_per_token": 2000, "initial": "a"}, {"flops_per_token": 1000, "initial": "a"})


def test_a_buffer_is_among_the_numbers_at_the_start():
    """All that a checkpoint holds is hashed: a buffer that was trained before the start breaks the seed rule."""
    import data
    import torch

    model = torch.nn.Linear(2, 2)
    model.register_buffer("memory", torch.zeros(3, dtype=torch.float16))
    before = data.parameters_hash(model)
    model.memory += 1
    assert before != data.parameters_hash(model)


def test_a_train_py_that_patches_the_harness_is_caught(checkout, trained, evaluate):
    """Replacing the FLOP counter at import breaks the harness rule, and no score is written."""
    patch = "import data\n\ndata.flops_per_token = lambda *a: 1\n"
    scored = evaluate(checkout(("import data\n", patch)))
    assert (scored.code, scored.first_error) == (
        4,
        "invalid: harness: train.py changes the harness: data.flops_per_token",
    )
    assert not (trained / "score.json").exists()


def test_a_run_of_another_seed_or_budget_is_not_scored(honest, trained, evaluate):
    """The receipt must be of the run that the lab asked for."""
    seed = evaluate(honest.checkout, NIGHTLAB_SEED="2")
    budget = evaluate(honest.checkout, NIGHTLAB_BUDGET="2 GFLOP")
    assert (seed.code, seed.first_error) == (4, "invalid: receipt: seed is 1, the lab asked for 2")
    assert (budget.code, budget.first_error[:51]) == (4, "invalid: receipt: budget is [4000000000.0, 'flop'],"[:51])


def test_a_checkpoint_changed_after_the_end_is_not_scored(honest, trained, evaluate):
    """The checkpoint's hash is in the receipt."""
    with (trained / "out/checkpoint.pt").open("ab") as file:
        file.write(b"x")
    scored = evaluate(honest.checkout)
    assert (scored.code, scored.first_error[:17]) == (4, "invalid: receipt:")


def test_a_training_without_referee_is_not_scored(honest, trained, evaluate):
    """A checkpoint that no referee vouches for has no score."""
    (trained / "out/receipt.json").unlink()
    scored = evaluate(honest.checkout)
    assert (scored.code, scored.first_error) == (4, "invalid: receipt: the referee left none; train.py ran without it")


@pytest.mark.parametrize("op", ["logits", "nats"])
def test_few_rows_are_asked_in_a_batch_of_full_size(op):
    """On a GPU every forward pass has one shape: rows are repeated, and the answers are those of the rows asked for."""
    import predict
    import torch

    model = torch.nn.Embedding(11, 11)
    shapes: list[torch.Size] = []
    model.register_forward_pre_hook(lambda _, inputs: shapes.append(inputs[0].shape))
    rows = np.arange(3 * 5, dtype=np.int32).reshape(3, 5) % 11
    question = {"op": op, "rows": 3, "length": 5 - (op == "nats")}
    padded, alone = (predict.predict(model, "cpu", least, question, io.BytesIO(rows.tobytes())) for least in (8, 1))
    assert (padded, [shape[0] for shape in shapes]) == (alone, [8, 3])


@pytest.mark.slow
def test_a_tokenizer_of_another_vocabulary_is_named(honest, trained, evaluate, corpus, tmp_path):
    """Validation data of another tokenizer than the training's are refused in one line."""
    shutil.copytree(corpus / "validation", tmp_path / "other")
    meta = json.loads((tmp_path / "other/meta.json").read_text())
    (tmp_path / "other/meta.json").write_text(json.dumps({**meta, "vocabulary": 512}))
    scored = evaluate(honest.checkout, NIGHTLAB_VALIDATION=str(tmp_path / "other"))
    assert (scored.code, "another vocabulary: 300 and 512" in scored.first_error) == (1, True)


@pytest.mark.slow
def test_validation_tokens_that_were_changed_are_refused(honest, trained, evaluate, corpus, tmp_path):
    """A wrong checksum of the validation tokens ends the evaluation in one line."""
    shutil.copytree(corpus / "validation", tmp_path / "other")
    path: Path = tmp_path / "other/tokens.bin"
    path.write_bytes(b"\0\0" + path.read_bytes()[2:])
    scored = evaluate(honest.checkout, NIGHTLAB_VALIDATION=str(tmp_path / "other"))
    assert (scored.code, "has a wrong checksum" in scored.first_error) == (1, True)
