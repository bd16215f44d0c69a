#!/usr/bin/env python3
"""Raw streams on loopback: `connect` and `serve` beside netcats and socat, and `serve --forward` between two ends.

    cargo build --release && benches/stream.py [--rounds N] [--quick] [--json FILE] [--mib N]

Each pair moves 1 GiB from a file or a pipe to /dev/null or to a file in memory: seconds from the start of the sender to the
end of both, and processor seconds of both. Through a relay: both ends are the yardstick, and the processor seconds are the
relay's. Before the rounds each pair, and each relay, shows once that its copy is the same; copies in a file are compared in each
round.

The yardstick is splice.c, compiled by cc: what the kernel alone needs. busybox nc does not take part: it loses the end of the
stream (benches/peers.sh push).
"""
import os
import subprocess
import time

import side_by_side
from side_by_side import Process, filled, shown

YARDSTICK = side_by_side.YARDSTICK + " (splice.c)"
HERE = "127.0.0.1"


class Peer:
    """Words of a receiver, a sender and a relay: PORT is put in, and TARGET, the port that a relay leads to."""

    def __init__(self, program, variant, receive, send, relay=None):
        self.program, self.receive, self.send, self.relay = program, receive, send, relay
        self.title = YARDSTICK if program == "splice" else f"{side_by_side.titled(program)} {variant}".strip()


def peers(yardstick):
    ours = side_by_side.sendall()
    large = ["-b", "1048576"]
    listen = f"TCP-LISTEN:PORT,bind={HERE},reuseaddr"
    return [
        Peer("sendall", "", [ours, "serve", f"{HERE}:PORT"], [ours, "connect", f"{HERE}:PORT"],
             [ours, "serve", "-q", f"{HERE}:PORT", "--forward", f"{HERE}:TARGET", "--count", "1"]),
        Peer("splice", "", [yardstick, "receive", "PORT"], [yardstick, "send", "PORT"],
             [yardstick, "relay", "PORT", "TARGET"]),
        Peer("nc.openbsd", "", ["nc.openbsd", "-l", HERE, "PORT"], ["nc.openbsd", "-N", HERE, "PORT"]),
        Peer("nc.traditional", "", ["nc.traditional", "-l", "-s", HERE, "-p", "PORT"],
             ["nc.traditional", "-q", "0", HERE, "PORT"]),
        Peer("ncat", "", ["ncat", "--recv-only", "-l", HERE, "PORT"], ["ncat", "--send-only", HERE, "PORT"],
             ["ncat", "-l", HERE, "PORT", "--sh-exec", f"ncat {HERE} TARGET"]),
        Peer("socat", "", ["socat", "-u", listen, "STDOUT"], ["socat", "-u", "STDIN", f"TCP:{HERE}:PORT"],
             ["socat", listen, f"TCP:{HERE}:TARGET"]),
        Peer("socat", "-b1M", ["socat", *large, "-u", listen, "STDOUT"],
             ["socat", *large, "-u", "STDIN", f"TCP:{HERE}:PORT"], ["socat", *large, listen, f"TCP:{HERE}:TARGET"]),
    ]


class Input:
    """The sender's stdin: the file itself, or a pipe that cat fills."""

    def __init__(self, kind, path):
        self.cat = subprocess.Popen(["cat", path], stdout=subprocess.PIPE) if kind == "pipe" else None
        self.file = self.cat.stdout if self.cat else open(path, "rb")

    def __enter__(self):
        return self.file

    def __exit__(self, *_):
        self.file.close()
        if self.cat:
            self.cat.wait(side_by_side.LIMIT_SECONDS)


def direct(peer, kind, source, target):
    """Seconds, and processor seconds of both ends."""
    port = side_by_side.free_port()
    with open(target, "wb") as out:
        receiver = Process(filled(peer.receive, PORT=port), peer.title, stdout=out).wait_listening(port)
        start = time.monotonic()
        with Input(kind, source) as stdin:
            sender = Process(filled(peer.send, PORT=port), peer.title, stdin=stdin)
        used = sender.end() + receiver.end()
    return {"s": time.monotonic() - start, "s of CPU": used}


def relayed(peer, ends, source, target):
    """Seconds, and processor seconds of the relay."""
    ports = {"PORT": side_by_side.free_port(), "TARGET": side_by_side.free_port()}
    with open(target, "wb") as out:
        receiver = Process(filled(ends.receive, PORT=ports["TARGET"]), stdout=out).wait_listening(ports["TARGET"])
        relay = Process(filled(peer.relay, **ports), peer.title).wait_listening(ports["PORT"])
        start = time.monotonic()
        with Input("pipe", source) as stdin:
            sender = Process(filled(ends.send, PORT=ports["PORT"]), stdin=stdin)
        sender.end()
        receiver.end()
        seconds = time.monotonic() - start
        used = relay.end()
    return {"s": seconds, "s of CPU": used}


def compiled(folder):
    """The yardstick, or None without a C compiler."""
    compiler = side_by_side.find("cc")
    program = os.path.join(folder, "splice")
    if compiler:
        subprocess.run([compiler, "-O2", "-o", program, os.path.join(side_by_side.HERE, "splice.c")], check=True)
    return program if compiler else None


def main():
    parser = side_by_side.parser(__doc__, rounds=5)
    parser.add_argument("--mib", type=int, help="size of the stream (1024; 8 with --quick)")
    args = parser.parse_args()
    rows = side_by_side.Rows("stream", args)
    mib = args.mib or (8 if args.quick else 1024)
    size = side_by_side.mebibytes(mib)
    with side_by_side.memory_folder() as folder:
        source, target = os.path.join(folder, "source"), os.path.join(folder, "target")
        with open(source, "wb") as file:
            for _ in range(mib):
                file.write(os.urandom(1 << 20))
        yardstick = compiled(folder)
        if not yardstick:
            rows.missing(YARDSTICK, "no cc; both ends of a relay are it, and no relay is measured")
        there = [peer for peer in peers(yardstick) if peer.program == "sendall" or peer.program == "splice" and yardstick
                 or peer.program != "splice" and rows.there(peer.program, peer.title)]
        for kind in ("file", "pipe"):
            for out in ("/dev/null", "a file"):
                def copy(peer):
                    direct(peer, kind, source, target)
                    side_by_side.same(source, target)

                def once(peer):
                    values = direct(peer, kind, source, out if out == "/dev/null" else target)
                    if out != "/dev/null":
                        side_by_side.same(source, target)
                    return values

                def command(peer):
                    sender = shown(filled(peer.send, PORT=9000))
                    return "\n".join([shown(filled(peer.receive, PORT=9000)) + " >" + out.replace("a file", "COPY"),
                                      f"{sender} <FILE" if kind == "file" else f"cat FILE | {sender}"])

                rows.each(f"{size}, {kind} to {out}", side_by_side.proven(rows, there, copy), command, once)
        ends = next((peer for peer in there if peer.program == "splice"), None)
        relays = [peer for peer in there if peer.relay and ends]

        def copy(peer):
            relayed(peer, ends, source, target)
            side_by_side.same(source, target)

        rows.each(f"{size} through a relay, pipe to /dev/null", side_by_side.proven(rows, relays, copy),
                  lambda peer: shown(filled(peer.relay, PORT=9000, TARGET=9001)),
                  lambda peer: relayed(peer, ends, source, "/dev/null"))
    rows.finish()


if __name__ == "__main__":
    side_by_side.run(main)
