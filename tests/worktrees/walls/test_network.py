"""A command reaches nobody: not the internet, not the machine's services, not the lab."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from tests.worktrees.walls.inside import network
from tests.worktrees.walls.rooms import Room


@pytest.mark.parametrize("attempt", network.attempts("", 0, ""))
def test_nobody_is_reached(tries: Callable[[str], dict[str, str]], attempt: str) -> None:
    """No family of sockets leads out."""
    assert "refused" == tries("network")[attempt]


def test_a_command_may_talk_to_itself(room: Room) -> None:
    """Pairs of sockets work everywhere, a loopback of its own where there is a namespace for it."""
    script = """if True:
    import socket
    one, other = socket.socketpair()
    one.send(b"pair")
    print(other.recv(9).decode())
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        print("loopback", socket.gethostbyname(socket.gethostname()))
    """
    done = room.run(sys.executable, "-I", "-S", "-c", script)
    expected = "pair\nloopback 127.0.0.1\n" if room.backend == "full" else "pair\n"
    assert expected == done.stdout, done.stderr


def test_with_network_a_command_reaches_the_host(room: Room) -> None:
    """A policy with network shares the host's: the control for all of the above."""
    script = f"import socket; socket.create_connection(('localhost', {room.ports['port']}), 5); print('reached')"
    done = room.run(sys.executable, "-I", "-S", "-c", script, network=True)
    assert "reached\n" == done.stdout, done.stderr
