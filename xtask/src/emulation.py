"""Runs a command in which programs for arm run as well: EMULATOR COMMAND…

The kernel starts them with the emulator, but only in a user namespace of the command's own (Linux 6.7 or newer): nothing else on the
machine is changed. The namespace has the users of the machine, but for the last, by which programs tell that they are in one.
"""

import ctypes
import os
import sys

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
USERS = b"0 0 4294967294"
FORMATS = "/proc/sys/fs/binfmt_misc"

# The head of a program or library for 64-bit arm (Documentation/admin-guide/binfmt-misc.rst). The emulator is opened now: containers
# do not have it.
MAGIC = r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
MASK = r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"


def enter(libc):
    """Moves this process into the namespaces; a child that stays outside says who is who in them."""
    waiting, ready = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(waiting, 1)
        for users in ("uid_map", "gid_map"):
            with open(f"/proc/{os.getppid()}/{users}", "wb", buffering=0) as file:
                file.write(USERS)
        os._exit(0)
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0:
        sys.exit(f"cannot make a user namespace: {os.strerror(ctypes.get_errno())}")
    os.write(ready, b"1")
    if os.waitpid(child, 0)[1] != 0:
        sys.exit("cannot map users")
    os.close(waiting)
    os.close(ready)


def main():
    emulator, command = sys.argv[1], sys.argv[2:]
    libc = ctypes.CDLL(None, use_errno=True)
    enter(libc)
    if libc.mount(b"binfmt_misc", FORMATS.encode(), b"binfmt_misc", 0, None) != 0:
        sys.exit(f"cannot mount {FORMATS}: {os.strerror(ctypes.get_errno())}")
    with open(f"{FORMATS}/register", "w", encoding="ascii") as file:
        file.write(f":arm64:M::{MAGIC}:{MASK}:{emulator}:OCF")
    os.execvp(command[0], command)


main()
