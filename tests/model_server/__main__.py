"""How is the scripted model started by hand? It prints what to export, and serves until it is interrupted."""

from __future__ import annotations

import argparse
import signal

from tests.model_server.scenarios import SCENARIOS
from tests.model_server.server import ModelServer


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    names = "\n".join(f"  {name:18}{scenario.says}" for name, scenario in SCENARIOS.items())
    parser = argparse.ArgumentParser(
        prog="python -m tests.model_server",
        description="A scripted model behind the Messages API, on loopback.",
        epilog=f"scenarios (good*5 plays five in a row):\n{names}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=0, help="0 for a free one")
    parser.add_argument("--scenarios", default="good", help="comma-separated, played in turn by new conversations")
    parser.add_argument("--think", type=float, default=0.0, metavar="SECONDS", help="what a whole conversation takes")
    parser.add_argument("--stall", type=float, default=60.0, metavar="SECONDS", help="what stall and ping_stall take")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)  # before the thread starts, which inherits it
    try:
        server = ModelServer(
            chosen.scenarios.split(","),
            port=chosen.port,
            think_s=chosen.think,
            stall_s=chosen.stall,
            seed=chosen.seed,
        )
    except ValueError as error:
        parser.error(str(error))
    with server:
        print(f"export ANTHROPIC_BASE_URL={server.url} ANTHROPIC_API_KEY=scripted", flush=True)
        signal.sigwait(ends)


if __name__ == "__main__":
    main()
