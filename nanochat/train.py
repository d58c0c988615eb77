"""Train a small GPT for a fixed budget and save it. The one file that agents edit.

Read it from top to bottom: constants, model, optimizer, schedule, training. The clock, the data and the seed belong to
the harness (data.py, referee.py). The score is measured afterwards, in another process, by evaluate.py, which builds
the model again with build_model() and asks it for logits. So everything that a checkpoint needs must be in its state
dict, initial values must be drawn inside build_model(), and a row's logits may depend on nothing but its past tokens.
The model must run on a CPU too: there its FLOPs are counted.

The constants are those of the small model; SCALE, set by the harness, multiplies depth and width for a retest. Ranges
in parentheses are where a search may look; nothing enforces them.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

sys.path.append(str(Path(__file__).resolve().parent))  # at the end: a file named queue.py must not shadow the real one

import data

# --- Model ---

# Layers (1 to 12).
DEPTH = 4
# Channels of the residual stream; a multiple of HEAD_DIM.
WIDTH = 64
# Channels of one attention head.
HEAD_DIM = 32
# Hidden channels of an MLP, as a multiple of WIDTH (1 to 8).
MLP_RATIO = 4
# A value embedding in every so many layers, counted from the last: 1 in all, 2 in every other, 0 in none (0 to 2).
VALUE_EMBEDDING_EVERY = 0
# Each layer mixes the embedding x0 back into the stream with a learned weight.
X0_RESIDUAL = False
# Queries and keys are normalised before their product.
QK_NORM = True
# Attention windows by layer, repeated: L sees the whole row, S a part; the last is L (one of: L, SL, SSL, SSSL).
WINDOWS = "L"
# What S sees, as a part of SEQUENCE (0.125 to 0.75).
SHORT_WINDOW = 0.5
# Longest wavelength of the rotary position encoding, tokens / 2 pi (1000 to 200000).
ROPE_BASE = 10000.0
# Logits are squeezed smoothly between minus and plus this; 0 for no cap (0 to 30).
SOFT_CAP = 15.0
# Standard deviation of the token embedding at the start (0.1 to 2).
EMBEDDING_STD = 1.0
# Standard deviation of the output head at the start (0.0001 to 0.05).
HEAD_STD = 0.001
# Standard deviation of a matrix at the start, in units of 1 / sqrt(inputs) (0.3 to 2).
MATRIX_STD = 1.0

# --- Batches ---

# Tokens of a row while training. (Rows of the evaluation are the harness's.)
SEQUENCE = 128
# Tokens between two steps of the optimizer.
BATCH = 4096
# Most tokens of one forward and backward pass; a larger batch is accumulated from several.
MICRO_BATCH = 4096

# --- Optimizer ---

# Learning rate of the matrices (Muon): about the relative change of a matrix in one step (0.005 to 0.2).
MATRIX_LR = 0.02
# Learning rate of the token embedding (AdamW) at width 768; it scales with 1 / sqrt(width) (0.05 to 2).
EMBEDDING_LR = 0.3
# Learning rate of the value embeddings, likewise (0.05 to 2).
VALUE_EMBEDDING_LR = 0.3
# Learning rate of the output head (AdamW), likewise (0.001 to 0.05).
HEAD_LR = 0.004
# Learning rate of the weights of x0 and of other single numbers (AdamW) (0.005 to 0.5).
SCALAR_LR = 0.05
# Muon's momentum (0.8 to 0.99).
MOMENTUM = 0.95
# Newton-Schulz steps with which Muon makes an update orthogonal (3 to 7).
NEWTON_SCHULZ_STEPS = 5
# Weight decay of the matrices, per unit of learning rate (0 to 0.3).
WEIGHT_DECAY = 0.0
# AdamW: decay of the mean of gradients (0.6 to 0.95).
ADAM_BETA1 = 0.8
# AdamW: decay of the mean of squared gradients (0.9 to 0.999).
ADAM_BETA2 = 0.95

# --- Schedule, in parts of the budget ---

# The learning rates rise from 0 during this part (0 to 0.2).
WARM_UP = 0.0
# They fall during this part, the last one (0.1 to 0.9).
WARM_DOWN = 0.5
# They end at this part of their full value (0 to 0.3).
FINAL_LR = 0.0


def norm(x: Tensor) -> Tensor:
    return F.rms_norm(x, (x.size(-1),)).to(x.dtype)  # autocast would leave it in float32


class Attention(nn.Module):
    """Causal self-attention with rotary positions, over the whole row or a sliding window."""

    def __init__(self, width: int, short: bool, value_rows: int) -> None:
        super().__init__()
        self.short = short
        self.heads = width // HEAD_DIM
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        # A second source of values that depends on the token alone (ResFormer, arXiv 2410.17897), mixed in per head.
        self.value_embedding = nn.Embedding(value_rows, width) if value_rows else None
        self.value_gate = nn.Linear(width, self.heads, bias=False) if value_rows else None

    def forward(self, x: Tensor, tokens: Tensor, rotary: tuple[Tensor, Tensor], window: object) -> Tensor:
        rows, length, width = x.shape
        shape = (rows, length, self.heads, HEAD_DIM)
        q, k, v = self.query(x).view(shape), self.key(x).view(shape), self.value(x).view(shape)
        if self.value_embedding is not None and self.value_gate is not None:
            gate = 2 * torch.sigmoid(self.value_gate(x)).unsqueeze(-1)  # [rows, length, heads, 1], 1 at the start
            v = v + gate * self.value_embedding(tokens).view(shape).to(v.dtype)
        q, k = rotate(q, *rotary), rotate(k, *rotary)
        if QK_NORM:
            q, k = norm(q), norm(k)
        y = attend(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), window if self.short else None)
        return self.out(y.transpose(1, 2).reshape(rows, length, width))


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn channel pairs by angles that grow with the position (RoPE, arXiv 2104.09864). [.., length, heads, dim]"""
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, a * sin + b * cos), dim=-1)


def attend(q: Tensor, k: Tensor, v: Tensor, window: object) -> Tensor:
    """Attend causally. [rows, heads, length, HEAD_DIM]; `window` is what sliding_window() returned, or None for all."""
    if window is None:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    if isinstance(window, Tensor):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=window)
    return flex_attention(q, k, v, block_mask=window)


def sliding_window(length: int, device: torch.device) -> object:
    """Describe a window: a dense mask on a CPU; on a GPU blocks, so that torch's flex kernel skips what is not seen."""
    seen = max(1, int(SEQUENCE * SHORT_WINDOW))  # also in longer rows of the evaluation

    def inside(row: Tensor, head: Tensor, q: Tensor, k: Tensor) -> Tensor:
        return (k <= q) & (q - k < seen)

    if device.type == "cuda":
        return create_block_mask(inside, None, None, length, length, device=device)
    position = torch.arange(length, device=device)
    return inside(position, position, position[:, None], position[None, :])


if torch.cuda.is_available():  # an import that a CPU has no use for
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention

    flex_attention = torch.compile(flex_attention, dynamic=False)  # uncompiled it would fill in the whole square


class Block(nn.Module):
    """One layer: attention, then an MLP with squared ReLU (Primer, arXiv 2109.08668), both on a normalised stream."""

    def __init__(self, width: int, short: bool, value_rows: int) -> None:
        super().__init__()
        hidden = int(MLP_RATIO * width)
        self.attention = Attention(width, short, value_rows)
        self.up = nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)
        self.x0_weight = nn.Parameter(torch.zeros(())) if X0_RESIDUAL else None

    def forward(self, x: Tensor, x0: Tensor, tokens: Tensor, rotary: tuple[Tensor, Tensor], window: object) -> Tensor:
        if self.x0_weight is not None:
            x = x + self.x0_weight * x0
        x = x + self.attention(norm(x), tokens, rotary, window)
        return x + self.down(F.relu(self.up(norm(x))).square())


class GPT(nn.Module):
    """A decoder. forward(tokens [rows, length]) returns logits, float32 [rows, length, vocabulary]."""

    def __init__(self, vocabulary: int, depth: int, width: int, longest: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.blocks = nn.ModuleList(
            Block(
                width,
                short=WINDOWS[layer % len(WINDOWS)] == "S" and layer < depth - 1,
                value_rows=vocabulary if has_value_embedding(layer, depth) else 0,
            )
            for layer in range(depth)
        )
        self.head = nn.Linear(width, vocabulary, bias=False)
        frequency = ROPE_BASE ** -(torch.arange(0, HEAD_DIM, 2) / HEAD_DIM)
        angle = torch.outer(torch.arange(longest), frequency)[:, None, :]  # [longest, 1, HEAD_DIM / 2]
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)
        self.windows: dict[int, object] = {}
        self.apply(initialise)
        for block in self.blocks:  # each layer begins as the identity
            nn.init.zeros_(block.attention.out.weight)
            nn.init.zeros_(block.down.weight)
        nn.init.normal_(self.head.weight, std=HEAD_STD)

    def forward(self, tokens: Tensor) -> Tensor:
        length = tokens.size(1)
        window = self.window(length, tokens.device)
        with torch.autocast(tokens.device.type, torch.bfloat16, enabled=tokens.is_cuda):
            x = x0 = norm(self.embedding(tokens).to(torch.bfloat16 if tokens.is_cuda else torch.float32))
            rotary = self.cos[:length].to(x.dtype), self.sin[:length].to(x.dtype)
            for block in self.blocks:
                x = block(x, x0, tokens, rotary, window)
            logits = self.head(norm(x)).float()
        return SOFT_CAP * torch.tanh(logits / SOFT_CAP) if SOFT_CAP else logits

    def window(self, length: int, device: torch.device) -> object:
        """Return the sliding window for rows of a length; made at the first call."""
        if length not in self.windows:
            self.windows[length] = sliding_window(length, device) if "S" in WINDOWS else None
        return self.windows[length]

    def loss(self, tokens: Tensor, targets: Tensor) -> Tensor:
        """Mean cross-entropy in nats per token."""
        return F.cross_entropy(self(tokens).flatten(0, 1), targets.flatten())


def has_value_embedding(layer: int, depth: int) -> bool:
    return VALUE_EMBEDDING_EVERY > 0 and (depth - 1 - layer) % VALUE_EMBEDDING_EVERY == 0


def initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=EMBEDDING_STD)
    elif isinstance(module, Attention):
        if module.value_embedding is not None and module.value_gate is not None:
            nn.init.normal_(module.value_embedding.weight, std=module.out.in_features**-0.5)
            nn.init.zeros_(module.value_gate.weight)
    elif isinstance(module, nn.Linear):
        bound = MATRIX_STD * (3 / module.in_features) ** 0.5  # uniform: no outliers at the start
        nn.init.uniform_(module.weight, -bound, bound)


def build_model(vocabulary: int, length: int, scale: int) -> GPT:
    """Build the model. The harness calls it to train and again, elsewhere, to score rows of `length` tokens."""
    depth, width = DEPTH * scale, WIDTH * scale
    if width % HEAD_DIM:
        raise data.Failure(f"WIDTH {width} is not a multiple of HEAD_DIM {HEAD_DIM}")
    return GPT(vocabulary, depth, width, longest=max(length, SEQUENCE))


# --- Optimizer ---


class Muon(torch.optim.Optimizer):
    """Momentum whose update is made orthogonal: every direction of a matrix moves equally far.

    Keller Jordan et al. 2024, kellerjordan.github.io/posts/muon. Matrices of one shape are updated together.
    """

    def __init__(self, matrices: list[nn.Parameter]) -> None:
        shapes = sorted({matrix.shape for matrix in matrices})
        super().__init__([{"params": [m for m in matrices if m.shape == shape]} for shape in shapes], {"lr": MATRIX_LR})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        for group in self.param_groups:
            matrices = group["params"]
            gradient = torch.stack([matrix.grad for matrix in matrices])  # [matrices, outputs, inputs]
            state = self.state[matrices[0]]
            average = state.setdefault("average", torch.zeros_like(gradient))
            average.lerp_(gradient, 1 - MOMENTUM)
            update = orthogonal(gradient.lerp(average, MOMENTUM))  # Nesterov: look one step ahead
            outputs, inputs = update.shape[-2:]
            rate = group["lr"] * max(1.0, outputs / inputs) ** 0.5
            torch._foreach_mul_(matrices, 1 - group["lr"] * WEIGHT_DECAY)
            torch._foreach_add_(matrices, list(update.to(gradient.dtype).unbind()), alpha=-rate)


def orthogonal(x: Tensor) -> Tensor:
    """Push all singular values of each matrix towards 1 by a quintic iteration (coefficients: Keller Jordan 2024)."""
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = x.size(-2) > x.size(-1)
    x = (x.mT if tall else x).to(torch.bfloat16 if x.is_cuda else torch.float32)
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(NEWTON_SCHULZ_STEPS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x.mT if tall else x


def make_optimizers(model: GPT, scale: int) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the blocks, AdamW for embeddings, head and single numbers."""
    to_width = (WIDTH * scale / 768) ** -0.5
    values = [b.attention.value_embedding.weight for b in model.blocks if b.attention.value_embedding is not None]
    gates = [b.attention.value_gate.weight for b in model.blocks if b.attention.value_gate is not None]
    single = [b.x0_weight for b in model.blocks if b.x0_weight is not None]
    taken = {id(p) for p in (*values, *gates, *single)}
    matrices = [p for p in model.blocks.parameters() if id(p) not in taken]
    groups = [
        {"params": [model.embedding.weight], "lr": EMBEDDING_LR * to_width},
        {"params": values, "lr": VALUE_EMBEDDING_LR * to_width},
        {"params": [model.head.weight], "lr": HEAD_LR * to_width},
        {"params": gates + single, "lr": SCALAR_LR},
    ]
    adam = torch.optim.AdamW(
        [group for group in groups if group["params"]],
        betas=(ADAM_BETA1, ADAM_BETA2),
        eps=1e-10,
        weight_decay=0.0,
        fused=True,
    )
    optimizers = [Muon(matrices), adam]
    for group in (group for optimizer in optimizers for group in optimizer.param_groups):
        group["full_lr"] = group["lr"]
    return optimizers


def lr_factor(progress: float) -> float:
    """Return the part of the full learning rate at a part of the budget: up, level, and down to FINAL_LR."""
    if progress < WARM_UP:
        return progress / WARM_UP
    if progress > 1 - WARM_DOWN:
        return FINAL_LR + (1 - FINAL_LR) * (1 - progress) / WARM_DOWN
    return 1.0


# --- Training ---


def main() -> None:
    global orthogonal
    run = data.Run.from_environment()
    model = run.build(build_model)
    optimizers = make_optimizers(model, run.scale)
    micro_batch = MICRO_BATCH // run.scale**2 if run.device == "cuda" else MICRO_BATCH  # activations grow like scale^2
    rows = max(1, min(BATCH, micro_batch) // SEQUENCE)
    accumulate = max(1, BATCH // (rows * SEQUENCE))
    loss_of = model.loss
    if run.device == "cuda":
        loss_of, orthogonal = torch.compile(model.loss, dynamic=False), torch.compile(orthogonal, dynamic=False)
        warm_up(run, model, loss_of, optimizers, rows)
    gc.collect()
    gc.freeze()
    gc.disable()  # the collector's pauses are longer than a step

    step, total = 0, torch.zeros((), device=run.device)
    for batch in run.batches(model, rows, SEQUENCE):
        loss = loss_of(batch.inputs, batch.targets) / accumulate
        loss.backward()
        total += loss.detach()
        if (batch.index + 1) % accumulate:
            continue
        factor = lr_factor(batch.progress)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["full_lr"] * factor
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        run.log(step, total)
        step, total = step + 1, torch.zeros_like(total)
    run.save(model)


def warm_up(
    run: data.Run,
    model: GPT,
    loss_of: Callable[[Tensor, Tensor], Tensor],
    optimizers: list[torch.optim.Optimizer],
    rows: int,
) -> None:
    """Compile everything on random tokens, before the clock starts and without changing a number of the model."""
    model.window(SEQUENCE, model.cos.device)  # made outside of the compiler
    for _ in range(3):
        batch = run.random_batch(rows, SEQUENCE)
        loss_of(batch.inputs, batch.targets).backward()
    with torch.no_grad():  # as in Muon.step(): with gradients enabled it would be compiled again there
        for group in optimizers[0].param_groups:
            orthogonal(torch.stack([matrix.grad for matrix in group["params"]]))
    model.zero_grad(set_to_none=True)
    torch.cuda.synchronize()


if __name__ == "__main__":
    data.guard(main)
