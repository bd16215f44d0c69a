#!/usr/bin/env python3
"""What TLS and trust cost, on loopback. Prints medians.

    cargo build --release && benches/tls.py [MODE...] [--rounds N] [--quick] [--json FILE] [--mib N] [--binary PATH]

streams (without a mode): `connect --tls` and `serve --tls` beside ncat --ssl, socat OPENSSL and openssl. A file in memory
goes to /dev/null: seconds, and processor seconds of both ends. The pairs take turns, and all of them negotiate TLS 1.3 and
AES-128-GCM where they can be asked to. Before, each pair shows once that its copy is the same. Then the time of a whole
`echo hi | CLIENT` against a server that stays: start, handshake, one line, end. --json writes the rows of this mode.

added: what encryption adds to the processor time of each side per gigabyte, and the rate beside that without it, of a raw
stream and of an upload to a folder in memory.

admission: the server's processor time for a session that lists an empty folder: in the clear, by the client's key, open,
by a code.

trips: round trips before the protocol's first word, from the time that an upload takes through a proxy which holds each
byte back for a while.

The exit code is 1 if a file did not arrive as sendall says. Without openssl, which makes the certificate, nothing is measured.
"""
import asyncio
import base64
import hashlib
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import side_by_side

LIMIT_SECONDS = 120
NEXT_PORT = 20000 + os.getpid() % 9000


def free_port():
    global NEXT_PORT
    NEXT_PORT += 1
    return NEXT_PORT


def wait_listening(port):
    wanted = f":{port:04X} "
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for name in ("tcp", "tcp6"):
            with open(f"/proc/net/{name}") as table:
                if any(wanted in line and line.split()[3] == "0A" for line in table):
                    return
        time.sleep(0.01)
    sys.exit(f"nobody listens on {port}")


def children_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Pair:
    """Commands of a server and a client: PORT, CERT and KEY are put in. The client reads the file from stdin."""

    def __init__(self, name, server, client, hello=None, needs=None):
        self.name, self.server, self.client, self.hello = name, server, client, hello or client
        self.needs = needs or server[0]
        self.title = name


def pairs(binary):
    suite = ["-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"]
    identity = ["-cert", "CERT", "-key", "KEY"]
    socat = "OPENSSL-LISTEN:PORT,bind=127.0.0.1,cert=CERT,key=KEY,verify=0,reuseaddr"
    connect = [binary, "connect", "--tls", "--ca", "CERT", "127.0.0.1:PORT"]
    return [
        # --send-only: a silent server is not given time for an answer.
        Pair("sendall", [binary, "serve", "127.0.0.1:PORT", "--tls", "--cert", "CERT", "--cert-key", "KEY"], connect,
             [*connect, "--send-only"]),
        Pair(
            "ncat --ssl",
            ["ncat", "-l", "127.0.0.1", "PORT", "--ssl", "--ssl-cert", "CERT", "--ssl-key", "KEY", "--recv-only"],
            ["ncat", "--ssl", "--send-only", "127.0.0.1", "PORT"],
        ),
        Pair(
            "socat -b1M OPENSSL",
            ["socat", "-u", "-b1048576", socat, "STDOUT"],
            ["socat", "-u", "-b1048576", "-", "OPENSSL:127.0.0.1:PORT,verify=0"],
        ),
        Pair(
            "openssl",
            ["openssl", "s_server", "-accept", "127.0.0.1:PORT", *identity, "-naccept", "1", "-quiet", *suite],
            ["openssl", "s_client", "-connect", "127.0.0.1:PORT", "-quiet", "-no_ign_eof", *suite],
        ),
    ]


def filled(words, port, certificate, key):
    return [word.replace("PORT", str(port)).replace("CERT", certificate).replace("KEY", key) for word in words]


def stream(pair, path, certificate, key, target="/dev/null"):
    """Seconds, and processor seconds of both ends, of one run."""
    port = free_port()
    before = children_seconds()
    # openssl's server takes the end of its input for the end of everything.
    words = filled(pair.server, port, certificate, key)
    with open(target, "wb") as stdout:
        server = subprocess.Popen(words, stdin=subprocess.PIPE if pair.name == "openssl" else subprocess.DEVNULL,
                                  stdout=stdout, stderr=subprocess.DEVNULL)
    wait_listening(port)
    start = time.monotonic()
    with open(path, "rb") as source:
        client = subprocess.run(filled(pair.client, port, certificate, key), stdin=source, stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, timeout=LIMIT_SECONDS)
    server.wait(LIMIT_SECONDS)
    if server.stdin:
        server.stdin.close()
    seconds = time.monotonic() - start
    if pair.name == "sendall" and (client.returncode, server.returncode) != (0, 0):
        sys.exit(f"sendall: exit codes {client.returncode}, {server.returncode}: {client.stderr.decode()}")
    return seconds, children_seconds() - before


def hellos(pair, port, certificate, key, count):
    """Seconds of each whole run of the client."""
    words = filled(pair.hello, port, certificate, key)
    taken = []
    for _ in range(count):
        start = time.monotonic()
        subprocess.run(words, input=b"hi\n", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=LIMIT_SECONDS)
        taken.append(time.monotonic() - start)
    return taken


CODE = "zebra-actor-lunar"


def trusts(key):
    """Options of a server, and what its clients type (SERVER is the server's key), for each way to be admitted."""
    public = subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-outform", "DER"], check=True, stdout=subprocess.PIPE)
    pin = base64.urlsafe_b64encode(hashlib.sha256(public.stdout).digest()).decode().rstrip("=")
    clients = key + ".clients"
    with open(clients, "w") as file:
        file.write(f"sha256:{pin}\n")
    os.chmod(clients, 0o600)
    return {
        "in the clear": ([], []),
        "by its key": (["--clients", clients], ["--key", key, "--pin", "SERVER"]),
        "open": (["--open"], ["--pin", "SERVER"]),
        "by a code": (["--code", "--code-uses", "many"], ["--code"]),
    }


class Side:
    """A process of sendall, with keys and known hosts of its own. Its processor time is known at its end."""

    def __init__(self, binary, folder, words, source=None):
        self.state = tempfile.mkdtemp(dir=folder)
        environment = {**os.environ, "XDG_STATE_HOME": self.state}
        environment.pop("SENDALL_CODE", None)
        if "--code" in words:
            environment["SENDALL_CODE"] = CODE
        self.log = os.path.join(self.state, "log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([binary, *words], stdin=source or subprocess.DEVNULL, env=environment,
                                            stdout=subprocess.DEVNULL, stderr=log)

    def says(self, name):
        """What follows the name in a line of its log."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with open(self.log) as log:
                for line in log:
                    if line.startswith(name) and line.endswith("\n"):
                        return line[len(name):].strip()
            time.sleep(0.002)
        sys.exit(f"no line '{name}' in {self.log}")

    def address(self):
        return self.says("listening on ")

    def asked(self, words):
        """What its clients type to be admitted."""
        return [self.says("key: ") if word == "SERVER" else word for word in words]

    def seconds(self, stop=False):
        """Processor seconds, when it has ended, which must be with 0 or by the signal to stop."""
        if stop:
            self.process.terminate()
        _, status, used = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        if self.process.returncode != (143 if stop else 0):
            with open(self.log) as log:
                sys.exit(f"sendall: exit code {self.process.returncode}: {log.read()}")
        shutil.rmtree(self.state)
        return used.ru_utime + used.ru_stime


def added(args, certificate, key, path):
    """Encrypted beside not: the rate, and the processor seconds that each side needs more for a gigabyte."""
    folder, gigabytes = os.path.dirname(path), (args.mib << 20) / 1e9

    def once(server_words, client_words, trust, reads):
        """(seconds, server's processor seconds, client's)"""
        inbox = tempfile.mkdtemp(dir=folder)
        served, asked = trust
        server = Side(args.binary, folder, [word.replace("INBOX", inbox) for word in [*server_words, *served]])
        address, words = server.address(), server.asked(asked)
        start = time.monotonic()
        with open(path, "rb") as source:
            client = Side(args.binary, folder, [*client_words, *words, address], source if reads else None)
        client_seconds, server_seconds = client.seconds(), server.seconds()
        taken = time.monotonic() - start
        shutil.rmtree(inbox)
        return taken, server_seconds, client_seconds

    shown = ["--tls", "--cert", certificate, "--cert-key", key]
    kinds = {
        "stream": (["serve", "127.0.0.1:0"], ["connect"], True, ([], []), (shown, ["--tls", "--ca", certificate])),
        "upload": (["serve", "127.0.0.1:0", "--once", "--store", "INBOX"], ["upload", "--quiet", path], False,
                   ([], []), (["--code"], ["--code"])),
    }
    print(f"{args.mib} MiB, {args.rounds} rounds, on loopback and in memory; load {os.getloadavg()[0]:.1f}")
    for name, (server, client, reads, plain, encrypted) in kinds.items():
        runs = [[once(server, client, trust, reads) for trust in (plain, encrypted)] for _ in range(args.rounds)]
        (plain_time, *plain_cpu), (time_taken, *cpu) = ([statistics.median(column) for column in zip(*side)]
                                                        for side in zip(*runs))
        more = [(ours - theirs) / gigabytes for ours, theirs in zip(cpu, plain_cpu)]
        print(f"{name:8} {gigabytes / time_taken:.2f} GB/s encrypted, {gigabytes / plain_time:.2f} not: ratio of medians "
              f"{plain_time / time_taken:.2f}, median of ratios "
              f"{statistics.median(one[0] / two[0] for one, two in runs):.2f}")
        for side, extra, base in zip(("server", "client"), more, plain_cpu):
            print(f"         {side}: CPU {base / gigabytes:.2f} s/GB, encrypted {extra:+.2f}")


def admission(args, certificate, key, path):
    """The server's processor time for each way to be admitted, without its start."""
    folder, few, many = os.path.dirname(path), 20, 220
    empty = tempfile.mkdtemp(dir=folder)

    def per_session(served, asked):
        used = []
        for count in (few, many):
            server = Side(args.binary, folder, ["serve", "127.0.0.1:0", "--share", empty, *served])
            address, words = server.address(), server.asked(asked)
            for _ in range(count):
                Side(args.binary, folder, ["download", "--list", *words, address]).seconds()
            used.append(server.seconds(stop=True))
        return 1000 * (used[1] - used[0]) / (many - few)

    ways = trusts(key)
    taken = {name: [] for name in ways}
    for _ in range(args.rounds):
        for name, trust in ways.items():
            taken[name].append(per_session(*trust))
    base = statistics.median(taken["in the clear"])
    print(f"a session that lists an empty folder, {args.rounds} rounds of {many - few}; load {os.getloadavg()[0]:.1f}")
    for name, values in taken.items():
        value = statistics.median(values)
        print(f"{name:14} {value:.2f} ms of the server's CPU, {value - base:+.2f}")


class Delay:
    """A proxy that holds each byte back, in a thread of its own."""

    def __init__(self, address, seconds):
        self.target, self.seconds = address.rsplit(":", 1), seconds
        self.loop, ready = asyncio.new_event_loop(), threading.Event()

        def serve():
            listening = self.loop.run_until_complete(asyncio.start_server(self.client, "127.0.0.1", 0))
            self.address = "127.0.0.1:%d" % listening.sockets[0].getsockname()[1]
            ready.set()
            self.loop.run_forever()

        threading.Thread(target=serve, daemon=True).start()
        ready.wait()

    async def client(self, reader, writer):
        to_reader, to_writer = await asyncio.open_connection(*self.target)
        await asyncio.gather(self.pump(reader, to_writer), self.pump(to_reader, writer), return_exceptions=True)

    async def pump(self, reader, writer):
        while data := await reader.read(1 << 16):
            self.loop.call_later(self.seconds, writer.write, data)
        await asyncio.sleep(self.seconds)
        await writer.drain()
        writer.write_eof()


def trips(args, certificate, key, path):
    """Round trips before HELLO, after TCP."""
    folder, delay = os.path.dirname(path), 0.05
    small = os.path.join(folder, "small")
    with open(small, "w") as file:
        file.write("hello\n")
    ways = trusts(key)
    taken = {name: [] for name in ways}
    for _ in range(args.rounds):
        for name, (served, asked) in ways.items():
            inbox = tempfile.mkdtemp(dir=folder)
            server = Side(args.binary, folder, ["serve", "127.0.0.1:0", "--store", inbox, *served])
            proxy, words = Delay(server.address(), delay), server.asked(asked)
            start = time.monotonic()
            Side(args.binary, folder, ["upload", "--quiet", small, *words, proxy.address]).seconds()
            taken[name].append(time.monotonic() - start)
            server.seconds(stop=True)
    base = statistics.median(taken["in the clear"])
    print(f"an upload over {2000 * delay:.0f} ms of round trip, {args.rounds} rounds")
    for name, values in taken.items():
        value = statistics.median(values)
        print(f"{name:14} {1000 * value:4.0f} ms: {(value - base) / delay / 2:.2f} round trips before HELLO")


def main():
    parser = side_by_side.parser(__doc__, rounds=5)
    parser.add_argument("modes", nargs="*", metavar="MODE", help="streams, added, admission, trips")
    parser.add_argument("--mib", type=int, help="1024; 16 with --quick")
    parser.add_argument("--binary", default=side_by_side.sendall())
    args = parser.parse_args()
    os.environ["SENDALL"] = args.binary
    args.rows = side_by_side.Rows("tls", args)
    args.mib = args.mib or (16 if args.quick else 1024)
    modes = {"streams": run, "added": added, "admission": admission, "trips": trips}
    if unknown := set(args.modes) - set(modes):
        parser.error(f"no such mode: {', '.join(unknown)}")
    if not args.rows.there("openssl"):
        # Nobody makes a certificate.
        return args.rows.finish()
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        certificate, key, path = (os.path.join(folder, name) for name in ("certificate", "key", "data"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", key, "-out", certificate, "-subj", "/CN=a", "-days", "2", "-addext",
                        "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"],
                       check=True, stderr=subprocess.DEVNULL)
        with open(path, "wb") as data:
            # No line begins with a letter that openssl's client takes for a command.
            piece = (b"a" * 63 + b"\n") * (1 << 14)
            for _ in range(args.mib):
                data.write(piece)
        for mode in args.modes or ["streams"]:
            modes[mode](args, certificate, key, path)


def typed(words):
    return filled(words, 9000, "CERT", "KEY")


def run(args, certificate, key, path):
    rows = args.rows
    there = []
    for pair in pairs(args.binary):
        if pair.needs != args.binary:
            pair.title = f"{side_by_side.titled(pair.needs)}{pair.name.removeprefix(pair.needs)}"
        if pair.needs == args.binary or rows.there(pair.needs, pair.title):
            there.append(pair)

    def copy(pair):
        stream(pair, path, certificate, key, path + ".copy")
        side_by_side.same(path, path + ".copy")

    whole = side_by_side.proven(rows, there, copy)
    os.unlink(path + ".copy")
    work = f"{side_by_side.mebibytes(args.mib)} over TLS 1.3, file to /dev/null"
    rows.each(work, whole, lambda pair: side_by_side.shown(*(typed(line) for line in (pair.server, pair.client))),
              lambda pair: dict(zip(("s", "s of CPU"), stream(pair, path, certificate, key))))

    port = free_port()
    words = [args.binary, "serve", "127.0.0.1:PORT", "--discard", "--tls", "--cert", "CERT", "--cert-key", "KEY"]
    server = side_by_side.Process(filled(words, port, certificate, key)).wait_listening(port)
    rows.each("echo hi | CLIENT, the whole process", there, lambda pair: side_by_side.shown(*(typed(line) for line in (words, pair.hello))),
              lambda pair: {"ms": 1000 * statistics.median(hellos(pair, port, certificate, key, 4))})
    server.end(stop=True)
    rows.finish()


if __name__ == "__main__":
    side_by_side.run(main)
