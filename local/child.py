"""Becomes another program, bound to its parent: `python -I -S child.py PARENT SIGNAL USER -- PROGRAM ARGUMENT…`.

A program between the supervisor and its parts, because what it does must be done by a new process itself, and doing it
between fork and exec of a process with threads can hang. It imports next to nothing: it is there for milliseconds.

- On Linux the program gets SIGNAL when the process PARENT dies, be it by `kill -9`.
- USER is a numeric user to become, or - to stay. The program keeps the right to reach files whoever owns them, so that
  neither the data directory nor its parents have to be opened to that user.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 1, 8, 47, 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522


def main(arguments: list[str]) -> None:
    """Does not return: this process becomes the program."""
    parent, number, user, separator, *program = arguments
    if separator != "--":
        raise SystemExit("child.py: expected PARENT SIGNAL USER -- PROGRAM ARGUMENT…")
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
    if user != "-":
        _become(int(user), libc)
    if libc:  # after the change of user, which clears it
        libc.prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != int(parent):  # it died before we asked
            raise SystemExit(1)
    os.execv(program[0], program)  # noqa: S606  # no shell: that is the point


def _become(user: int, libc: "ctypes.CDLL | None") -> None:
    if libc:
        libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
    if libc:
        keep = 1 << CAP_DAC_OVERRIDE
        header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
        # Effective, permitted and inheritable capabilities, the lower 32 bits first.
        sets = (ctypes.c_uint32 * 6)(keep, keep, keep, 0, 0, 0)
        libc.capset(header, sets)
        libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)


if __name__ == "__main__":
    main(sys.argv[1:])
