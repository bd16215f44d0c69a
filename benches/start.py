#!/usr/bin/env python3
"""How long a start takes: of programs that only say something of themselves, and of clients that are refused.

    cargo build --release && benches/start.py [--rounds N] [--quick] [--json FILE] [--runs N]

Each program runs 200 times in a round: milliseconds of a run, from its start to its end as its parent sees them, and milliseconds
of its processor time. The start of a process is in both.
"""
import os
import socket
import time

import side_by_side
from side_by_side import Peer, fail, filled, shown, titled


def talkative(ours):
    """What each says without a socket, and its exit codes."""
    return [
        ("sendall", [ours, "--version"], (0,)),
        ("nc.openbsd", ["nc.openbsd", "-h"], (0, 1)),
        ("nc.traditional", ["nc.traditional", "-h"], (0, 1)),
        ("ncat", ["ncat", "--version"], (0,)),
        ("socat", ["socat", "-V"], (0,)),
        ("curl", ["curl", "--version"], (0,)),
    ]


def refused(ours):
    here = "127.0.0.1"
    return [
        ("sendall", [ours, "connect", f"{here}:PORT"], (3,)),
        ("nc.openbsd", ["nc.openbsd", here, "PORT"], (1,)),
        ("nc.traditional", ["nc.traditional", here, "PORT"], (1,)),
        ("ncat", ["ncat", here, "PORT"], (1,)),
        ("socat", ["socat", "STDIO", f"TCP:{here}:PORT"], (1,)),
        ("curl", ["curl", "-s", f"http://{here}:PORT/"], (7,)),
    ]


def once(peer, runs, nothing):
    """Milliseconds of one run, and of its processor time."""
    streams = [(os.POSIX_SPAWN_DUP2, nothing, number) for number in range(3)]
    used, start = 0.0, time.monotonic()
    for _ in range(runs):
        child = os.posix_spawn(peer.path, peer.words, os.environ, file_actions=streams)
        _, status, usage = os.wait4(child, 0)
        used += usage.ru_utime + usage.ru_stime
        if os.waitstatus_to_exitcode(status) not in peer.codes:
            fail(f"{peer.title}: exit code {os.waitstatus_to_exitcode(status)}")
    return {"ms": 1000 * (time.monotonic() - start) / runs, "ms of CPU": 1000 * used / runs}


def main():
    parser = side_by_side.parser(__doc__, rounds=7)
    parser.add_argument("--runs", type=int, help="in a round (200; 10 with --quick)")
    args = parser.parse_args()
    rows = side_by_side.Rows("start", args)
    runs = args.runs or (10 if args.quick else 200)
    with socket.socket() as silent, open(os.devnull, "r+") as nothing:
        # Bound, and not listening: it refuses, and nobody else gets it.
        silent.bind(("127.0.0.1", 0))
        for work, words in (("says its version, or its help", talkative), ("a client that is refused", refused)):
            peers = [Peer(titled(name), path=side_by_side.find(line[0]), codes=codes,
                          words=filled(line, PORT=silent.getsockname()[1]), shown=shown(filled(line, PORT=9000)))
                     for name, line, codes in words(side_by_side.sendall()) if name == "sendall" or rows.there(name)]
            rows.each(work, peers, lambda peer: peer.shown, lambda peer: once(peer, runs, nothing.fileno()))
    rows.finish()


if __name__ == "__main__":
    side_by_side.run(main)
