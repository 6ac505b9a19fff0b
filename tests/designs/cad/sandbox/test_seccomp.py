"""The filter, run as Linux runs it: for processors that this machine does not have as well."""

from __future__ import annotations

import errno

import pytest

from designs.cad.sandbox.seccomp import SECCOMP_ALLOW, SECCOMP_ERRNO, program_for

OWN_PID = 4711
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
I386, ARM = 0x40000003, 0x40000028
KILL = 0x80000000
REFUSED = SECCOMP_ERRNO | errno.EPERM
UNKNOWN = SECCOMP_ERRNO | errno.ENOSYS

# From the headers of Linux: asm/unistd_64.h and asm-generic/unistd.h.
FORBIDDEN = {
    "x86_64": {
        "pipe": 22, "socket": 41, "connect": 42, "accept": 43, "sendto": 44, "sendmsg": 46, "bind": 49, "listen": 50,
        "socketpair": 53, "clone": 56, "fork": 57, "vfork": 58, "execve": 59, "kill": 62, "truncate": 76,
        "rename": 82, "mkdir": 83, "rmdir": 84, "creat": 85, "link": 86, "unlink": 87, "symlink": 88, "chmod": 90,
        "chown": 92, "ptrace": 101, "setuid": 105, "capset": 126, "mknod": 133, "prctl": 157, "setrlimit": 160,
        "chroot": 161, "mount": 165, "setxattr": 188, "tkill": 200, "sched_setaffinity": 203, "add_key": 248,
        "keyctl": 250, "mkdirat": 258, "unlinkat": 263, "renameat": 264, "fchmodat": 268, "unshare": 272,
        "splice": 275, "accept4": 288, "perf_event_open": 298, "open_by_handle_at": 304, "sendmmsg": 307, "setns": 308,
        "process_vm_readv": 310, "process_vm_writev": 311, "seccomp": 317, "memfd_create": 319, "bpf": 321,
        "execveat": 322, "userfaultfd": 323,
    },
    "aarch64": {
        "setxattr": 5, "mknodat": 33, "mkdirat": 34, "unlinkat": 35, "symlinkat": 36, "linkat": 37, "renameat": 38,
        "mount": 40, "truncate": 45, "ftruncate": 46, "chroot": 51, "fchmodat": 53, "fchownat": 54, "pipe2": 59,
        "sendfile": 71, "splice": 76, "capset": 91, "unshare": 97, "ptrace": 117, "sched_setaffinity": 122,
        "kill": 129, "tkill": 130, "setuid": 146, "setrlimit": 164, "prctl": 167, "socket": 198, "socketpair": 199,
        "bind": 200, "listen": 201, "accept": 202, "connect": 203, "sendto": 206, "sendmsg": 211, "add_key": 217,
        "keyctl": 219, "clone": 220, "execve": 221, "perf_event_open": 241, "accept4": 242, "open_by_handle_at": 265,
        "setns": 268, "sendmmsg": 269, "process_vm_readv": 270, "process_vm_writev": 271, "seccomp": 277,
        "memfd_create": 279, "bpf": 280, "execveat": 281, "userfaultfd": 282,
    },
}  # fmt: skip
# pidfd_send_signal, io_uring_setup, clone3, openat2, pidfd_getfd, process_madvise, and one that is not made yet.
NEWER = (424, 425, 435, 437, 438, 440, 9999)
CALLS = {
    "x86_64": {"read": 0, "write": 1, "openat": 257, "fcntl": 72, "ioctl": 16, "prlimit64": 302, "tgkill": 234},
    "aarch64": {"read": 63, "write": 64, "openat": 56, "fcntl": 25, "ioctl": 29, "prlimit64": 261, "tgkill": 131},
}

machines = pytest.mark.parametrize("machine", ARCHITECTURES)


def verdict(machine: str, number: int, *arguments: int, architecture: int | None = None) -> int:
    """Run the filter on one call, by the rules of Linux's BPF machine."""
    data = {0: number, 4: ARCHITECTURES[machine] if architecture is None else architecture}
    for position, argument in enumerate((*arguments, *[0] * 6)[:6]):
        data[16 + 8 * position] = argument & 0xFFFFFFFF
        data[20 + 8 * position] = argument >> 32
    compare = {
        0x15: int.__eq__,
        0x25: int.__gt__,
        0x35: int.__ge__,
        0x45: lambda value, mask: bool(value & mask),
    }
    value, at, program = 0, 0, program_for(machine, OWN_PID)
    while True:
        code, taken, passed, constant = program[at]
        at += 1
        if code == 0x06:
            return constant
        if code == 0x20:
            value = data[constant]
        else:
            at += taken if compare[code](value, constant) else passed


@machines
def test_what_reading_a_file_does_not_take_is_refused(machine: str) -> None:
    ends = {name: verdict(machine, number) for name, number in FORBIDDEN[machine].items()}

    assert set(ends.values()) == {REFUSED}, ends
    assert {verdict(machine, number) for number in NEWER} == {UNKNOWN}


@machines
def test_calls_of_another_architecture_end_the_process(machine: str) -> None:
    others = {I386, ARM, *ARCHITECTURES.values()} - {ARCHITECTURES[machine]}

    assert {verdict(machine, 0, architecture=other) for other in others} == {KILL}


def test_calls_of_x32_are_refused() -> None:
    assert verdict("x86_64", 0x40000000 | CALLS["x86_64"]["read"]) == UNKNOWN


@machines
def test_arguments_decide_where_a_call_can_do_harm(machine: str) -> None:
    calls = CALLS[machine]
    allowed = {
        "openat": [(0, 0, 0), (0, 0, 0o2000000)],
        "fcntl": [(3, 1), (3, 3)],
        "ioctl": [(1, 0x5401)],
        "prlimit64": [(0, 9, 0)],
        "tgkill": [(OWN_PID, OWN_PID, 6)],
        "read": [()],
        "write": [()],
    }
    refused = {
        "openat": [(0, 0, flag) for flag in (0o1, 0o2, 0o100, 0o1000, 0o1101)],
        # F_SETOWN, F_SETSIG, F_SETLEASE.
        "fcntl": [(3, 8), (3, 10), (3, 1024)],
        "ioctl": [(1, 0x5412), (1, 0x40086602)],
        "prlimit64": [(1, 9, 0), (0, 9, 0x1000), (0, 9, 0x7F_0000_0000)],
        "tgkill": [(1, 1, 9), (OWN_PID + 1, OWN_PID, 6)],
    }

    for name, cases in allowed.items():
        assert {verdict(machine, calls[name], *case) for case in cases} == {SECCOMP_ALLOW}, name
    for name, cases in refused.items():
        assert {verdict(machine, calls[name], *case) for case in cases} == {REFUSED}, name


@machines
def test_the_filter_is_short_enough_for_linux(machine: str) -> None:
    assert len(program_for(machine, OWN_PID)) <= 4096
