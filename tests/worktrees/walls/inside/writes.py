"""Ways to change something outside of what may be edited, tried from inside."""

import ctypes
import json
import os
import stat
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
MS_REMOUNT, MS_BIND = 32, 4096


def attempts(root: str) -> dict:
    """Return what is tried, by name."""
    worktree, scratch = f"{root}/lab/worktrees/wt0", f"{root}/lab/scratch/wt0"
    frozen, other = f"{worktree}/data.py", f"{root}/lab/worktrees/wt1/train.py"

    def write(path, flags=os.O_WRONLY, **kwargs):
        file = os.open(path, flags, **kwargs)
        try:
            os.write(file, b"!")
        finally:
            os.close(file)

    def through_a_link(target):
        link = f"{scratch}/link{abs(hash(target))}"
        os.symlink(target, link)
        write(link)

    def through_a_folder():
        folder = os.open(worktree, os.O_RDONLY)
        write("../wt1/train.py", dir_fd=folder)

    def mount(source, target, flags):
        if LIBC.mount(source.encode(), target.encode(), None, flags, None) != 0:
            raise OSError(ctypes.get_errno(), "mount")
        write(frozen)

    def device():
        node = f"{scratch}/disk"
        os.mknod(node, 0o600 | stat.S_IFBLK, os.makedev(254, 0))
        write(node)

    def set_id():
        path = f"{scratch}/set-id"
        write(path, os.O_WRONLY | os.O_CREAT)
        os.chmod(path, 0o4755)

    def set_id_at_birth():
        write(f"{scratch}/born-set-id", os.O_WRONLY | os.O_CREAT, mode=0o4755)
        if not os.stat(f"{scratch}/born-set-id").st_mode & 0o4000:
            raise OSError("without the bit")

    return {
        "a frozen file": lambda: write(frozen),
        "a new file beside it": lambda: write(f"{worktree}/new.py", os.O_WRONLY | os.O_CREAT),
        "another worktree": lambda: write(other),
        "another scratch": lambda: write(f"{root}/lab/scratch/wt1/notes"),
        "the journal": lambda: write(f"{root}/lab/journal.db"),
        "a link to a frozen file": lambda: through_a_link(frozen),
        "a link to another worktree": lambda: through_a_link(other),
        "a path that climbs": lambda: write(f"{worktree}/../wt1/train.py"),
        "a folder's descriptor": through_a_folder,
        "a second name": lambda: os.link(frozen, f"{scratch}/second"),
        "a second name of another worktree's": lambda: os.link(other, f"{scratch}/third"),
        "renaming a frozen file": lambda: os.rename(frozen, f"{scratch}/moved"),
        "renaming onto a frozen file": lambda: (
            write(f"{scratch}/forged", os.O_WRONLY | os.O_CREAT),
            os.rename(f"{scratch}/forged", frozen),
        ),
        "removing a frozen file": lambda: os.unlink(frozen),
        "emptying a frozen file": lambda: os.truncate(frozen, 0),
        "emptying another worktree's": lambda: os.truncate(other, 0),
        "the root of this process": lambda: write(f"/proc/self/root{other}"),
        "the root of process 1": lambda: write(f"/proc/1/root{other}"),
        "the folder of process 1": lambda: write("/proc/1/cwd/canary", os.O_WRONLY | os.O_CREAT),
        "remounting": lambda: mount("none", worktree, MS_REMOUNT | MS_BIND),
        "mounting over": lambda: mount(scratch, worktree, MS_BIND),
        "a disk's node": device,
        "the disk": lambda: write("/dev/vda"),
        "programs": lambda: write("/usr/bin/canary", os.O_WRONLY | os.O_CREAT),
        "users": lambda: write("/etc/passwd"),
        "the root folder": lambda: write("/canary", os.O_WRONLY | os.O_CREAT),
        "devices": lambda: write("/dev/canary", os.O_WRONLY | os.O_CREAT),
        "the interpreter": lambda: write(os.path.realpath(sys.executable)),
        "the kernel's settings": lambda: write("/proc/sys/kernel/core_pattern"),
        "the kernel's trigger": lambda: write("/proc/sysrq-trigger"),
        "the CPU's settings": lambda: write("/sys/devices/system/cpu/cpu1/online"),
        "a set-id file": set_id,
        "a file that is set-id from birth": set_id_at_birth,
        "the repository": lambda: write(f"{worktree}/.git"),
        "a hook": lambda: write(f"{worktree}/.git/hooks/post-checkout", os.O_WRONLY | os.O_CREAT),
        "moving the repository away": lambda: os.rename(f"{worktree}/.git", f"{scratch}/git"),
        "the repository itself": lambda: write(f"{root}/lab/repository/config"),
        "the mode of a frozen file": lambda: os.chmod(frozen, 0o666),
        "the times of a frozen file": lambda: os.utime(frozen, (0, 0)),
        "the mode of a key": lambda: os.chmod(f"{root}/home/.ssh/id_ed25519", 0o644),
    }


def main() -> None:
    outcomes, facts = {}, json.loads(sys.argv[1])
    for name, action in attempts(facts["root"]).items():
        if name not in facts.get("only", [name]):
            continue
        try:
            action()
            outcomes[name] = "done"
        except OSError:
            outcomes[name] = "refused"
    print(json.dumps(outcomes))


if __name__ == "__main__":
    main()
