"""Tie the life of a process to the life of its parent, so that `kill -9` of a parent leaves no orphan.

Run as a script (`python -I -S lifeline.py PARENT SIGNAL IDENTITY PROGRAM ARGUMENT…`) it ties itself to its parent,
takes on an identity and becomes the program. It imports the standard library alone, so that it starts in about 15 ms.

On Linux the kernel does the work (PR_SET_PDEATHSIG). Elsewhere there is no such thing: children outlive a killed parent
there, and the next start stops a PostgreSQL that it finds in its data directory.
"""

import ctypes
import os
import pwd
import signal
import sys
from enum import StrEnum
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x1000_0000


class Identity(StrEnum):
    """As whom a program runs."""

    SELF = "self"
    """As whoever started it."""
    NAMESPACE = "namespace"
    """As nobody in a user namespace of its own, which outside is whoever started it. For root."""
    NOBODY = "nobody"
    """As nobody. For root where namespaces are refused; needs files that nobody can reach."""


def die_with_parent(parent_pid: int, *, with_signal: signal.Signals = signal.SIGKILL) -> None:
    """Ask the kernel to send this process a signal when its parent ends, whatever ended it.

    To be called in the child, after the fork: a worker of granian calls it first thing in its factory, with
    `multiprocessing.parent_process().pid`. The kernel forgets the wish on a further fork and on a change of user. It
    watches the *thread* that started this process.

    `parent_pid` is who the parent was when this process was started: where that one has gone already, the signal is
    sent at once.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(with_signal), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) was refused")
    if os.getppid() != parent_pid:
        os.kill(os.getpid(), with_signal)


def become(identity: Identity) -> None:
    """Take on an identity, for good. Raises OSError where the system refuses."""
    if identity is Identity.NAMESPACE:
        _enter_namespace()
    elif identity is Identity.NOBODY:
        nobody = pwd.getpwnam("nobody")
        os.setgroups([])
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)


def _enter_namespace() -> None:
    # initdb wants a name for its user, so it has to be one that /etc/passwd knows.
    nobody = pwd.getpwnam("nobody")
    user, group = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWUSER) was refused")
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{nobody.pw_uid} {user} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{nobody.pw_gid} {group} 1", encoding="ascii")


def _main(parent: str, on_orphaned: str, identity: str, *command: str) -> None:
    # A change of user makes the kernel forget the wish, so that the order matters.
    become(Identity(identity))
    die_with_parent(int(parent), with_signal=signal.Signals[on_orphaned])
    # Python ignores these two, and what is ignored stays so across exec.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    os.execv(command[0], command)  # noqa: S606 - becoming that program is what this script is for


if __name__ == "__main__":
    _main(*sys.argv[1:])
