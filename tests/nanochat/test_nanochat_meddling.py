"""One run whose train.py tries everything at once that must have no effect: a fact for each attempt, left in a file.

Training and scoring it takes as long as each attempt alone would, and its training must end with the very bits of the
honest run.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from tests.nanochat.runs import Story, make_checkout, tell

pytestmark = pytest.mark.slow

BEFORE = """\
    import os, subprocess, time
    os.environ["NIGHTLAB_BUDGET"] = "400 GFLOP"
    time.monotonic = time.time = time.process_time = lambda: 0.0
    import evaluate, referee
    evaluate.check_receipt = evaluate.check_model = evaluate.cross_entropy = referee.Referee.receipt = lambda *a: {}
    referee.cpu_s = lambda: 0.0
    run = data.Run.from_environment()
    data.sha256 = lambda path: "forged"
    fact(run.out, "environment", [n for n in os.environ if n.startswith("NIGHTLAB") and n != "NIGHTLAB_BUDGET"])
"""
AFTER = """\
    run.save(model)
    print("val_bpb 0.1")
    (run.out / "receipt.json").write_text('{"tokens": 1}')
    (run.out / "receipt.part").symlink_to(run.out / "elsewhere")
    (run.out.parent / "score.json").write_text('{"score": 0.1}')
    orphan = subprocess.run(["sh", "-c", "sleep 90 >/dev/null 2>&1 & echo $!"], capture_output=True, check=True)
    fact(run.out, "orphan", int(orphan.stdout))
"""
FORWARD = """\
        if __name__ == "train":  # as the scorer imports it
            import os
            print("val_bpb 0.1")
            for name in ("score.json", "out/receipt.json"):
                Path(FOLDER, name).write_text('{"score": 0.1, "seed": 1}')
            fact(Path(FOLDER), "scoring", [n for n in os.environ if n.startswith(("NIGHTLAB", "NANOCHAT"))])
            fact(Path(FOLDER), "files", sorted({link(fd) for fd in os.listdir("/proc/self/fd") if int(fd) > 2} - {""}))
            return torch.full((*tokens.shape, VOCABULARY), 1e30)
"""
HELPERS = """\
FOLDER, VOCABULARY = {folder!r}, 300


def fact(folder, name, what):
    import json
    with open(folder / name, "a") as file:
        file.write(json.dumps(what) + "\\n")


def link(fd):
    import os
    try:
        return os.readlink("/proc/self/fd/" + fd).partition(":")[0]
    except OSError:  # the list of files was one of them
        return ""


def norm(x"""


@pytest.fixture(scope="module")
def meddled(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """A run of a train.py that meddles in its training, and whose model meddles in its scoring."""
    root = tmp_path_factory.mktemp("meddled")
    signature = "    def forward(self, tokens: Tensor) -> Tensor:\n"
    edits = (
        ("    run = data.Run.from_environment()\n", BEFORE),
        ("    run.save(model)\n", AFTER),
        (signature, signature + FORWARD),
        ("def norm(x", HELPERS.format(folder=str(root / "run"))),
    )
    checkout = make_checkout(root / "checkout", *edits)
    for name in ("queue.py", "random.py", "struct.py"):
        (checkout / name).write_text("raise SystemExit('shadowed')\n")
    return tell(corpus, checkout, root / "run")


def facts(told: Story, name: str) -> list[Any]:
    """Return what train.py saw, each time that it looked."""
    return [json.loads(line) for line in (told.trained.folder / name).read_text().splitlines()]


def test_a_file_named_like_a_standard_module_shadows_nothing(meddled: Story) -> None:
    """queue.py and random.py beside train.py do not break the imports of torch, neither in training nor in scoring."""
    assert [(0, ""), (0, "")] == [(each.code, each.stderr) for each in (meddled.trained, meddled.scored)]


def test_the_child_is_told_nothing_by_the_environment(meddled: Story) -> None:
    """No variable of the lab reaches train.py, not even those of a researcher's own shell."""
    assert [[]] == facts(meddled, "out/environment")


def test_changing_the_clock_changes_nothing(honest: Story, meddled: Story) -> None:
    """A larger budget in the environment, a clock that stands still: train.py is served what the lab asked for."""
    assert honest.trained.json("out/receipt.json")["tokens"] == meddled.scored.json("score.json")["training"]["tokens"]


def test_the_same_seed_gives_the_same_bits(honest: Story, meddled: Story) -> None:
    """Checkpoints of one seed are equal to the last bit, whatever else train.py does."""
    checkpoints = [told.scored.json("score.json")["training"]["checkpoint"] for told in (honest, meddled)]
    assert checkpoints[0] == checkpoints[1]


def test_a_receipt_written_by_agent_code_does_not_count(honest: Story, meddled: Story) -> None:
    """The referee writes last and its own counts, through no link, with no function that train.py has replaced."""
    exact = ("seed", "budget", "data", "flops_per_token", "initial", "batches", "tokens", "flops", "ended_by")
    first, second = (told.scored.json("score.json")["training"] for told in (honest, meddled))
    assert [first[name] for name in exact] == [second[name] for name in exact]


def test_what_a_run_leaves_behind_is_ended_before_the_receipt(meddled: Story) -> None:
    """A process without a parent cannot touch the checkpoint after the end: it is gone."""
    assert [False] == [Path(f"/proc/{pid}").exists() for pid in facts(meddled, "out/orphan")]


def test_a_score_written_or_printed_by_agent_code_does_not_count(meddled: Story) -> None:
    """It is overwritten in turn, also where the model writes it while it is asked; and a printed one is only a line."""
    assert 0.1 != meddled.scored.json("score.json")["score"]


def test_unnormalised_scores_gain_nothing(meddled: Story) -> None:
    """A model that returns 1e30 for everything is scored as what it is: uniform over the vocabulary."""
    # Equal scores for all are no worse than chance: the rule on targets does not fire on equality.
    result = meddled.scored.json("score.json")
    assert result["score"] == pytest.approx(math.log2(300) * result["tokens"] / result["bytes"], abs=1e-6)


def test_agent_code_is_not_told_where_the_validation_data_or_the_score_are(meddled: Story) -> None:
    """The processes with the model have no variable of the lab in their environment."""
    assert {"[]"} == {str(names) for names in facts(meddled, "scoring")}


def test_the_processes_with_the_model_have_only_their_own_pipes(meddled: Story) -> None:
    """No other open file: not the validation text's, nor the score's."""
    assert [["pipe"]] * len(facts(meddled, "scoring")) == facts(meddled, "files")
