"""Give this process its walls, then become the command: the start of backend `reduced`, see `landlock`.

    python -I -S launcher.py SETTING... -- PROGRAM ARGUMENT...

It runs before every command, so it imports almost nothing, and nothing of ours. Anything that fails ends it with code
125 before the program starts: no walls, no command.
"""

import ctypes
import os
import sys

# linux/landlock.h, linux/prctl.h, linux/seccomp.h, linux/capability.h; the numbers are the same on both machines
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
SECCOMP, CAPSET = {"x86_64": (317, 126), "aarch64": (277, 91)}.get(os.uname().machine, (0, 0))
CREATE_RULESET_VERSION, PATH_BENEATH, SET_MODE_FILTER = 1, 1, 1
PR_SET_KEEPCAPS, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 8, 24, 38, 47, 2
LEAST_ABI = 3
"""Before Linux 6.2 Landlock does not see that a file is emptied."""
RIGHTS_OF_ABI = {3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
TCP, SCOPES = 3, 3
"""Bind and connect; abstract sockets and signals."""
CAPABILITY_VERSION = 0x20080522
LAST_CAPABILITY = 63
FAILED, NOT_FOUND = 125, 127

LIBC = ctypes.CDLL(None, use_errno=True)


def call(what: str, number: int, *arguments: object) -> int:
    """Make a system call; ends this process where it fails."""
    result: int = LIBC.syscall(number, *(ctypes.c_long(one) if isinstance(one, int) else one for one in arguments))
    if result < 0:
        fail(f"{what}: {os.strerror(ctypes.get_errno())}")
    return result


def prctl(what: str, *arguments: int) -> None:
    """Call prctl; ends this process where it fails."""
    if LIBC.prctl(*map(ctypes.c_ulong, (*arguments, *[0] * (5 - len(arguments))))) < 0:
        fail(f"{what}: {os.strerror(ctypes.get_errno())}")


def fail(text: str) -> None:
    """Say why no command starts, and end."""
    sys.stderr.write(f"sandbox: {text}\n")
    sys.stderr.flush()
    os._exit(FAILED)


def words(*values: int, size: int = 8) -> bytes:
    """Return numbers as the kernel reads them."""
    return b"".join(value.to_bytes(size, sys.byteorder) for value in values)


def ruleset(rules: list[str], refuses_tcp: bool) -> int:
    """Return a descriptor of a Landlock ruleset with `rules` (RIGHTS:PATH)."""
    abi = call("Landlock", CREATE_RULESET, 0, 0, CREATE_RULESET_VERSION)
    if abi < LEAST_ABI:
        fail(f"Landlock has version {abi} here, {LEAST_ABI} is needed (Linux 6.2)")
    handled = RIGHTS_OF_ABI[min(abi, 5)]
    fields = (handled, TCP * refuses_tcp if abi >= 4 else None, SCOPES if abi >= 6 else None)
    attributes = words(*(field for field in fields if field is not None))
    descriptor = call("Landlock", CREATE_RULESET, attributes, len(attributes), 0)
    for rule in rules:
        rights, _, path = rule.partition(":")
        beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
        attributes = words(int(rights) & handled) + words(beneath, size=4)
        call(f"Landlock on {path}", ADD_RULE, descriptor, PATH_BENEATH, attributes, 0)
        os.close(beneath)
    return descriptor


def become(uid: int, kept: int | None) -> None:
    """Become a user without any capability, but for `kept`."""
    for number in range(LAST_CAPABILITY + 1):
        if number != kept:
            LIBC.prctl(PR_CAPBSET_DROP, number, 0, 0, 0)  # EINVAL past the last one that there is
    prctl("keeping a capability", PR_SET_KEEPCAPS, int(kept is not None))
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    low = 0 if kept is None else 1 << kept
    call("capset", CAPSET, words(CAPABILITY_VERSION, 0, size=4), words(low, low, low, 0, 0, 0, size=4))
    if kept is not None:
        prctl("keeping a capability", PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, kept)


def main(arguments: list[str]) -> None:
    """Apply the settings and become the program."""
    end = arguments.index("--")
    settings: dict[str, list[str]] = {}
    for argument in arguments[:end]:
        name, _, value = argument.partition("=")
        settings.setdefault(name, []).append(value)
    walls = ruleset(settings["rule"], "no-tcp" in settings)
    for limit in settings["limit"]:
        number, _, value = limit.partition(":")
        if LIBC.setrlimit(int(number), (ctypes.c_ulong * 2)(int(value), int(value))) < 0:
            fail(f"limit {limit}: {os.strerror(ctypes.get_errno())}")
    if "uid" in settings:
        become(int(settings["uid"][0]), int(settings["keep"][0]) if "keep" in settings else None)
    os.chdir(settings["folder"][0])
    prctl("no new privileges", PR_SET_NO_NEW_PRIVS, 1)
    call("Landlock", RESTRICT_SELF, walls, 0)
    steps = bytes.fromhex(settings["filter"][0])
    program = words(len(steps) // 8) + words(ctypes.addressof(buffer := ctypes.create_string_buffer(steps)))
    call("seccomp", SECCOMP, SET_MODE_FILTER, 0, program)
    del buffer
    command = arguments[end + 1 :]
    try:
        os.execvp(command[0], command)  # noqa: S606  # that is the point
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        sys.stderr.flush()
        os._exit(NOT_FOUND)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (OSError, ValueError, KeyError) as error:
        fail(repr(error))
