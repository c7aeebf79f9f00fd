"""Starts a program as a container engine would: in another root, as somebody without rights, and with no more system
calls than a profile in Docker's format allows (`none` for all). contain.py ROOT FOLDER USER PROFILE /PROGRAM…

Of a profile that is taken what holds for a container without any capability on x86-64 or ARM: groups that a
capability brings are left out, those that one would take away are not.
"""

import json
import os
import sys

OPERATORS = {
    "SCMP_CMP_NE": "NE",
    "SCMP_CMP_LT": "LT",
    "SCMP_CMP_LE": "LE",
    "SCMP_CMP_EQ": "EQ",
    "SCMP_CMP_GE": "GE",
    "SCMP_CMP_GT": "GT",
    "SCMP_CMP_MASKED_EQ": "MASKED_EQ",
}
MACHINE = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)


def holds(group):
    """Whether a group of system calls is for a container like this one."""
    only, never = group.get("includes") or {}, group.get("excludes") or {}
    if only.get("caps") or ("arches" in only and MACHINE not in only["arches"]):
        return False
    return MACHINE not in never.get("arches", [])


def filter_of(profile):
    import seccomp

    made = seccomp.SyscallFilter(defaction=seccomp.ERRNO(profile.get("defaultErrnoRet", 1)))
    for group in filter(holds, profile["syscalls"]):
        if group["action"] == "SCMP_ACT_ALLOW":
            action = seccomp.ALLOW
        else:
            action = seccomp.ERRNO(group.get("errnoRet", 1))
        for name in group["names"]:
            add(made, seccomp, action, name, group.get("args") or [])
    return made


def add(made, seccomp, action, name, conditions):
    arguments = []
    for one in conditions:
        values = [one["value"]] + ([one.get("valueTwo", 0)] if one["op"] == "SCMP_CMP_MASKED_EQ" else [])
        arguments.append(seccomp.Arg(one["index"], getattr(seccomp, OPERATORS[one["op"]]), *values))
    try:
        made.add_rule(action, name, *arguments)
    except (RuntimeError, ValueError):
        # Of another machine, newer than this library, or the same as the default.
        pass


def main():
    root, folder, user, profile, *program = sys.argv[1:]
    rules = None if profile == "none" else filter_of(json.load(open(profile)))
    os.chroot(root)
    os.chdir(folder)
    os.setgroups([])
    os.setgid(int(user))
    os.setuid(int(user))
    if rules is not None:
        rules.load()
    os.execv(program[0], program)


main()
