"""Ways to see what is none of a command's business, tried from inside."""

import ctypes
import json
import os
import socket
import sys

LIBC = ctypes.CDLL(None, use_errno=True)


def attempts(root: str, pid: int) -> dict:
    """Return what is tried, by name."""
    worktree, scratch = f"{root}/lab/worktrees/wt0", f"{root}/lab/scratch/wt0"
    validation = f"{root}/lab/data/validation/tokens.bin"

    def read(path):
        with open(path, "rb") as file:
            if not file.read(4096):
                raise OSError(0, "empty")

    def look(folder, known=()):
        if not set(os.listdir(folder)) - set(known):
            raise OSError(0, "nothing")

    def through_a_link():
        os.symlink(validation, f"{scratch}/read-me")
        read(f"{scratch}/read-me")

    def second_name():
        os.link(validation, f"{scratch}/second-validation")
        read(f"{scratch}/second-validation")

    def by_handle():
        handle = (ctypes.c_ubyte * 136)(128)
        mount = ctypes.c_int()
        if LIBC.name_to_handle_at(-100, validation.encode(), handle, ctypes.byref(mount), 0) != 0:
            raise OSError(ctypes.get_errno(), "handle")

    def speak():
        with socket.socket(socket.AF_UNIX) as engine:
            engine.connect(f"{root}/lab/engine.sock")

    def inherited():
        mine = os.open("/", os.O_RDONLY)
        if not [fd for fd in os.listdir("/proc/self/fd") if 2 < int(fd) < mine]:
            raise OSError(0, "none")

    return {
        "a key": lambda: read(f"{root}/home/.ssh/id_ed25519"),
        "a key by its way": lambda: read(f"{worktree}/../../../home/.ssh/id_ed25519"),
        "the lab's keys": lambda: read(f"{root}/home/.config/nightlab/keys"),
        "the validation text": lambda: read(validation),
        "the validation text by a link": through_a_link,
        "the validation text by a second name": second_name,
        "the validation text by a handle": by_handle,
        "the validation text by this process's root": lambda: read(f"/proc/self/root{validation}"),
        "the validation text by process 1": lambda: read(f"/proc/1/root{validation}"),
        "the validation text by the lab": lambda: read(f"/proc/{pid}/root{validation}"),
        "another worktree": lambda: read(f"{root}/lab/worktrees/wt1/train.py"),
        "the journal": lambda: read(f"{root}/lab/journal.db"),
        "the engine's socket": speak,
        "the repository": lambda: read(f"{root}/lab/repository/config"),
        "the repository's name": lambda: read(f"{worktree}/.git"),
        "a hidden folder": lambda: read(f"{worktree}/answers/validation.txt"),
        "the lab's folder": lambda: look(f"{root}/lab", ("worktrees", "scratch", "data")),
        "the worktrees' folder": lambda: look(f"{root}/lab/worktrees", ("wt0",)),
        "the home folder": lambda: look(f"{root}/home"),
        "passwords": lambda: read("/etc/shadow"),
        "the machine's settings": lambda: read("/etc/fstab"),
        "the lab's environment": lambda: read(f"/proc/{pid}/environ"),
        "the lab's memory": lambda: read(f"/proc/{pid}/maps"),
        "the lab's descriptors": lambda: os.readlink(f"/proc/{pid}/fd/0"),
        "the lab's folder by its process": lambda: look(f"/proc/{pid}/cwd/"),
        "descriptors that were left open": inherited,
        "the kernel's messages": lambda: read("/dev/kmsg"),
        "the kernel's memory": lambda: read("/proc/kcore"),
        "the disk": lambda: read("/dev/vda"),
    }


def main() -> None:
    outcomes, facts = {}, json.loads(sys.argv[1])
    for name, action in attempts(facts["root"], facts["pid"]).items():
        try:
            action()
            outcomes[name] = "done"
        except OSError:
            outcomes[name] = "refused"
    print(json.dumps(outcomes))


if __name__ == "__main__":
    main()
