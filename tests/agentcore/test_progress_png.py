"""The lab's course as a PNG: the same figure as the SVG, drawn by a library that need not be there."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import pytest

from agentcore.results.progress import Progress, course
from agentcore.results.progress_png import png

plotter = pytest.importorskip("matplotlib.image", reason="matplotlib (the extra report) is not installed here")

GREEN, GREY, WHITE = (44, 194, 149), (154, 154, 154), (255, 255, 255)

KNOWN = [(1, 0.99, True), (2, 0.98, False), (3, 0.97, True), (4, 9.0, False), (5, None, False), (6, 0.975, False)]
IDEAS = {1: "halve the batch", 3: "cost $5 and $6_{x}$ \x1b[31m [b]bold[/b] ü 批"}


def pixels(progress: Progress, ideas: Mapping[int, str] = IDEAS) -> Any:
    """Return the picture as numbers from 0 to 255."""
    return (plotter.imread(BytesIO(png(progress, ideas, "val_bpb"))) * 255).round().astype(int)


def near(picture: Any, colour: tuple[int, int, int]) -> int:
    """Return how many pixels have nearly that colour."""
    return int((abs(picture[:, :, :3] - list(colour)).max(axis=2) < 12).sum())


@pytest.mark.filterwarnings("ignore:Glyph")
def test_it_has_its_size_and_what_was_kept_in_green() -> None:
    """1440 by 720; no text from a model is read as a formula; what lies far outside is drawn at the edge."""
    picture = png(course(KNOWN, 1.0, True), IDEAS, "val_bpb")
    assert (b"\x89PNG", (1440, 720)) == (picture[:4], struct.unpack(">II", picture[16:24]))
    seen = pixels(course(KNOWN, 1.0, True))
    assert near(seen, GREEN) > 1000
    assert near(seen, WHITE) > 700_000


def test_ideas_stand_beside_their_dots() -> None:
    """With words there is more ink, and only to the right of what was kept."""
    one = course(KNOWN[:1], 1.0, True)
    bare, told = pixels(one, {}), pixels(one, {1: "halve the batch"})
    changed = (bare != told).any(axis=(0, 2)).nonzero()[0]
    assert len(changed) > 50
    assert changed.min() > 100


def test_without_a_score_it_says_so() -> None:
    """No dot, no line, no error."""
    assert 0 == near(pixels(Progress()), GREEN)


def test_a_metric_that_rises_rises() -> None:
    """The best line goes up: its green lies higher at the right than at the left."""
    seen = pixels(course([(1, 0.1, True), (2, 0.5, True), (3, 0.9, True)], 0.1, False), {})
    green = abs(seen[:, :, :3] - list(GREEN)).max(axis=2) < 12
    rows, columns = green.nonzero()
    assert rows[columns < 200].mean() > rows[columns > 1100].mean()
