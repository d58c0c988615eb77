"""Ways to get at other processes, tried from inside. `pid` is a process of the lab."""

import ctypes
import json
import os
import resource
import signal
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
PTRACE_ATTACH = 16


def attempts(pid: int) -> dict:
    """Return what is tried, by name."""

    def call(result):
        if result < 0:
            raise OSError(ctypes.get_errno(), "refused")

    def vector(buffer):
        return (ctypes.c_size_t * 2)(ctypes.addressof(buffer), len(buffer))

    def memory_of(process):
        buffer = ctypes.create_string_buffer(8)
        call(LIBC.process_vm_readv(process, vector(buffer), 1, vector(buffer), 1, 0))

    def handle():
        signal.pidfd_send_signal(os.pidfd_open(pid), 0)

    return {
        "signalling": lambda: os.kill(pid, 0),
        "signalling by a descriptor": handle,
        "tracing": lambda: call(LIBC.ptrace(PTRACE_ATTACH, pid, 0, 0)),
        "tracing the parent": lambda: call(LIBC.ptrace(PTRACE_ATTACH, os.getppid(), 0, 0)),
        "reading its memory": lambda: memory_of(pid),
        "reading its memory by its file": lambda: open(f"/proc/{pid}/mem", "rb").close(),
        "its limits": lambda: resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0)),
        "its place": lambda: os.chdir(f"/proc/{pid}/root/"),
    }


def main() -> None:
    outcomes, facts = {}, json.loads(sys.argv[1])
    for name, action in attempts(facts["pid"]).items():
        try:
            action()
            outcomes[name] = "done"
        except OSError:
            outcomes[name] = "refused"
    outcomes["seen"] = len([name for name in os.listdir("/proc") if name.isdecimal()])
    print(json.dumps(outcomes))


if __name__ == "__main__":
    main()
