#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Connections that a firewall meets, from both ends.

    talk.py connect HOST PORT [SECONDS]     TCP
    talk.py ask HOST PORT [SECONDS]         a datagram, and the answer to it
        print what came of it, and after how many ms: "connected", "answered",
        "refused", "reset" or "silent" (nothing came for SECONDS, default 2)
    talk.py stay LOG HOST PORT              an echo each 50 ms, until killed
    talk.py hear LOG HOST PORT              says nothing, listens
    talk.py push LOG PORT                   a server: SIGUSR1 makes it speak
        to LOG: the state ("open", "reset", "silent", "closed") and how many
        bytes have come.  Give up after 60 s without an acknowledgement.
"""
import os
import signal
import socket
import sys
import time


def family(host):
    return socket.AF_INET6 if ':' in host else socket.AF_INET


def outcome(work, seconds):
    begin = time.monotonic()
    try:
        word = work()
    except ConnectionRefusedError:
        word = 'refused'
    except ConnectionResetError:
        word = 'reset'
    except OSError as e:
        word = 'silent' if isinstance(e, TimeoutError) else type(e).__name__
    print(word, round(1000 * (time.monotonic() - begin)))
    sys.exit(word not in ('connected', 'answered'))


def connect(host, port, seconds='2'):
    def work():
        with socket.socket(family(host), socket.SOCK_STREAM) as s:
            s.settimeout(float(seconds))
            s.connect((host, int(port)))
            return 'connected'
    outcome(work, seconds)


def ask(host, port, seconds='2'):
    def work():
        with socket.socket(family(host), socket.SOCK_DGRAM) as s:
            s.settimeout(float(seconds))
            s.connect((host, int(port)))
            s.send(b'ask')
            s.recv(100)
            return 'answered'
    outcome(work, seconds)


class Log:
    def __init__(self, name):
        self.name = name
        self.n = 0
        self.state('open')

    def state(self, word):
        with open(self.name + '.new', 'w', encoding='ascii') as f:
            f.write(f'{word} {self.n}\n')
        os.replace(self.name + '.new', self.name)

    def got(self, n):
        self.n += n
        self.state('open')


def talk(log, s, speak):
    """Until it ends; 'speak' is called each 50 ms."""
    s.settimeout(0.05)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.setsockopt(socket.IPPROTO_TCP, 18, 60000)     # USER_TIMEOUT.
    log = Log(log)
    try:
        while True:
            following = time.monotonic() + 0.05
            speak(s)
            while (left := following - time.monotonic()) > 0:
                s.settimeout(left)
                try:
                    data = s.recv(65536)
                except TimeoutError as e:
                    if e.errno:         # The connection's, not the wait's.
                        raise
                    continue
                if not data:
                    log.state('closed')
                    return
                log.got(len(data))
    except (ConnectionResetError, BrokenPipeError):
        log.state('reset')
    except TimeoutError:
        log.state('silent')


def stay(log, host, port):
    s = socket.create_connection((host, int(port)), 5)

    def speak(s):
        s.settimeout(0)
        try:
            s.send(b'tick')
        except BlockingIOError:
            pass
    talk(log, s, speak)


def hear(log, host, port):
    talk(log, socket.create_connection((host, int(port)), 5), lambda s: None)


def push(log, port):
    waiting = []
    signal.signal(signal.SIGUSR1, lambda *_: waiting.append(1))
    listener = socket.create_server(('', int(port)))
    s, _ = listener.accept()

    def speak(s):
        if waiting:
            waiting.pop()
            s.send(b'push')
    talk(log, s, speak)


def main():
    commands = {f.__name__: f for f in (connect, ask, stay, hear, push)}
    if len(sys.argv) < 4 or sys.argv[1] not in commands:
        sys.exit(__doc__.strip())
    commands[sys.argv[1]](*sys.argv[2:])


if __name__ == '__main__':
    main()
