"""No secret leaves the engine, in whatever form it travels; what is no secret stays as it is."""

from __future__ import annotations

import base64
import random
from urllib.parse import quote, quote_plus

import pytest

from agentcore.brief.scrub import LEFT_OUT, NAMES, Scrubber, take_secrets

SECRET = "a/secret+value with spaces=0123"
"""What percent-encoding and base64 change."""


def scrub(text: str, *secrets: str) -> str:
    """Return a text without these secrets."""
    return Scrubber(secrets or [SECRET]).scrub(text)


# --- What it was told ---


@pytest.mark.parametrize("around", ["{}", "key={}\n", '"{}"', "x{}x", "{0}{0}"])
def test_a_known_value_is_left_out(around: str) -> None:
    """Wherever it stands."""
    assert around.format(LEFT_OUT) == scrub(around.format(SECRET))


@pytest.mark.parametrize("form", [quote, quote_plus, lambda text: quote(text, safe="")], ids=["path", "form", "all"])
def test_a_percent_encoded_value_is_left_out(form: object) -> None:
    """In a path, in a form, and with every character encoded."""
    assert f"?key={LEFT_OUT}&x=1" == scrub(f"?key={form(SECRET)}&x=1")  # type: ignore[operator]


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode], ids=["plain", "urlsafe"])
@pytest.mark.parametrize("before", ["", "x", "xy", "user:", "Basic me:"])
@pytest.mark.parametrize("after", ["", "\n", "zz", "zzz"])
def test_base64_of_a_text_that_holds_it_is_left_out(encode: object, before: str, after: str) -> None:
    """Wherever it begins and ends in it: a header of basic authentication is such a text."""
    secret = SECRET + "?>?>~~"  # whose base64 has both of the letters that differ
    coded = encode((before + secret + after).encode()).decode()  # type: ignore[operator]
    cleaned = scrub(coded, secret)
    assert (True, True) == (LEFT_OUT in cleaned, len(cleaned.replace(LEFT_OUT, "")) <= len(coded) - len(secret))


def test_the_longest_secret_is_left_out_whole() -> None:
    """Where one is the beginning of another, nothing of the longer one stays."""
    assert LEFT_OUT == scrub("abcdefgh-longer", "abcdefgh", "abcdefgh-longer")


def test_a_value_that_ends_with_a_newline_is_known_without_it() -> None:
    """As a file that was read into a variable."""
    assert f"key {LEFT_OUT}." == scrub("key abcdefgh01.", "abcdefgh01\r\n")


@pytest.mark.parametrize("secret", ["", "short", "       a       "])
def test_a_short_value_is_not_searched_for(secret: str) -> None:
    """`true` or `1` as a password would blot out every text."""
    assert f"a {secret} text" == scrub(f"a {secret} text", secret)


def test_characters_of_patterns_are_characters() -> None:
    """A secret is no regular expression."""
    assert (LEFT_OUT, "aaaaaaaaaa") == (scrub("a.*(b|c)[", "a.*(b|c)["), scrub("aaaaaaaaaa", ".*.*.*.*"))


def test_half_a_secret_is_no_secret() -> None:
    """A text that only resembles it stays."""
    assert SECRET[:-1] == scrub(SECRET[:-1])


def test_a_secret_that_is_no_utf8_is_known() -> None:
    """A variable may hold any bytes: the engine starts all the same."""
    assert f"a {LEFT_OUT}" == scrub("a abcdefgh\udcff", "abcdefgh\udcff")


def test_many_secrets_at_once() -> None:
    """Every one of them, in any order."""
    secrets = [f"secret-number-{index:03d}" for index in range(200)]
    random.Random(1).shuffle(secrets)
    assert " ".join([LEFT_OUT] * 200) == scrub(" ".join(secrets), *secrets)


# --- What nobody told it ---

SHAPES = [
    "sk-ant-" + "api03-" + "x" * 40,
    "sk-" + "a1B2" * 10,
    "sk-proj-" + "a1-_" * 12,
    "hf_" + "a1B2" * 8,
    "ghp_" + "a1B2" * 9,
    "ghs_" + "a1B2" * 9,
    "github_pat_" + "a1_B" * 10,
    "glpat-" + "a1-B" * 5,
    "AKIA" + "A1B2" * 4,
    "AIza" + "a1-_B" * 7,
    "xoxb-" + "1234567890-abc",
    "wandb_v1_" + "a1B2" * 6,
]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_credential_is_known_by_its_shape(shape: str) -> None:
    """Also where it stood in no variable of the engine."""
    assert f"found {LEFT_OUT} in a file" == Scrubber().scrub(f"found {shape} in a file")


def test_a_private_key_is_left_out_whole() -> None:
    """Over its lines; the text after it stays."""
    key = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\nBBBB\n-----END OPENSSH PRIVATE KEY-----"
    assert f"a\n{LEFT_OUT}\nb" == Scrubber().scrub(f"a\n{key}\nb")


def test_a_private_key_that_is_cut_off_is_left_out_to_the_end() -> None:
    """An output that was trimmed has no last line of it."""
    assert f"a\n{LEFT_OUT}" == Scrubber().scrub("a\n-----BEGIN RSA PRIVATE KEY-----\nAAAA\nBBBB")


@pytest.mark.parametrize(
    "text",
    [
        "sk-learn and hf_hub and ghost_writer",
        "commit 0123456789abcdef0123456789abcdef01234567",
        "tokens_per_s=9.0 AKIA xoxb-",
        "task-force-of-many-words-joined-by-hyphens",
        "-----BEGIN CERTIFICATE-----\nAAAA",
        "",
    ],
)
def test_innocent_text_stays(text: str) -> None:
    """A commit's name or a word with a hyphen is no credential."""
    assert text == Scrubber([SECRET]).scrub(text)


# --- Cleaning ---


@pytest.mark.parametrize(
    "hidden",
    [
        pytest.param("\x1b[01;31m{}\x1b[m{}", id="grep in colour"),
        pytest.param("{}\x00{}", id="NUL"),
        pytest.param("{}\u200b{}", id="a space without width"),
        pytest.param("{}\x1b]8;;\x07{}", id="a link"),
    ],
)
@pytest.mark.parametrize("secret", [SECRET, SHAPES[0]])
def test_what_is_not_shown_does_not_hide_a_secret(hidden: str, secret: str) -> None:
    """An escape in its middle is taken out, and the secret is whole again: it is searched for afterwards too."""
    text = hidden.format(secret[:10], secret[10:])
    assert LEFT_OUT == Scrubber([SECRET]).clean(text)


def test_a_secret_with_a_control_character_is_known_as_it_is() -> None:
    """It is searched for before anything is taken out of the text."""
    assert LEFT_OUT == Scrubber(["tab\tin\x07side"]).clean("tab\tin\x07side")


def test_cleaning_leaves_lines() -> None:
    """Escapes go, newlines stay."""
    assert "a\nred b" == Scrubber().clean("a\n\x1b[31mred\x1b[0m b\r")


def test_cleaning_twice_changes_nothing_more() -> None:
    """What was left out is no secret itself."""
    once = Scrubber([SECRET, "secret left out"]).clean(f"x {SECRET} y")
    assert once == Scrubber([SECRET]).clean(once)


# --- Taking them ---


@pytest.mark.parametrize(
    "name",
    [
        "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_CUSTOM_HEADERS", "OPENAI_API_KEY", "openai_api_key",
        "HF_TOKEN", "GITHUB_TOKEN", "WANDB_API_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "PGPASSWORD",
        "GOOGLE_APPLICATION_CREDENTIALS", "APIKEY", "ACCESSTOKEN", "MY_TOKEN_2",
    ],
)  # fmt: skip
def test_variables_that_hold_secrets_are_taken(name: str) -> None:
    """Out of the environment, so that nothing that is started later inherits them."""
    environment = {name: "value", "PATH": "/bin"}
    assert ({name: "value"}, {"PATH": "/bin"}) == (take_secrets(environment), environment)


@pytest.mark.parametrize(
    "name", ["PATH", "HOME", "TOKENIZERS_PARALLELISM", "NANOCHAT_TOKENIZER", "ANTHROPIC_BASE_URL", "KEYBOARD", "TERM"]
)
def test_other_variables_stay(name: str) -> None:
    """The path of a tokenizer is no secret, and a text may hold it."""
    assert (None, {}) == (NAMES.search(name), take_secrets({name: "/data/value"}))
