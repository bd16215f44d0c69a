#!/usr/bin/env python3
"""Datagrams per second on loopback, into a file: udp-send and udp-listen beside `socat -u` and nc.openbsd.

    cargo build --release && benches/datagrams.py [--rounds N] [--quick] [--json FILE] [--count N] [--sizes 64,1400] [--binary PATH]

Each tool sends to itself: its datagrams per second as a sender, and, of what reached the file, as a receiver. Each
receiver is measured once more with udp-send as the sender, because a slow sender has no receiver at its limit.
Then `udp-listen --echo` answers udp-send: its answers for each second of its own processor time.
Prints medians and ratios. What sendall has sent must be what it has received and what it says was dropped; if not, the
exit code is 1.
"""
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import side_by_side

LIMIT_SECONDS = 120


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_bound(port):
    """Until somebody has the port."""
    wanted = f":{port:04X} "
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        tables = [open(f"/proc/net/{name}").read() for name in ("udp", "udp6")]
        if any(wanted in table for table in tables):
            return
        time.sleep(0.01)
    sys.exit(f"nobody listens on {port}")


class Tool:
    def __init__(self, name, program, listen, send, through_socket=False):
        self.name, self.program, self.listen, self.send = name, program, listen, send
        self.through_socket = through_socket

    def program_name(self):
        return "sendall" if self.name == "sendall" else self.program


def feed(messages, sock, count):
    """nc sends what one read(2) brings: only a socket that keeps messages apart can give it datagrams of one size."""
    try:
        for _ in range(count):
            sock.send(messages)
    except OSError:
        pass
    sock.close()


def run_sender(tool, port, size, count, data):
    command = tool.send(port, size)
    start = time.monotonic()
    if tool.through_socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        feeder = threading.Thread(target=feed, args=(b"x" * size, ours, count), daemon=True)
        with subprocess.Popen(command, stdin=theirs, stderr=subprocess.DEVNULL) as process:
            theirs.close()
            feeder.start()
            process.wait(LIMIT_SECONDS)
    else:
        with open(data, "rb") as stdin:
            result = subprocess.run(command, stdin=stdin, stderr=subprocess.PIPE, timeout=LIMIT_SECONDS)
            if result.returncode != 0:
                sys.exit(f"{command}: {result.stderr.decode()}")
    return time.monotonic() - start


def measure(receiver, sender, size, count, data, folder):
    """Datagrams per second of the sender, of the receiver, how many arrived, and the receiver's own sums."""
    port = free_port()
    path = os.path.join(folder, "received")
    with open(path, "wb") as file:
        process = subprocess.Popen(receiver.listen(port), stdin=subprocess.DEVNULL, stdout=file,
                                   stderr=subprocess.PIPE)
        wait_bound(port)
        sampled = []

        def watch():
            last, quiet_since = 0, time.monotonic()
            while time.monotonic() - quiet_since < 0.7 or not done.is_set():
                now, now_size = time.monotonic(), os.stat(path).st_size
                if now_size != last:
                    if not sampled:
                        sampled.append((now, now_size))
                    sampled[1:] = [(now, now_size)]
                    last, quiet_since = now_size, now
                if done.is_set() and now - quiet_since >= 0.7:
                    return
                time.sleep(0.005)

        done = threading.Event()
        watcher = threading.Thread(target=watch)
        watcher.start()
        began = time.monotonic()
        seconds = run_sender(sender, port, size, count, data)
        done.set()
        watcher.join()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=10)
    arrived = os.stat(path).st_size // size
    took = max((sampled[-1][0] if sampled else began + 1) - began, 1e-6)
    sums = None
    if receiver.name == "sendall":
        events = [json.loads(line) for line in errors.decode().splitlines()]
        sums = next(event["datagrams"] for event in events if event["event"] == "summary")
    return count / seconds, arrived / took, arrived, sums


def measure_echo(binary, size, data):
    """Answers per second of the listener's processor time, and how many there were."""
    port = free_port()
    listen = [binary, "udp-listen", "--json", "--echo", "--max-answers", "1000000", f"127.0.0.1:{port}"]
    process = subprocess.Popen(listen, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    wait_bound(port)
    send = [binary, "udp-send", "--quiet", "--each", str(size), "--wait", "300ms", f"127.0.0.1:{port}"]
    with open(data, "rb") as stdin:
        subprocess.run(send, stdin=stdin, stdout=subprocess.DEVNULL, timeout=LIMIT_SECONDS)
    process.send_signal(signal.SIGTERM)
    errors = process.stderr.read()
    usage = os.wait4(process.pid, 0)[2]
    process.returncode = 0
    events = [json.loads(line) for line in errors.decode().splitlines()]
    sent = next(event["datagrams"]["sent"] for event in events if event["event"] == "summary")
    return sent / max(usage.ru_utime + usage.ru_stime, 1e-6), sent


def add(rows, receiver, sender, size, sent, received, lost):
    """Of a tool that sends to itself what it sends, and of each receiver what it takes from udp-send, which is the quickest."""
    command = side_by_side.shown(receiver.listen(9000), sender.send(9000, size))
    if sender is receiver:
        rows.add(f"{size} bytes, sent", side_by_side.titled(sender.program_name()), command, "a second", sent, better="more")
    if sender.name == "sendall":
        title = side_by_side.titled(receiver.program_name())
        rows.add(f"{size} bytes, received from udp-send", title, command, "a second", received, better="more")
        rows.add(f"{size} bytes, received from udp-send", title, command, "% lost", lost)


def main():
    parser = side_by_side.parser(__doc__, rounds=3)
    parser.add_argument("--count", type=int, help="1,000,000; 20,000 with --quick")
    parser.add_argument("--sizes", default="64,1400")
    parser.add_argument("--binary", default=side_by_side.sendall())
    args = parser.parse_args()
    args.count = args.count or (20_000 if args.quick else 1_000_000)
    binary = os.path.abspath(args.binary)
    os.environ["SENDALL"] = binary
    rows = side_by_side.Rows("datagrams", args)
    here = "127.0.0.1"
    sendall = Tool("sendall", binary,
                   lambda port: [binary, "udp-listen", "--json", "--each", "raw", f"{here}:{port}"],
                   lambda port, size: [binary, "udp-send", "--quiet", "--each", str(size), f"{here}:{port}"])
    tools = [
        Tool("socat", "socat",
             lambda port: ["socat", "-u", f"UDP-RECV:{port},bind={here}", "STDOUT"],
             lambda port, size: ["socat", "-u", "-b", str(size), "STDIN", f"UDP-SENDTO:{here}:{port}"]),
        Tool("nc", "nc.openbsd",
             lambda port: ["nc.openbsd", "-u", "-l", here, str(port)],
             lambda port, size: ["nc.openbsd", "-u", "-N", "-q", "0", here, str(port)], through_socket=True),
    ]
    tools = [tool for tool in tools if rows.there(tool.program)]
    failed = False
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        for size in map(int, args.sizes.split(",")):
            data = os.path.join(folder, "data")
            with open(data, "wb") as file:
                for _ in range(args.count // 1000):
                    file.write(b"x" * (size * 1000))
            count = args.count // 1000 * 1000
            rates = {}
            for _ in range(args.rounds):
                pairs = [(sendall, sendall)] + [(tool, sender) for tool in tools for sender in (tool, sendall)]
                for receiver, sender in pairs:
                    sent, received, arrived, sums = measure(receiver, sender, size, count, data, folder)
                    rates.setdefault((receiver.name, sender.name), []).append((sent, received, arrived))
                    add(rows, receiver, sender, size, sent, received, 100 * (count - arrived) / count)
                    if sums and (sums["received"], sums["received"] + sums["dropped"]) != (arrived, count):
                        # Said so: this process was not let near its queue in time (see ARCHITECTURE.md).
                        failed |= sums["dropped_exactly"] or sums["received"] != arrived
                        print(f"  not exactly counted: {count} sent, {arrived} in the file, {sums}")
            medians = {pair: [statistics.median(column) for column in zip(*rows)] for pair, rows in rates.items()}
            print(f"{count} datagrams of {size} bytes, medians of {args.rounds}")
            for (receiver, sender), (sent, received, arrived) in medians.items():
                print(f"  {sender:8} -> {receiver:8} sent {sent:10,.0f}/s, received {received:10,.0f}/s,"
                      f" lost {100 * (count - arrived) / count:5.1f} %")
            ours = medians["sendall", "sendall"]
            for tool in tools:
                sent = medians[tool.name, tool.name][0]
                received = max(medians[tool.name, sender][1] for sender in (tool.name, "sendall"))
                print(f"  beside {tool.name}: sender {ours[0] / sent:.1f} times, receiver {ours[1] / received:.1f} times")
            # Datagrams that are all equal would be taken for a loop.
            with open(data, "wb") as file:
                file.write(os.urandom(size * min(count, 200_000)))
            echoes = [measure_echo(binary, size, data) for _ in range(args.rounds)]
            for answers, _ in echoes:
                rows.add(f"{size} bytes, answers of udp-listen --echo", "sendall", "sendall udp-listen --echo 127.0.0.1:9000",
                         "for a second of CPU", answers, better="more")
            rate, sent = map(statistics.median, zip(*echoes))
            print(f"  udp-listen --echo: {rate:,.0f} answers in a second of its processor time, {sent:,.0f} in all")
            os.unlink(data)
    if not failed:
        rows.finish()
    sys.exit(failed)


if __name__ == "__main__":
    side_by_side.run(main)
