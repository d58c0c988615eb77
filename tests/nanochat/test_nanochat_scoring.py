"""The score: right to 1e-6, and not to be had by cheating."""

from __future__ import annotations

import base64
import io
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest

FORWARD = "    def forward(self, tokens: Tensor) -> Tensor:\n        length = tokens.size(1)\n"
LOGITS = "        return SOFT_CAP * torch.tanh(logits / SOFT_CAP) if SOFT_CAP else logits\n"


def test_the_score_agrees_with_one_computed_by_hand(honest, corpus):
    """Bits per byte equal a plain double-precision computation from the checkpoint and the decoded text, to 1e-6."""
    checkout, _, scored = honest
    import torch

    sys.path.append(str(checkout))
    import predict

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


def test_unnormalised_scores_gain_nothing(checkout, trained, evaluate):
    """A model that returns sevens for everything is scored as what it is: uniform over the vocabulary."""
    scored = evaluate(checkout((LOGITS, "        return torch.full_like(logits, 7.0)\n")))
    # Equal scores for all are no worse than chance: the rule on targets does not fire on equality.
    result = scored.json("score.json")
    assert result["score"] == pytest.approx(math.log2(300) * result["tokens"] / result["bytes"], abs=1e-6)


def test_a_model_that_peeks_at_the_next_token_is_caught(checkout, trained, evaluate):
    """Logits that depend on later tokens break the causality rule, and no score is written."""
    peek = "        return logits + 5 * F.one_hot(tokens.roll(-1, 1), logits.size(-1))\n"
    scored = evaluate(checkout((LOGITS, peek)))
    assert (scored.code, scored.first_error.partition(": ")[2][:10]) == (4, "causality:")
    assert not (trained / "score.json").exists()


@pytest.mark.slow
def test_a_model_that_peeks_a_little_is_caught(checkout, trained, evaluate):
    """A next token that raises its own logit by less than rounding may, but every time, breaks the causality rule."""
    peek = "        return logits + 0.001 * F.one_hot(tokens.roll(-1, 1), logits.size(-1))\n"
    scored = evaluate(checkout((LOGITS, peek)))
    assert (scored.code, scored.first_error.partition(": ")[2][:10]) == (4, "causality:")


def test_a_model_that_looks_at_other_rows_is_caught(checkout, trained, evaluate):
    """Logits that depend on the rest of the batch break the batch rule."""
    scored = evaluate(checkout((LOGITS, "        return logits + logits.mean(0, keepdim=True)\n")))
    assert (scored.code, scored.first_error[:15]) == (4, "invalid: batch:")


@pytest.mark.slow
def test_logits_of_another_shape_are_refused(checkout, trained, evaluate):
    """A loss in the place of logits breaks the shape rule."""
    scored = evaluate(checkout((LOGITS, "        return logits.mean(-1)\n")))
    assert (scored.code, scored.first_error[:15]) == (4, "invalid: shape:")


@pytest.mark.slow
def test_logits_that_are_not_finite_are_refused(checkout, trained, evaluate):
    """A single infinity in the logits breaks the finite rule."""
    edit = "        logits[..., 7] = -torch.inf\n        return logits\n"
    scored = evaluate(checkout((LOGITS, edit)))
    assert (scored.code, scored.first_error[:16]) == (4, "invalid: finite:")


def test_a_score_written_by_agent_code_does_not_count(checkout, trained, evaluate):
    """Code that overwrites the score file while the model is asked is overwritten in turn, with the true score."""
    path = str(trained / "score.json")
    write = f"        open({path!r}, 'w').write('{{\"score\": 0.1}}')\n        print('val_bpb 0.1')\n"
    scored = evaluate(checkout((FORWARD, FORWARD + write)))
    assert scored.code == 0, scored.stderr
    assert scored.json("score.json")["score"] > 0.5


@pytest.mark.slow
def test_agent_code_is_not_told_where_the_validation_data_or_the_score_are(checkout, trained, evaluate):
    """The process with the model has no variable of the lab in its environment and only its own pipes."""
    spy = (
        "        import os; names = [n for n in os.environ if n.startswith('NIGHTLAB')]\n"
        "        files = [os.readlink(f'/proc/self/fd/{f}') for f in os.listdir('/proc/self/fd') if int(f) > 2]\n"
        "        assert not names, names\n"
        "        assert all('pipe' in f or f.endswith('/fd') or '/proc/' in f for f in files), files\n"
    )
    spy = spy.replace("os.readlink(f'/proc/self/fd/{f}')", "read(f)")
    helper = (
        "import os\n\n\ndef read(fd: str) -> str:\n    try:\n        return os.readlink(f'/proc/self/fd/{fd}')\n"
        "    except OSError:\n        return '/proc/'\n\n\ndef norm(x"
    )
    scored = evaluate(checkout((FORWARD, FORWARD + spy), ("def norm(x", helper)))
    assert scored.code == 0, scored.stderr


def test_a_train_py_that_patches_the_harness_is_caught(checkout, trained, evaluate):
    """Replacing the FLOP counter at import breaks the harness rule."""
    patch = "import data\n\ndata.flops_per_token = lambda *a: 1\n"
    scored = evaluate(checkout(("import data\n", patch)))
    assert (scored.code, scored.first_error) == (
        4,
        "invalid: harness: train.py changes the harness: data.flops_per_token",
    )


def test_a_run_of_another_seed_or_budget_is_not_scored(honest, trained, evaluate):
    """The receipt must be of the run that the lab asked for."""
    seed = evaluate(honest[0], NIGHTLAB_SEED="2")
    budget = evaluate(honest[0], NIGHTLAB_BUDGET="2 GFLOP")
    assert (seed.code, seed.first_error) == (4, "invalid: receipt: seed is 1, the lab asked for 2")
    assert (budget.code, budget.first_error[:51]) == (4, "invalid: receipt: budget is [4000000000.0, 'flop'],"[:51])


def test_a_checkpoint_changed_after_the_end_is_not_scored(honest, trained, evaluate):
    """The checkpoint's hash is in the receipt."""
    with (trained / "out/checkpoint.pt").open("ab") as file:
        file.write(b"x")
    scored = evaluate(honest[0])
    assert (scored.code, scored.first_error[:17]) == (4, "invalid: receipt:")


def test_a_training_without_referee_is_not_scored(honest, trained, evaluate):
    """A checkpoint that no referee vouches for has no score."""
    (trained / "out/receipt.json").unlink()
    scored = evaluate(honest[0])
    assert (scored.code, scored.first_error) == (4, "invalid: receipt: the referee left none; train.py ran without it")


def test_the_charge_is_compared_with_the_checkpoint_itself(honest, trained, evaluate):
    """FLOPs below what the checkpoint's matrices cost are noticed without asking any agent code."""
    receipt = json.loads((trained / "out/receipt.json").read_text())
    (trained / "out/receipt.json").write_text(json.dumps({**receipt, "flops_per_token": 1000}))
    scored = evaluate(honest[0])
    assert (scored.code, scored.first_error[:50]) == (4, "invalid: clock: charged for 1,000 FLOPs per token,"[:50])
    assert "checkpoint's matrices" in scored.first_error


@pytest.mark.slow
def test_an_inline_claim_is_the_same_score_and_is_audited(honest, trained, evaluate):
    """Summing inside the process with the model gives the score of the pipe, after an audit of random rows."""
    scored = evaluate(honest[0], NIGHTLAB_SCORING="inline")
    assert scored.code == 0, scored.stderr
    result = scored.json("score.json")
    assert (result["scoring"], result["probes"]["audit"] < 1e-3) == ("inline", True)
    assert result["score"] == pytest.approx(honest[2].json("score.json")["score"], abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("smaller", ["* (0.5 if k else 1)", "- (0.001 if k else 0)"])
def test_a_false_inline_claim_is_caught(checkout, trained, evaluate, smaller):
    """Claimed nats that are smaller than the audited rows' are caught, even each by less than rounding may be."""
    forge = f"import data\n\nhonest = F.cross_entropy\nF.cross_entropy = lambda *a, **k: honest(*a, **k) {smaller}\n"
    scored = evaluate(checkout(("import data\n", forge)), NIGHTLAB_SCORING="inline")
    assert (scored.code, scored.first_error[:15]) == (4, "invalid: audit:")


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
    import shutil

    shutil.copytree(corpus / "validation", tmp_path / "other")
    meta = json.loads((tmp_path / "other/meta.json").read_text())
    (tmp_path / "other/meta.json").write_text(json.dumps({**meta, "vocabulary": 512}))
    scored = evaluate(honest[0], NIGHTLAB_VALIDATION=str(tmp_path / "other"))
    assert (scored.code, "another vocabulary: 300 and 512" in scored.first_error) == (1, True)


@pytest.mark.slow
def test_validation_tokens_that_were_changed_are_refused(honest, trained, evaluate, corpus, tmp_path):
    """A wrong checksum of the validation tokens ends the evaluation in one line."""
    import shutil

    shutil.copytree(corpus / "validation", tmp_path / "other")
    path: Path = tmp_path / "other/tokens.bin"
    path.write_bytes(b"\0\0" + path.read_bytes()[2:])
    scored = evaluate(honest[0], NIGHTLAB_VALIDATION=str(tmp_path / "other"))
    assert (scored.code, "has a wrong checksum" in scored.first_error) == (1, True)
