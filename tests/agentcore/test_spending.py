"""Tokens are added up as they are, dollars by the table; a price that is not known is never too low."""

from __future__ import annotations

from dataclasses import fields

import pytest

from agentcore.brief.spending import Price, Spending, Usage, _table, price_of

MILLION = 1_000_000


def price(model: str, **override: float) -> Price:
    """Return a price that is known."""
    found = price_of(model, override)
    assert found is not None
    return found


# --- Which price ---


@pytest.mark.parametrize(
    ("model", "output"),
    [
        ("claude-opus-4", 75.0),
        ("claude-opus-4-20250514", 75.0),
        ("claude-opus-4-5", 25.0),
        ("claude-opus-4-5-20251101", 25.0),
        ("claude-opus-5", 25.0),
        ("claude-opus-5-5", 20.0),
        ("claude-sonnet-5-5-20261101", 10.0),
        ("claude-haiku-5-5", 2.5),
    ],
)
def test_the_longest_name_that_fits_counts(model: str, output: float) -> None:
    """A date behind a name changes nothing, a version does."""
    assert output == price(model).output


@pytest.mark.parametrize("model", ["claude-opus-6", "claude-3-haiku-20240307", "claude-", "claude-haiku-55"])
def test_an_unknown_member_of_the_family_costs_what_the_dearest_does(model: str) -> None:
    """In every column: the limit of money then holds too early and not too late."""
    dearest = price(model)
    assert [max(getattr(each, column.name) for each in _table().values()) for column in fields(Price)] == [
        getattr(dearest, column.name) for column in fields(Price)
    ]


@pytest.mark.parametrize("model", ["", "local-llama", "gpt-5", "Claude-opus-5", "us.anthropic.claude-opus-5"])
def test_a_model_of_somebody_else_has_no_price(model: str) -> None:
    """It is no guess of ours; lab.toml may tell one."""
    assert price_of(model) is None


def test_every_price_in_the_table_is_complete_and_in_order() -> None:
    """Reading from the cache is cheapest, writing to it dearer than reading, an hour dearer than five minutes."""
    assert [] == [
        name
        for name, each in _table().items()
        if not 0 < each.cache_read < each.input < each.cache_write < each.cache_write_1h < each.output
    ]


# --- A price of lab.toml's ---


def test_an_override_wins_over_the_table() -> None:
    """Also for a model that has a price."""
    assert 1.0 == price("claude-opus-5", input=1.0, output=2.0).input


def test_an_override_is_completed_by_the_usual_factors() -> None:
    """Cache reads a tenth, writes a quarter more, for an hour twice as much as input."""
    assert Price(10.0, 50.0, 1.0, 12.5, 20.0) == price("local", input=10.0, output=50.0)


def test_what_an_override_tells_is_not_completed() -> None:
    """Zero is a price too."""
    given = {"input": 10.0, "output": 50.0, "cache_read": 0.0, "cache_write": 3.0, "cache_write_1h": 4.0}
    assert Price(10.0, 50.0, 0.0, 3.0, 4.0) == price("local", **given)


def test_an_empty_override_is_none() -> None:
    """lab.toml has an empty table unless it says more."""
    assert (price("claude-opus-5"), None) == (price_of("claude-opus-5", {}), price_of("local", {}))


# --- What it costs ---


def test_every_kind_of_token_has_its_price() -> None:
    """A million of each."""
    usage = Usage(input=MILLION, cache_write=MILLION, cache_write_1h=MILLION, cache_read=MILLION, output=MILLION)
    assert 5.0 + 6.25 + 10.0 + 0.5 + 25.0 == pytest.approx(price("claude-opus-5").of(usage))


def test_nothing_costs_nothing() -> None:
    """To the cent."""
    assert 0.0 == price("claude-opus-5").of(Usage())


def test_tokens_are_all_tokens() -> None:
    """Read, written to and read from the cache, and answered."""
    assert 1 + 20 + 300 + 4000 + 50_000 == Usage(1, 20, 300, 4000, 50_000).tokens


def test_spending_adds_up() -> None:
    """Tokens by their kind, dollars and turns."""
    one, other = Spending(Usage(1, 2, 3, 4, 5), 0.5, 1), Spending(Usage(10, 20, 30, 40, 50), 0.25, 2)
    assert Spending(Usage(11, 22, 33, 44, 55), 0.75, 3) == one + other
