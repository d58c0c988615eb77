"""The one line of a terminal that is too small for a screen."""

from __future__ import annotations

from agentcore import format as fmt
from tui.follow import Scene
from tui.layout import MIN_HEIGHT, MIN_WIDTH
from tui.lines import Line, wrap
from tui.theme import Theme
from tui.widgets.pane import Pane


class SmallPane(Pane):
    """How the lab stands, and what size a screen needs."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="small", frame="bare")
        self.scene: Scene | None = None

    def body(self, width: int, height: int) -> list[Line]:
        """Return the sentence."""
        counts = standing(self.scene) if self.scene else ""
        size = self.app.size
        text = f"nightlab: {counts}. Needs {MIN_WIDTH}x{MIN_HEIGHT}, is {size.width}x{size.height}"
        return [((f" {part}", "text"),) for part in wrap(text, width - 2)]


def standing(scene: Scene) -> str:
    """Return the lab in one phrase: `2 run, 1 think, trunk .9789`."""
    states: dict[str, int] = {}
    for row in scene.overview.rows:
        word = "run" if row.run is not None else row.state.lower()
        states[word] = states.get(word, 0) + 1
    parts = [f"{number} {word}" for word, number in sorted(states.items(), key=lambda pair: -pair[1])]
    trunk = scene.overview.trunk
    parts.append(f"trunk {fmt.score(trunk.score)}" if trunk and trunk.score is not None else "no trunk number yet")
    if count := len(scene.overview.needs):
        parts.append(f"{count} {'needs' if count == 1 else 'need'} you")
    return ", ".join(parts)
