"""Edits of what the model computes, and of where its numbers start.

A new weight starts where the model is what it was before, as far as the idea allows. A weight that is no matrix joins
the groups of AdamW by a line of its own, so that edits of this kind can follow one another.
"""

from __future__ import annotations

from agentcore.agents.structure.edit import Edit, Step, after, before, swap, without, wrap

_ACTIVATION = "F.relu(self.up(norm(x))).square()"
_ACTIVATION_NAME = "squared ReLU (Primer, arXiv 2109.08668)"
_BLOCK_FORWARD = "    def forward(self, x: Tensor, x0: Tensor, tokens: Tensor,"
_ATTENTION_DECLARED = "        # A second source of values that depends on the token alone"
_GPT_DECLARED = "        frequency = ROPE_BASE **"
_BLOCK_ATTENDS = "        x = x + self.attention("
_STREAM_READY = "            rotary = self.cos[:length]"
_QKV = "        q, k, v = self.query(x).view(shape), self.key(x).view(shape), self.value(x).view(shape)\n"
_IDENTITY_START = """\
        for block in self.blocks:  # each layer begins as the identity
            nn.init.zeros_(block.attention.out.weight)
            nn.init.zeros_(block.down.weight)
"""
_HEAD_START = "        nn.init.normal_(self.head.weight, std=HEAD_STD)\n"
_UNIFORM = """\
        bound = MATRIX_STD * (3 / module.in_features) ** 0.5  # uniform: no outliers at the start
        nn.init.uniform_(module.weight, -bound, bound)
"""


def _single(weights: str) -> Step:
    """Let AdamW learn some single numbers at SCALAR_LR."""
    return before("    taken = {id(p) for p in", f"    single += {weights}\n")


def _activation(name: str, code: str) -> tuple[Step, ...]:
    return swap(_ACTIVATION, code), swap(_ACTIVATION_NAME, name)


def _gated(name: str, function: str) -> tuple[Step, ...]:
    method = f"""\
    def gated(self, x: Tensor) -> Tensor:
        return {function}(self.gate(x)) * self.up(x)

"""
    return (
        swap(
            "        hidden = int(MLP_RATIO * width)\n",
            "        hidden = int(MLP_RATIO * width * 2 / 3) // 8 * 8  # three matrices with the numbers of two\n",
        ),
        after(
            "        self.up = nn.Linear(width, hidden, bias=False)\n",
            "        self.gate = nn.Linear(width, hidden, bias=False)\n",
        ),
        before(_BLOCK_FORWARD, method),
        *_activation(f"{name} (arXiv 2002.05202)", "self.gated(norm(x))"),
    )


_MLP = (
    Edit(
        "mlp-gelu",
        "MLP: squared ReLU → GELU (smooth, so that no channel dies)",
        ("architecture",),
        _activation("GELU", "F.gelu(self.up(norm(x)))"),
    ),
    Edit(
        "mlp-relu",
        "MLP: squared ReLU → ReLU (gradients that do not shrink with the activation)",
        ("architecture", "efficiency"),
        _activation("ReLU", "F.relu(self.up(norm(x)))"),
    ),
    Edit(
        "mlp-swiglu",
        "MLP: squared ReLU → SwiGLU (gating helps at equal parameters)",
        ("architecture",),
        _gated("SwiGLU", "F.silu"),
    ),
    Edit(
        "mlp-reglu",
        "MLP: squared ReLU → ReGLU (its square, with a factor of its own)",
        ("architecture",),
        _gated("ReGLU", "F.relu"),
    ),
)

_ATTENTION = (
    Edit(
        "attention-sharpness",
        "Attention: learned scale per head (normalised queries cannot sharpen by themselves)",
        ("architecture",),
        (
            before(_ATTENTION_DECLARED, "        self.sharpness = nn.Parameter(torch.ones(self.heads, 1))\n"),
            before("        y = attend(", "        q = q * self.sharpness.to(q.dtype)\n"),
            _single("[b.attention.sharpness for b in model.blocks]"),
        ),
    ),
    Edit(
        "attention-gate",
        "Attention: output gate per head (a head can say nothing instead of attending to a sink)",
        ("architecture",),
        (
            before(_ATTENTION_DECLARED, "        self.gate = nn.Linear(width, self.heads, bias=False)\n"),
            before(
                "        return self.out(y.transpose(1, 2)",
                "        y = y * (2 * torch.sigmoid(self.gate(x))).transpose(1, 2).unsqueeze(-1)  # 1 at the start\n",
            ),
            after(
                "    elif isinstance(module, Attention):\n",
                "        nn.init.zeros_(module.gate.weight)\n",
            ),
            before(
                "    single = [b.x0_weight for b",
                "    gates += [b.attention.gate.weight for b in model.blocks]\n",
            ),
        ),
    ),
    Edit(
        "shared-keys",
        "Attention: two query heads share keys and values (fewer FLOPs a token, more steps)",
        ("efficiency", "architecture"),
        (
            swap(
                "        self.key = nn.Linear(width, width, bias=False)\n"
                "        self.value = nn.Linear(width, width, bias=False)\n",
                "        self.sharing = 2 if self.heads % 2 == 0 else 1  # query heads per head of keys and values\n"
                "        self.key = nn.Linear(width, width // self.sharing, bias=False)\n"
                "        self.value = nn.Linear(width, width // self.sharing, bias=False)\n",
            ),
            swap(
                _QKV,
                "        few = (rows, length, self.heads // self.sharing, HEAD_DIM)\n"
                "        q = self.query(x).view(shape)\n"
                "        k = self.key(x).view(few).repeat_interleave(self.sharing, dim=2)\n"
                "        v = self.value(x).view(few).repeat_interleave(self.sharing, dim=2)\n",
            ),
        ),
    ),
    Edit(
        "fused-qkv",
        "Attention: one matrix for queries, keys and values (fewer lines, one larger product)",
        ("simplification", "efficiency"),
        (
            swap(
                "        self.query = nn.Linear(width, width, bias=False)\n"
                "        self.key = nn.Linear(width, width, bias=False)\n"
                "        self.value = nn.Linear(width, width, bias=False)\n",
                "        self.qkv = nn.Linear(width, 3 * width, bias=False)\n",
            ),
            swap(_QKV, "        q, k, v = self.qkv(x).view(rows, length, self.heads, 3 * HEAD_DIM).chunk(3, dim=-1)\n"),
        ),
    ),
)

_STREAM = (
    Edit(
        "sandwich-norm",
        "Blocks: norm after attention and MLP too (no layer can drown the others)",
        ("architecture",),
        (wrap("self.attention", "norm"), wrap("self.down", "norm")),
    ),
    Edit(
        "parallel-block",
        "Blocks: attention and MLP side by side (one step of depth less to learn through)",
        ("architecture", "efficiency"),
        (
            swap(_BLOCK_ATTENDS, "        attended = self.attention("),
            swap("        return x + self.down(", "        return x + attended + self.down("),
            swap("attention, then an MLP with", "attention, and beside it an MLP with"),
        ),
    ),
    Edit(
        "residual-gain",
        "Blocks: learned weight of the stream (each layer decides how much of the past it keeps)",
        ("architecture",),
        (
            before("        self.x0_weight = nn.Parameter(", "        self.keep = nn.Parameter(torch.ones(()))\n"),
            before("        if self.x0_weight is not None:\n", "        x = self.keep * x\n"),
            _single("[b.keep for b in model.blocks]"),
        ),
    ),
    Edit(
        "previous-token",
        "Embedding: a learned part of the token before (pairs of tokens without attention)",
        ("architecture",),
        (
            before(_GPT_DECLARED, "        self.previous = nn.Parameter(torch.zeros(()))\n"),
            before(_STREAM_READY, "            x = x0 = x + self.previous * F.pad(x, (0, 0, 1, -1))\n"),
            _single("[model.previous]"),
        ),
    ),
)

_HEAD = (
    Edit(
        "tied-head",
        "Head: the token embedding's own matrix (half the numbers, each learned from both ends)",
        ("architecture", "simplification"),
        (
            before(_GPT_DECLARED, "        self.head.weight = self.embedding.weight\n"),
            swap('        {"params": [model.embedding.weight], "lr": EMBEDDING_LR * to_width},\n', ""),
            without("EMBEDDING_LR"),
            swap(
                "# Learning rate of the value embeddings, likewise",
                "# Learning rate of the value embeddings (AdamW) at width 768; it scales with 1 / sqrt(width)",
            ),
            swap(
                "# Learning rate of the output head (AdamW), likewise",
                "# Learning rate of embedding and head, likewise",
            ),
        ),
    ),
    Edit(
        "head-bias",
        "Head: learned bias per token (frequencies need no matrix)",
        ("architecture",),
        (
            swap(
                "        self.head = nn.Linear(width, vocabulary, bias=False)\n",
                "        self.head = nn.Linear(width, vocabulary)\n        nn.init.zeros_(self.head.bias)\n",
            ),
            swap("[model.head.weight]", "[model.head.weight, model.head.bias]"),
        ),
    ),
    Edit(
        "final-gain",
        "Head: learned scale per channel after the last norm (channels need not weigh the same)",
        ("architecture",),
        (
            before(_GPT_DECLARED, "        self.gain = nn.Parameter(torch.ones(width))\n"),
            swap("self.head(norm(x))", "self.head(norm(x) * self.gain)"),
            _single("[model.gain]"),
        ),
    ),
    Edit(
        "no-final-norm",
        "Head: no norm before it (the stream's size can tell how sure the model is)",
        ("architecture",),
        (swap("self.head(norm(x))", "self.head(x)"),),
    ),
    Edit(
        "no-soft-cap",
        "Head: no soft cap (one constant less, and sure predictions cost nothing)",
        ("simplification", "efficiency"),
        (
            without("SOFT_CAP"),
            swap("return SOFT_CAP * torch.tanh(logits / SOFT_CAP) if SOFT_CAP else logits", "return logits"),
        ),
    ),
)

_START = (
    Edit(
        "zero-head",
        "Start: head at zero (the first steps learn frequencies, without noise)",
        ("initialisation", "simplification"),
        (
            without("HEAD_STD"),
            swap(_HEAD_START, "        nn.init.zeros_(self.head.weight)\n"),
        ),
    ),
    Edit(
        "no-identity-start",
        "Start: layers begin with all their matrices (fewer lines, gradients everywhere at once)",
        ("initialisation", "simplification"),
        (swap(_IDENTITY_START, ""),),
    ),
    Edit(
        "depth-scaled-start",
        "Start: outputs of layers at 1 / sqrt(2 depth) instead of zero (gradients everywhere at once)",
        ("initialisation",),
        (
            swap(
                _IDENTITY_START,
                "        for block in self.blocks:  # together they add as much as the stream has (GPT-2)\n"
                "            block.attention.out.weight.data *= (2 * depth) ** -0.5\n"
                "            block.down.weight.data *= (2 * depth) ** -0.5\n",
            ),
        ),
    ),
    Edit(
        "orthogonal-start",
        "Start: orthogonal matrices (Muon's updates are orthogonal too)",
        ("initialisation",),
        (
            swap(
                _UNIFORM,
                "        outputs, inputs = module.weight.shape\n"
                "        nn.init.orthogonal_(module.weight, MATRIX_STD * max(1.0, outputs / inputs) ** 0.5)\n",
            ),
        ),
    ),
)

MODEL = (*_MLP, *_ATTENTION, *_STREAM, *_HEAD, *_START)
