"""How do secrets stay inside? Every text that leaves the engine loses the ones that it knows, and what looks like one.

Requests to a model, transcripts, commit messages and events pass through here. A known value is found in the forms in
which it travels (plain, base64, percent-encoded); credentials that nobody told us of by the shapes of the providers.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterable, MutableMapping
from urllib.parse import quote, quote_plus

from worktrees.text import printable

NAMES = re.compile(
    r"(API_?KEY|AUTH_?TOKEN|ACCESS_?TOKEN|_TOKEN(?![A-Z])|SECRET|PASSWORD|CREDENTIAL|CUSTOM_HEADERS)", re.IGNORECASE
)
"""Environment variables whose value is taken for a secret."""

SHORTEST = 8
"""A shorter value would blot out innocent text."""

_SHAPES = re.compile(
    r"sk-ant-[\w-]{16,}"  # Anthropic
    r"|(?<![A-Za-z0-9])sk-(?:proj-)?[A-Za-z0-9_-]{32,}"  # OpenAI and those that copied it; no task-of-many-words
    r"|hf_[A-Za-z0-9]{20,}"  # Hugging Face
    r"|gh[opsur]_[A-Za-z0-9]{30,}|github_pat_\w{30,}"  # GitHub
    r"|glpat-[\w-]{20,}"  # GitLab
    r"|(?:AKIA|ASIA)[0-9A-Z]{16}"  # AWS
    r"|AIza[\w-]{35}"  # Google
    r"|xox[abeoprs]-[\w-]{10,}"  # Slack
    r"|(?:wandb_v1_|WANDB_API_KEY=)[\w-]{20,}"  # Weights & Biases
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
)

LEFT_OUT = "[secret left out]"


class Scrubber:
    """Knows the lab's secrets and takes them out of texts."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        bare = {secret.strip() for secret in secrets}
        forms = {form for secret in bare if len(secret) >= SHORTEST for form in _forms(secret)}
        longest_first = sorted(forms, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if forms else None

    def clean(self, text: str) -> str:
        """Return `text` without secrets, terminal escapes and control characters; newlines stay.

        An escape may stand inside a secret (``grep --color``), a secret may hold what is taken out: hence both orders.
        """
        return self.scrub(printable(self.scrub(text)))

    def scrub(self, text: str) -> str:
        """Return `text` without secrets and otherwise as it was."""
        if self._known:
            text = self._known.sub(LEFT_OUT, text)
        return _SHAPES.sub(LEFT_OUT, text)


def take_secrets(environment: MutableMapping[str, str] = os.environ, also: str = "") -> dict[str, str]:
    """Remove every variable that holds a secret, and the one named `also`, from the environment; return them by name.

    What the engine starts afterwards cannot inherit them.
    """
    found = [name for name in environment if NAMES.search(name) or name == also]
    return {name: environment.pop(name) for name in found}


def _forms(secret: str) -> Iterable[str]:
    raw = secret.encode("utf-8", "surrogateescape")  # a variable may hold any bytes
    yield from (secret, quote(raw, safe=""), quote(raw), quote_plus(raw))
    for shift in range(3):  # inside a longer text a value's base64 depends on where it begins
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            coded = encode(bytes(shift) + raw).decode().rstrip("=")
            yield coded[4 if shift else 0 : -1]
