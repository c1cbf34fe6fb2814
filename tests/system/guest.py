#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Run a command in a guest, over its serial line.

    guest.py SOCKET SECONDS COMMAND

Prints what the command prints; exits as it does, or 124 when there is no end
of it within SECONDS.
"""
import os
import socket
import sys
import time

name, seconds, command = sys.argv[1], float(sys.argv[2]), sys.argv[3]
ends = time.monotonic() + seconds
mark = 'end%d' % os.getpid()
line = socket.socket(socket.AF_UNIX)
line.settimeout(1)
try:
    line.connect(name)
except OSError as error:
    sys.exit('%s: %s' % (name, error))
# The shell echoes what it is told; only what runs it puts a mark together.  All
# of it is one line: the echo of a second would mix with what the first prints.
line.sendall(("echo '%s''begin'; %s; s=$?; echo; echo \"%s\"\"=$s\"\n"
              % (mark, command.replace('\n', ' '), mark)).encode())
data = b''
while time.monotonic() < ends:
    try:
        some = line.recv(65536)
    except socket.timeout:
        continue
    if not some:
        break
    data += some
    text = data.decode(errors='replace').replace('\r', '')
    begin = text.find(mark + 'begin\n')
    end = text.find('\n%s=' % mark, begin)
    if begin >= 0 and end >= 0 and text.find('\n', end + 1) >= 0:
        sys.stdout.write(text[begin + len(mark) + 6:end])
        sys.exit(int(text[end + len(mark) + 2:].split('\n')[0]) & 255)
sys.stderr.write(data.decode(errors='replace')[-2000:])
sys.exit(124)
