"""Structural edits: each fits today's train.py, leaves the rest alone, goes with others, and trains."""

from __future__ import annotations

import ast
import difflib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agentcore.agents.constants import find, rewrite
from agentcore.agents.structure import EDITS, Edit, applicable, apply
from agentcore.agents.structure.edit import after, at_least, before, importing, swap, without, wrap

NANOCHAT = Path(__file__).parents[2] / "nanochat"
SOURCE = (NANOCHAT / "train.py").read_text(encoding="utf-8")
ONE_PLACE = (
    {"mlp-gelu", "mlp-relu", "mlp-swiglu", "mlp-reglu"},
    {"cosine-warm-down", "sqrt-warm-down", "square-warm-down"},
    {"shared-keys", "fused-qkv"},
    {"final-gain", "no-final-norm"},
    {"depth-scaled-start", "no-identity-start"},
    {"sandwich-norm", "parallel-block"},
    {"no-shape-factor", "normalised-muon"},
)
"""Edits of one line, or of a line that the other removes: they need not follow one another."""

# Small, and with every kind of parameter; a few steps, so that nothing is as it was at the start.
SMALL = {"DEPTH": 2, "SEQUENCE": 32, "BATCH": 512, "MICRO_BATCH": 256, "VALUE_EMBEDDING_EVERY": 2, "MLP_RATIO": 2}
SMALL_TOO = {"X0_RESIDUAL": True, "WINDOWS": "SL", "WARM_DOWN": 0.9}

TRAINER = '''
"""Train files that are named on stdin, through their own main() and the real referee, in a process with one torch."""
import importlib.util, json, os, sys, threading, traceback
sys.path.append(sys.argv[1])
answers, _ = os.fdopen(os.dup(1), "w"), os.dup2(2, 1)
import torch, data, referee

settings = data.Settings.from_environment()
corpus = data.Corpus.open(settings.data)

def load(path):
    spec = importlib.util.spec_from_file_location("train", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

def build(module):
    return data.build(module.build_model, corpus.meta["vocabulary"], corpus.meta["length"], 1, settings.seed, "cpu")

def train(module):
    (questions, out), (into, replies) = os.pipe(), os.pipe()
    os.environ["NIGHTLAB_REFEREE"] = f"{into},{out}"
    clock = referee.Referee(settings, corpus)
    thread = threading.Thread(target=referee.serve, args=(clock, questions, replies))
    thread.start()
    module.main()  # nothing refers to its run any more: that closes the run's end of the pipes
    thread.join()
    return clock.batches

def facts(path):
    module = load(path)
    first, second = build(module), build(module)
    batches = train(module)
    trained = torch.load(settings.out / "checkpoint.pt", weights_only=True)
    moved = [name for name, old in first.state_dict().items() if not torch.equal(old, trained[name])]
    first.load_state_dict(trained)
    first.eval()
    tokens = torch.randint(corpus.meta["vocabulary"], (4, corpus.meta["length"]))
    other = tokens.clone()
    other[:, 20:] = (other[:, 20:] + 1) % corpus.meta["vocabulary"]
    with torch.no_grad():
        logits, later, alone = first(tokens), first(other), first(tokens[:1])
    return {
        "trained": batches >= 4 and any("up" in name or "query" in name or "qkv" in name for name in moved),
        "finite": bool(logits.isfinite().all()) and logits.dtype == torch.float32,
        "same start": data.parameters_hash(second) == data.parameters_hash(build(module)),
        "causal": torch.allclose(logits[:, :20], later[:, :20], atol=1e-4) and not torch.equal(logits, later),
        "rows alone": torch.allclose(logits[:1], alone, atol=1e-4),
    }

for line in sys.stdin:
    try:
        answer = facts(line.strip())
    except BaseException:  # train.py ends by SystemExit where a rule is broken: whatever it is, the test shows it
        answer = {"error": traceback.format_exc()}
    print(json.dumps(answer), file=answers, flush=True)
'''


def changed(edit: Edit, source: str) -> str:
    """Return the source with an edit that must fit."""
    result = apply(edit, source)
    assert result is not None, f"{edit.name} does not fit"
    return result


def together() -> str:
    """Return today's source with every edit that still fits after those before it."""
    source = SOURCE
    for edit in EDITS.values():
        source = apply(edit, source) or source
    return source


@pytest.fixture(scope="module")
def trainer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], dict[str, Any]]]:
    """A process that trains one source after another on a small corpus, and says what it saw."""
    root = tmp_path_factory.mktemp("structure")
    (root / "story").mkdir()
    text = "\n".join(f"In year {year} the {year % 7} ships of {year % 11} kings came home." for year in range(4000))
    (root / "story" / "story.txt").write_text(text)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("NIGHTLAB_", "NANOCHAT_"))}
    environment = {
        **clean,
        "OMP_NUM_THREADS": "1",
        "NANOCHAT_CORPUS": str(root / "story"),
        "NANOCHAT_VOCABULARY": "300",
        "NANOCHAT_LENGTH": "32",
        "NIGHTLAB_DATA_ROOT": str(root / "data"),
        "NIGHTLAB_DATA": str(root / "data" / "train"),
        "NIGHTLAB_OUT": str(root),
        "NIGHTLAB_BUDGET": "1 GFLOP",
        "NIGHTLAB_SEED": "1",
    }
    prepare = [sys.executable, "-P", "prepare.py"]
    subprocess.run(prepare, cwd=NANOCHAT, env=environment, check=True, capture_output=True)
    command = [sys.executable, "-P", "-c", TRAINER, str(NANOCHAT)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with (root / "log").open("w") as log, subprocess.Popen(command, env=environment, stderr=log, **pipes) as child:
        assert child.stdin is not None and child.stdout is not None

        def train(source: str) -> dict[str, Any]:
            (root / "train.py").write_text(rewrite(source, {**SMALL, **SMALL_TOO}))
            print(root / "train.py", file=child.stdin, flush=True)
            answer = child.stdout.readline() if child.stdout else ""
            assert answer, (root / "log").read_text()
            return dict(json.loads(answer))

        yield train
        child.stdin.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", [*EDITS, "all together"])
def test_an_edited_file_trains(trainer: Callable[[str], dict[str, Any]], name: str) -> None:
    """Through its own main(): the loss is finite, the start is repeatable, a row depends on its past tokens alone."""
    facts = trainer(together() if name == "all together" else changed(EDITS[name], SOURCE))
    expected = dict.fromkeys(("trained", "finite", "same start", "causal", "rows alone"), True)
    assert expected == facts, facts.get("error")


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_edit_is_not_applied_twice(edit: Edit) -> None:
    """Once it is on trunk it does not apply any more."""
    assert apply(edit, changed(edit, SOURCE)) is None


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_edit_fits_a_file_of_another_size(edit: Edit) -> None:
    """The constants of the file may be any: of a GPU, or what a night has made of them."""
    constants = {each.name: each.value for each in find(SOURCE)}
    moved = {name: value + 1 for name, value in constants.items() if isinstance(value, float)}
    other = {"DEPTH": 8, "WIDTH": 512, "HEAD_DIM": 128, "WINDOWS": "SSSL", "X0_RESIDUAL": True}
    assert apply(edit, rewrite(SOURCE, {**moved, **other})) is not None


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_edit_keeps_the_line_ends(edit: Edit) -> None:
    """Where they are those of Windows, the new lines have them too."""
    assert changed(edit, SOURCE).replace("\n", "\r\n") == apply(edit, SOURCE.replace("\n", "\r\n"))


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_edit_goes_after_any_other(edit: Edit) -> None:
    """Unless both are about one place."""
    first = changed(edit, SOURCE)
    partners = EDITS.keys() - {edit.name}
    partners = {name for name in partners if not any({edit.name, name} <= place for place in ONE_PLACE)}
    assert set() == partners - applicable(first).keys()


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_edit_is_small(edit: Edit) -> None:
    """One idea, so that a reviewer sees it: no more than fifteen lines are added."""
    lines = difflib.unified_diff(SOURCE.splitlines(), changed(edit, SOURCE).splitlines(), n=0)
    assert 15 >= sum(line.startswith("+") for line in lines) - 1


@pytest.mark.parametrize(
    "edit", [each for each in EDITS.values() if "simplification" in each.directions], ids=lambda each: each.name
)
def test_a_simplification_is_shorter(edit: Edit) -> None:
    """Fewer lines than before."""
    assert len(SOURCE.splitlines()) > len(changed(edit, SOURCE).splitlines())


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_a_new_constant_can_be_searched(edit: Edit) -> None:
    """It has a section and a range, and its value lies in it."""
    known = {each.name for each in find(SOURCE)}
    new = [each for each in find(changed(edit, SOURCE)) if each.name not in known]
    inside = [each.low <= float(each.value) <= each.high for each in new if each.low is not None and each.high]
    assert ([True] * len(new), [True] * len(new)) == (inside, [bool(each.section) for each in new])


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_a_hypothesis_is_one_short_line(edit: Edit) -> None:
    """What changes, and in parentheses why it should help."""
    assert (1, True) == (len(edit.hypothesis.splitlines()), len(edit.hypothesis) < 110 and edit.hypothesis[-1] == ")")


def test_a_file_of_another_project_has_no_place_for_any() -> None:
    """There the agent has the constants alone."""
    assert {} == applicable("RATE = 0.1\n\n\ndef main(): ...\n")


def test_an_edit_that_would_break_the_file_does_not_apply() -> None:
    """What is around its place may not be what it was written for."""
    edit = Edit("test", "", (), (swap("return 1\n", "x = (\n"), without("A")))
    assert apply(edit, "A = 1\n\n\ndef f():\n    return 1\n") is None


@pytest.mark.parametrize(
    ("step", "source", "result"),
    [
        pytest.param(swap("a", "b"), "a\n", "b\n", id="swap"),
        pytest.param(swap("a", "b"), "c\n", None, id="swap what is not there"),
        pytest.param(swap("a", "b"), "a, a\n", None, id="swap what is there twice"),
        pytest.param(before("b\n", "a\n"), "b\n", "a\nb\n", id="before"),
        pytest.param(after("a\n", "b\n"), "a\n", "a\nb\n", id="after"),
        pytest.param(after("a\n", "b\n"), "b\na\n", None, id="after, though it is there"),
        pytest.param(wrap("f", "g"), "x = f(1,\n  h(2))\n", "x = g(f(1,\n  h(2)))\n", id="wrap"),
        pytest.param(wrap("f", "g"), "ä = 'ö', f(1)\n", "ä = 'ö', g(f(1))\n", id="wrap behind wide characters"),
        pytest.param(wrap("f", "g"), "g(f(1))\n", None, id="wrap what is wrapped"),
        pytest.param(wrap("f", "g"), "f(1), f(2)\n", None, id="wrap one of two"),
        pytest.param(without("A"), "# One.\n# More.\nA = 1\nB = 2\n", "B = 2\n", id="without"),
        pytest.param(without("A"), "B = 2\n", None, id="without what is not there"),
        pytest.param(at_least("A", 0.2), "A = 0.1\n", "A = 0.2\n", id="raised"),
        pytest.param(at_least("A", 0.2), "A = 0.3\n", "A = 0.3\n", id="high enough"),
        pytest.param(importing("math"), "import gc\nimport sys\n", "import gc\nimport math\nimport sys\n", id="import"),
        pytest.param(importing("math"), "import gc\nimport math\n", "import gc\nimport math\n", id="imported"),
    ],
)
def test_a_step_touches_what_it_means(step: Callable[[str], str | None], source: str, result: str | None) -> None:
    """One place, or none at all."""
    assert result == step(source)


def test_all_edits_together_still_parse() -> None:
    """As after a long night in which each of them was merged."""
    assert ast.parse(together())
