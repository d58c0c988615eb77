"""The question before the same is done to all that are marked: a numbered list, and one answer for it."""

from __future__ import annotations

from collections.abc import Mapping

from tui.series import Order
from tui.sheets.sheet import Question


def question(title: str, singles: Mapping[str, Question]) -> Question:
    """Return what is asked of all at once, from what would be asked of each alone, by its name.

    What is true of all of them stands once, below the list.
    """
    asked = tuple(singles.values())
    pins = tuple(pin for each in asked for pin in each.pins)
    if reasons := [text for each in asked if not each.yes for _, text in each.facts]:
        return Question(title, tuple(("so", reason) for reason in reasons), "", pins)
    shared = [fact for fact in asked[0].facts if all(fact in each.facts for each in asked)]
    own = {
        name: "; ".join(text for fact in each.facts if fact not in shared for text in fact[1:])
        for name, each in singles.items()
    }
    facts = [(str(place), f"{name}: {text}") for place, (name, text) in enumerate(own.items(), 1)]
    order = ("order", "as listed; the first that is refused ends it, and what was done before stays done")
    orders = tuple(Order(name, each.verb, each.arguments) for name, each in singles.items())
    return Question(title, (*facts, *shared, order), asked[0].yes, pins, orders=orders)
