#!/usr/bin/python3
"""Runs a program with the system calls that a unit allows, as systemd would: filter.py UNIT PROGRAM ARGUMENT..."""
import errno
import os
import subprocess
import sys

import seccomp


def members(group):
    """The system calls of a group, as systemd knows them."""
    listing = subprocess.run(["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True)
    lines = (line.strip() for line in listing.stdout.splitlines()[1:])
    return [call for line in lines if line and not line.startswith("#") for call in expanded(line)]


def expanded(word):
    return members(word) if word.startswith("@") else [word]


unit, program = sys.argv[1], sys.argv[2:]
filter = seccomp.SyscallFilter(seccomp.ERRNO(errno.EPERM))
for line in open(unit):
    name, _, words = line.strip().partition("=")
    if name == "SystemCallFilter":
        for call in {call for word in words.split() for call in expanded(word)}:
            try:
                filter.add_rule(seccomp.ALLOW, call)
            except RuntimeError:
                # Another architecture has it.
                pass
filter.load()
os.execv(program[0], program)
