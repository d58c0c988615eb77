"""Ways to reach somebody else, tried from inside."""

import json
import socket
import sys

AF_VSOCK, AF_ALG, AF_PACKET, AF_BLUETOOTH, AF_CAN, AF_TIPC, AF_XDP, AF_KEY, AF_RDS = 40, 38, 17, 31, 29, 30, 44, 15, 21
NETLINK_AUDIT, NETLINK_NETFILTER, NETLINK_KOBJECT_UEVENT = 9, 12, 15


def attempts(root: str, port: int, abstract: str) -> dict:
    """Return what is tried, by name."""

    def connect(family, address, kind=socket.SOCK_STREAM):
        with socket.socket(family, kind) as one:
            one.settimeout(2)
            one.connect(address)
            one.send(b"!")

    def family(number, kind=socket.SOCK_DGRAM, protocol=0):
        socket.socket(number, kind, protocol).close()

    return {
        "a listener on the loopback": lambda: connect(socket.AF_INET, ("127.0.0.1", port)),
        "a listener by another of the machine's names": lambda: connect(socket.AF_INET, ("127.7.7.7", port)),
        "the internet": lambda: connect(socket.AF_INET, ("192.0.2.1", 80)),
        "the internet by datagrams": lambda: connect(socket.AF_INET, ("192.0.2.1", 53), socket.SOCK_DGRAM),
        "the internet by IPv6": lambda: connect(socket.AF_INET6, ("2001:db8::1", 80)),
        "the cloud's metadata": lambda: connect(socket.AF_INET, ("169.254.169.254", 80)),
        "the engine's socket": lambda: connect(socket.AF_UNIX, f"{root}/lab/engine.sock"),
        "an abstract socket": lambda: connect(socket.AF_UNIX, f"\0{abstract}"),
        "the system's bus": lambda: connect(socket.AF_UNIX, "/run/dbus/system_bus_socket"),
        "raw packets": lambda: family(socket.AF_INET, socket.SOCK_RAW, 1),
        "the wire": lambda: family(AF_PACKET, socket.SOCK_RAW),
        "the hypervisor": lambda: family(AF_VSOCK, socket.SOCK_STREAM),
        "the kernel's ciphers": lambda: family(AF_ALG, socket.SOCK_SEQPACKET),
        "bluetooth": lambda: family(AF_BLUETOOTH, socket.SOCK_RAW),
        "a car": lambda: family(AF_CAN, socket.SOCK_RAW),
        "a cluster": lambda: family(AF_TIPC),
        "a network card's queues": lambda: family(AF_XDP, socket.SOCK_RAW),
        "IPsec's keys": lambda: family(AF_KEY, socket.SOCK_RAW),
        "reliable datagrams": lambda: family(AF_RDS, socket.SOCK_SEQPACKET),
        "the audit": lambda: family(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_AUDIT),
        "the firewall": lambda: family(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER),
        "the kernel's events": lambda: family(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_KOBJECT_UEVENT),
    }


def main() -> None:
    outcomes, facts = {}, json.loads(sys.argv[1])
    for name, action in attempts(facts["root"], facts["port"], facts["abstract"]).items():
        try:
            action()
            outcomes[name] = "done"
        except OSError:
            outcomes[name] = "refused"
    print(json.dumps(outcomes))


if __name__ == "__main__":
    main()
