"""Edits of how the model is trained: optimizer, schedule, batches.

An edit that needs a number adds it as a constant with its range, in the section where it belongs: once such an edit is
on trunk, its number is searched like any other.
"""

from __future__ import annotations

from agentcore.agents.structure.edit import Edit, Step, after, at_least, before, importing, swap

_DECAY = '            torch._foreach_mul_(matrices, 1 - group["lr"] * WEIGHT_DECAY)\n'
_RATE = """\
            outputs, inputs = update.shape[-2:]
            rate = group["lr"] * max(1.0, outputs / inputs) ** 0.5
"""
_FALL = "(1 - FINAL_LR) * (1 - progress) / WARM_DOWN"
_NEWTON_SCHULZ = """\
    for _ in range(NEWTON_SCHULZ_STEPS):
        square = x @ x.mT
"""
_STEPS_TAKEN = "        factor = lr_factor(batch.progress)\n"
_STEP_LOGGED = "        run.log(step, total)\n"


def _optimizer_constant(comment: str, line: str) -> Step:
    return before("\n# --- Schedule, in parts of the budget ---\n", f"# {comment}\n{line}\n")


def _schedule_constant(comment: str, line: str) -> Step:
    return before("\n\ndef norm(x: Tensor) -> Tensor:\n", f"# {comment}\n{line}\n")


_OPTIMIZER = (
    Edit(
        "cautious-decay",
        "Muon: weight decay only where the step shrinks a weight anyway (it never fights the gradient)",
        ("optimizer",),
        (
            at_least("WEIGHT_DECAY", 0.2),
            swap(
                _DECAY,
                "            agree = (update * torch.stack(matrices) > 0).to(gradient.dtype)  # arXiv 2510.12402\n"
                '            torch._foreach_mul_(matrices, list((1 - group["lr"] * WEIGHT_DECAY * agree).unbind()))\n',
            ),
        ),
    ),
    Edit(
        "normalised-muon",
        "Muon: rows of the update at equal size (orthogonal columns leave rows that hardly move)",
        ("optimizer",),
        (
            before(
                "            outputs, inputs = update.shape[-2:]\n",
                "            power = update.to(gradient.dtype).square().mean(dim=-1, keepdim=True)  # of each row\n"
                '            spread = state.setdefault("spread", torch.zeros_like(power))\n'
                "            spread.lerp_(power, 1 - ADAM_BETA2)\n"
                "            size = update.norm(dim=(-2, -1), keepdim=True)\n"
                "            update = update / (spread.sqrt() + 1e-7)  # NorMuon, arXiv 2510.05491\n"
                "            update = update * (size / (update.norm(dim=(-2, -1), keepdim=True) + 1e-7))\n",
            ),
        ),
    ),
    Edit(
        "momentum-warm-up",
        "Muon: momentum rises at the start (the first gradients are soon out of date)",
        ("optimizer", "schedule"),
        (
            _schedule_constant(
                "Muon's momentum rises by 0.1 to its value during this part (0.02 to 0.5).", "MOMENTUM_WARM_UP = 0.1"
            ),
            swap("average.lerp_(gradient, 1 - MOMENTUM)", 'average.lerp_(gradient, 1 - group["momentum"])'),
            swap("gradient.lerp(average, MOMENTUM)", 'gradient.lerp(average, group["momentum"])'),
            after(
                '                group["lr"] = group["full_lr"] * factor\n',
                "                missing = 0.1 * max(0.0, 1 - batch.progress / MOMENTUM_WARM_UP)\n"
                '                group["momentum"] = MOMENTUM - missing\n',
            ),
        ),
    ),
    Edit(
        "clip-gradients",
        "Gradients: clipped to a norm (one odd batch cannot spoil the averages)",
        ("optimizer",),
        (
            _optimizer_constant("Gradients are scaled down to this norm (0.1 to 10).", "CLIP = 1.0"),
            before(_STEPS_TAKEN, "        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)\n"),
        ),
    ),
    Edit(
        "polar-express",
        "Muon: Newton-Schulz coefficients that change by step (closer to orthogonal in as many steps)",
        ("optimizer",),
        (
            before(
                "def orthogonal(x: Tensor) -> Tensor:\n",
                "POLAR = (  # by step, the last one for all further ones: Polar Express, arXiv 2505.16932\n"
                "    (8.156554524902461, -22.48329292557795, 15.878769915207462),\n"
                "    (4.042929935166739, -2.808917465908714, 0.5000178451051316),\n"
                "    (3.8916678022926607, -2.772484153217685, 0.5060648178503393),\n"
                "    (3.285753657755655, -2.3681294933425376, 0.46449024233003106),\n"
                "    (2.3465413258596377, -1.7097828382687081, 0.42323551169305323),\n"
                ")\n\n\n",
            ),
            swap("a quintic iteration (coefficients: Keller Jordan 2024).", "quintic iterations."),
            swap("    a, b, c = 3.4445, -4.7750, 2.0315\n", ""),
            swap(
                "    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)\n",
                "    x = x / (1.02 * x.norm(dim=(-2, -1), keepdim=True) + 1e-7)\n",
            ),
            swap(
                _NEWTON_SCHULZ,
                "    for step in range(NEWTON_SCHULZ_STEPS):\n"
                "        a, b, c = POLAR[min(step, len(POLAR) - 1)]\n"
                "        square = x @ x.mT\n",
            ),
        ),
    ),
    Edit(
        "no-shape-factor",
        "Muon: one rate for matrices of every shape (fewer lines)",
        ("simplification", "optimizer"),
        (swap(_RATE, ""), swap("alpha=-rate)", 'alpha=-group["lr"])')),
    ),
    Edit(
        "z-loss",
        "Loss: squared log-partition too (logits that do not drift away)",
        ("optimizer",),
        (
            _optimizer_constant("Weight of the squared log-partition in the loss (1e-5 to 0.01).", "Z_LOSS = 1e-4"),
            swap(
                "        return F.cross_entropy(self(tokens).flatten(0, 1), targets.flatten())\n",
                "        logits = self(tokens).flatten(0, 1)\n"
                "        drift = logits.logsumexp(dim=-1).square().mean()  # PaLM, arXiv 2204.02311\n"
                "        return F.cross_entropy(logits, targets.flatten()) + Z_LOSS * drift\n",
            ),
            swap(
                '"""Mean cross-entropy in nats per token."""',
                '"""Mean cross-entropy in nats per token, and the drift."""',
            ),
        ),
    ),
    Edit(
        "average-weights",
        "Weights: their running average is saved (what the last steps only shake about cancels out)",
        ("optimizer", "schedule"),
        (
            _schedule_constant(
                "Part of the way that the saved average goes to the weights in one step (0.02 to 0.5).",
                "AVERAGE_RATE = 0.2",
            ),
            before(
                "    gc.collect()\n    gc.freeze()\n",
                "    weights = [each.data for each in model.parameters()]\n"
                "    average = [each.clone() for each in weights]\n",
            ),
            before(_STEP_LOGGED, "        torch._foreach_lerp_(average, weights, AVERAGE_RATE)\n"),
            before("    run.save(model)\n", "    torch._foreach_copy_(weights, average)\n"),
        ),
    ),
)

_SCHEDULE = (
    Edit(
        "cosine-warm-down",
        "Warm-down: linear → cosine (the full rate a little longer, a gentle end)",
        ("schedule",),
        (
            importing("math"),
            swap(_FALL, "(1 - FINAL_LR) * (1 - math.cos(math.pi * (1 - progress) / WARM_DOWN)) / 2"),
        ),
    ),
    Edit(
        "sqrt-warm-down",
        "Warm-down: linear → 1 - sqrt (most of the fall at once: arXiv 2405.18392)",
        ("schedule",),
        (swap(_FALL, "(1 - FINAL_LR) * (1 - (1 - (1 - progress) / WARM_DOWN) ** 0.5)"),),
    ),
    Edit(
        "square-warm-down",
        "Warm-down: linear → squared (longer at small rates)",
        ("schedule",),
        (swap(_FALL, "(1 - FINAL_LR) * ((1 - progress) / WARM_DOWN) ** 2"),),
    ),
)

_BATCHES = (
    Edit(
        "batch-warm-up",
        "Batches: a quarter at first, whole ones later (early gradients need no average)",
        ("data", "schedule"),
        (
            _schedule_constant("Batches are a quarter of BATCH during this part (0.05 to 0.9).", "SMALL_BATCHES = 0.3"),
            swap(
                "    rows = max(1, min(BATCH, micro_batch) // SEQUENCE)\n",
                "    rows = max(1, min(BATCH // 4, micro_batch) // SEQUENCE)\n",
            ),
            swap(
                "    step, total = 0, torch.zeros((), device=run.device)\n",
                "    step, held, due, total = 0, 0, 1, torch.zeros((), device=run.device)\n",
            ),
            swap(
                "        loss = loss_of(batch.inputs, batch.targets) / accumulate\n",
                "        if held == 0:\n"
                "            due = accumulate if batch.progress >= SMALL_BATCHES else max(1, accumulate // 4)\n"
                "        loss = loss_of(batch.inputs, batch.targets) / due\n",
            ),
            swap(
                "        if (batch.index + 1) % accumulate:\n            continue\n",
                "        held = (held + 1) % due\n        if held:\n            continue\n",
            ),
        ),
    ),
    Edit(
        "hidden-tokens",
        "Batches: a token in twenty is hidden (text that is read again is not learned by heart)",
        ("data",),
        (
            before(
                "\n# --- Optimizer ---\n\n# ",
                "# Part of the input tokens that is hidden while training (0.01 to 0.3).\nHIDDEN = 0.05\n",
            ),
            before(
                "            rotary = self.cos[:length]",
                "            if self.training:\n"
                "                x = x0 = x * (torch.rand(tokens.shape, device=x.device) >= HIDDEN).unsqueeze(-1)\n",
            ),
        ),
    ),
)

TRAINING = (*_OPTIMIZER, *_SCHEDULE, *_BATCHES)
