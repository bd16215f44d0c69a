#!/usr/bin/env python3
"""Datagrams on loopback at full blast, into a file: udp-listen and udp-send beside nc.openbsd, socat and ncat.

    cargo build --release && benches/datagrams.py [--rounds N] [--quick] [--json FILE] [--count N] [--sizes 64,1400]
        [--binary PATH] [--user NAME]

Received: each receiver gets the same datagrams from the same sender: from udp-send, which hands the kernel many at once, then from
a loop of send(2). Those in the file for each second until the last one came, those for each second of the receiver's processor
time, and how many of a hundred that the sender has sent are not in the file.

Sent: datagrams a second of each sender, to udp-listen. nc.openbsd makes one datagram of two messages if they come as fast as it
can send: its datagrams are counted by udp-listen, and most are twice as large. ncat does not take part.

Answers: `udp-listen --echo` answers udp-send: answers for each second of its processor time.

What is sent to sendall must be what it has received and what it says was dropped, and what it has received must be in the file; if
not, the exit code is 1. With --user, as root, the receivers run as that user, without privileges: with a receive queue of
net.core.rmem_max at most.
"""
import contextlib
import json
import os
import socket
import sys
import threading
import time

import side_by_side
from side_by_side import Peer, Process, fail, filled, shown, titled

HERE = "127.0.0.1"
QUIET_SECONDS = 0.5
LOOP_OF_SEND = """
import socket, sys
port, size, count = map(int, sys.argv[1:])
peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
peer.connect(("127.0.0.1", port))
send, datagram = peer.send, b"x" * size
for _ in range(count):
    send(datagram)
"""


def peers(ours):
    """Words of a receiver and a sender: PORT, SIZE and COUNT are put in. `merges`: sends two messages as one."""
    def peer(program, listen, send, merges=False):
        return Peer(titled(program), program=program, listen=listen, send=send, merges=merges)

    return [
        peer("sendall", [ours, "udp-listen", "--json", "--each", "raw", f"{HERE}:PORT"],
             [ours, "udp-send", "--quiet", "--each", "SIZE", f"{HERE}:PORT"]),
        peer("nc.openbsd", ["nc.openbsd", "-u", "-l", HERE, "PORT"], ["nc.openbsd", "-u", "-N", "-q", "0", HERE, "PORT"],
             merges=True),
        peer("socat", ["socat", "-u", f"UDP-RECV:PORT,bind={HERE}", "STDOUT"],
             ["socat", "-u", "-b", "SIZE", "STDIN", f"UDP-SENDTO:{HERE}:PORT"]),
        peer("ncat", ["ncat", "-u", "-l", "--recv-only", HERE, "PORT"], None),
    ]


@contextlib.contextmanager
def messages(sender, size, count, data):
    """The sender's stdin. nc sends what read(2) brings: a socket that keeps messages apart gives it one with each call."""
    if not sender.merges:
        with open(data, "rb") as file:
            yield file
        return

    def feed():
        with ours, contextlib.suppress(OSError):
            for _ in range(count):
                ours.send(b"x" * size)

    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    threading.Thread(target=feed, daemon=True).start()
    with theirs:
        yield theirs


def wait_quiet(path):
    """Until nothing has come for a while. Returns when the last datagram was in the file."""
    size, last = os.stat(path).st_size, time.monotonic()
    while time.monotonic() - last < QUIET_SECONDS:
        time.sleep(0.005)
        now = os.stat(path).st_size
        if now != size:
            size, last = now, time.monotonic()
    return last


def summary(listener):
    """What udp-listen says of its datagrams at its end."""
    events = [json.loads(line) for line in listener.said(most=-1).splitlines()]
    return next((event["datagrams"] for event in events if event["event"] == "summary"), None) or fail("no summary of udp-listen")


def check(said, count, arrived):
    """Whoever sends: it is sendall that fails here, and not the peer whose turn it is."""
    if (said["received"], said["received"] + said["dropped"]) == (arrived, count):
        return
    text = f"not exactly counted: {count} sent, {arrived} in the file, {said}"
    # Not exact by its own word: this process was not let near its queue in time (docs/decisions/0064).
    if said["dropped_exactly"] or said["received"] != arrived:
        sys.exit(f"datagrams.py: {text}")
    print(text)


def blast(receiver, sender, size, count, data, user):
    """One run: what the receiver is measured by, and the sender's datagrams a second."""
    port = side_by_side.free_port(socket.SOCK_DGRAM)
    path = f"{data}.received"
    drop = ["setpriv", "--reuid", user, "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"] if user else []
    with open(path, "wb") as file:
        listener = Process([*drop, *filled(receiver.listen, PORT=port)], receiver.title, stdout=file)
        listener.wait_listening(port, socket.SOCK_DGRAM)
    start = time.monotonic()
    with messages(sender, size, count, data) as stdin:
        sending = Process(filled(sender.send, PORT=port, SIZE=size, COUNT=count), sender.title, stdin=stdin)
    sending.end()
    seconds = time.monotonic() - start
    took = wait_quiet(path) - start
    used = listener.end(stop=True)
    arrived = os.stat(path).st_size // size
    received = {"a second": arrived / took, "for a second of CPU": arrived / max(used, 1e-6),
                "% lost": 100 * (count - arrived) / count}
    if sender.merges:
        said = summary(listener)
        count = said["received"] + said["dropped"]
    elif receiver.program == "sendall":
        check(summary(listener), count, arrived)
    return received, {"a second": count / seconds}


def answers(peer, size, data):
    """Of the listener, for each second of its processor time."""
    port = side_by_side.free_port(socket.SOCK_DGRAM)
    listener = Process(filled(peer.listen, PORT=port), peer.title).wait_listening(port, socket.SOCK_DGRAM)
    with open(data, "rb") as stdin:
        Process(filled(peer.send, PORT=port, SIZE=size), peer.title, stdin=stdin).end()
    used = listener.end(stop=True)
    sent = summary(listener)["sent"] or fail("no answers of udp-listen --echo")
    return {"for a second of CPU": sent / max(used, 1e-6)}


def main():
    parser = side_by_side.parser(__doc__, rounds=3)
    parser.add_argument("--count", type=int, help="datagrams of each sender (1,000,000; 20,000 with --quick)")
    parser.add_argument("--sizes", default="64,1400", help="in bytes")
    parser.add_argument("--binary", default=side_by_side.sendall())
    parser.add_argument("--user", help="a name or number: who runs the receivers")
    args = parser.parse_args()
    os.environ["SENDALL"] = ours = os.path.abspath(args.binary)
    rows = side_by_side.Rows("datagrams", args)
    count = args.count or (20_000 if args.quick else 1_000_000)
    there = [peer for peer in peers(ours) if peer.program == "sendall" or rows.there(peer.program)]
    sendall = there[0]
    loop = Peer("a loop of send(2)", send=[sys.executable, "-c", LOOP_OF_SEND, "PORT", "SIZE", "COUNT"], merges=False)
    echo = Peer("sendall", listen=[ours, "udp-listen", "--json", "--echo", "--max-answers", "1000000", f"{HERE}:PORT"],
                send=[ours, "udp-send", "--quiet", "--each", "SIZE", "--wait", "300ms", f"{HERE}:PORT"])
    with side_by_side.memory_folder() as folder:
        data = os.path.join(folder, "data")
        for size in map(int, args.sizes.split(",")):
            def command(receiver, sender):
                return shown(filled(receiver.listen, PORT=9000),
                             "# " + sender.title if sender is loop else filled(sender.send, PORT=9000, SIZE=size))

            with open(data, "wb") as file:
                for _ in range(count):
                    file.write(b"x" * size)
            more = ("a second", "for a second of CPU")
            for sender, name in ((sendall, "udp-send"), (loop, loop.title)):
                rows.each(f"{size} bytes, received from {name}", there, lambda peer: command(peer, sender),
                          lambda peer: blast(peer, sender, size, count, data, args.user)[0], more)
            rows.each(f"{size} bytes, sent to udp-listen", [peer for peer in there if peer.send],
                      lambda peer: command(sendall, peer),
                      lambda peer: blast(sendall, peer, size, count, data, args.user)[1], more)
            # Datagrams that are all equal would be taken for a loop.
            with open(data, "wb") as file:
                file.write(os.urandom(size * min(count, 200_000)))
            rows.each(f"{size} bytes, answers of udp-listen --echo", [echo], lambda peer: command(peer, peer),
                      lambda peer: answers(peer, size, data), more)
    rows.finish()


if __name__ == "__main__":
    side_by_side.run(main)
