"""Answer token rows with logits. Frozen; started by evaluate.py, the only process that runs agent code while scoring.

    python -P predict.py READ,WRITE [READ,WRITE …]

It imports torch, then forks one servant for each pair of pipes, before any agent code is loaded: so no servant knows
what another one saw, and its start costs nothing. A servant gets rows of tokens and returns what the model says about
them. It never sees where the score goes.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

sys.path.append(str(Path(__file__).resolve().parent))  # at the end: a file named queue.py must not shadow the real one

import data
import numpy as np
import torch


def main() -> None:
    os.dup2(2, 1)  # what agent code prints is no answer
    pairs = [tuple(map(int, pair.split(","))) for pair in sys.argv[1:]]
    servants = []
    for pair in pairs:
        pid = os.fork()
        if pid == 0:
            for other in pairs:
                if other != pair:
                    os.close(other[0])
                    os.close(other[1])
            serve(*pair)
            return
        servants.append(pid)
    for reader, writer in pairs:
        os.close(reader)
        os.close(writer)
    for pid in servants:
        os.waitpid(pid, 0)


def serve(reader: int, writer: int) -> None:
    """Answer questions until the pipe is closed."""
    with os.fdopen(reader, "rb") as questions, os.fdopen(writer, "wb") as answers:
        model: torch.nn.Module | None = None
        device, least_rows = "cpu", 1
        while True:
            try:
                question = data.receive(questions)
            except EOFError:
                return
            payload = b""
            try:
                if question["op"] == "weigh":
                    answer = weigh(question)
                elif question["op"] == "load":
                    device, least_rows = question["device"], question["least_rows"]
                    model, answer = load(question)
                else:
                    answer, payload = predict(model, device, least_rows, question, questions)
            except Exception as error:  # agent code may raise anything; the scorer needs it in one line
                answer = {"error": f"{type(error).__name__}: {error}".partition("\n")[0][:300]}
            data.send(answers, answer)
            answers.write(payload)
            answers.flush()


def weigh(question: dict[str, Any]) -> dict[str, Any]:
    """Return the shapes in a checkpoint, without agent code in the process that says so."""
    state = torch.load(question["checkpoint"], map_location="cpu", weights_only=True, mmap=True)
    return {"shapes": [list(tensor.shape) for tensor in state.values()]}


def load(question: dict[str, Any]) -> tuple[torch.nn.Module, dict[str, Any]]:
    """Build the model from its seed, describe it as it was before training, then load the checkpoint into it."""
    device = question["device"]
    data.settle(device)
    harness = dict(vars(data))
    train = import_file(Path(question["train"]))
    shape = (question["vocabulary"], question["length"], question["scale"], question["seed"])
    model = data.build(train.build_model, *shape, device)
    if changed := [name for name, value in vars(data).items() if harness.get(name) is not value]:
        return model, {"tampered": changed}
    answer: dict[str, Any] = {}
    if question["describe"]:
        counted = data.build(train.build_model, *shape, "cpu") if device == "cuda" else model
        answer = {
            "initial": data.parameters_hash(model),
            "flops_per_token": data.flops_per_token(counted, question["trained_length"]),
        }
    state = torch.load(question["checkpoint"], map_location=device, weights_only=True)
    model.load_state_dict(state)
    return model.eval(), answer


def import_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("train", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["train"] = module
    spec.loader.exec_module(module)
    return module


@torch.no_grad()
def predict(
    model: torch.nn.Module | None, device: str, least_rows: int, question: dict[str, Any], questions: BinaryIO
) -> tuple[dict[str, Any], bytes]:
    """Return float32 logits [rows, length, vocabulary], or with op "nats" the nats of each target [rows, length].

    Rows arrive as int32; for "nats" they have one token more, and the sum over the vocabulary is done here, in frozen
    code but beside agent code: evaluate.py treats those nats as a claim and audits random rows by their logits.
    Fewer rows than `least_rows` are repeated up to it, and the answers to the repeated ones left out.
    """
    rows, length = question["rows"], question["length"]
    claim = question["op"] == "nats"
    raw = np.frombuffer(questions.read(4 * rows * (length + claim)), dtype=np.int32).reshape(rows, length + claim)
    if model is None:
        raise RuntimeError("no model is loaded")
    tokens = torch.from_numpy(raw.astype(np.int64)).to(device)
    inputs = tokens[:, :length].repeat(-(-least_rows // rows), 1)[: max(rows, least_rows)].contiguous()
    result = model(inputs)
    if not isinstance(result, torch.Tensor):
        raise TypeError(f"the model returned {type(result).__name__}, not a tensor of logits")
    result = result.detach().float()
    if rows < least_rows:
        result = result[:rows]
    if claim:
        result = torch.nn.functional.cross_entropy(result.flatten(0, 1), tokens[:, 1:].flatten(), reduction="none")
        result = result.view(rows, length)
    values = result.cpu().contiguous().numpy()
    return {"shape": list(values.shape), "bytes": values.nbytes}, values.tobytes()


if __name__ == "__main__":
    main()
