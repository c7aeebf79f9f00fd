"""Runs a program under a seccomp filter as a container's is: io_uring is refused, all else allowed."""
import ctypes
import os
import struct
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
# The number of io_uring_setup is the same on every architecture.
IO_URING_SETUP = 425
EPERM = 1

FILTER = [
    (0x20, 0, 0, 0),  # load the number of the system call
    (0x15, 0, 1, IO_URING_SETUP),  # another one: skip the next
    (0x06, 0, 0, 0x00050000 | EPERM),  # SECCOMP_RET_ERRNO
    (0x06, 0, 0, 0x7FFF0000),  # SECCOMP_RET_ALLOW
]

code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in FILTER))


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


libc = ctypes.CDLL(None, use_errno=True)
program = Program(len(FILTER), ctypes.cast(code, ctypes.c_void_p))
for arguments in (
    (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
    (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0),
):
    if libc.prctl(*arguments) != 0:
        sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
os.execv(sys.argv[1], sys.argv[1:])
