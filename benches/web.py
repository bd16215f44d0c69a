#!/usr/bin/env python3
"""`serve --http` beside nginx, in one run: processor time of the servers, and the memory of idle connections.

    cargo build --release && benches/web.py [small] [large] [listing] [idle] [--rounds N] [--quick] [--json FILE]

small: a file of 1 KiB over kept connections (wrk). large: a file of 2 GiB, both with sendfile. listing: a folder of 100,000
names. idle: 10,000 connections that wait after a first answer. Rounds alternate; the medians count. Files are in memory.
"""

import os
import re
import resource
import socket
import subprocess
import time

import side_by_side

LIMIT_SECONDS = 30
TICKS = os.sysconf("SC_CLK_TCK")

NGINX = """
daemon off; master_process off; pid FOLDER/pid; error_log FOLDER/errors crit; worker_rlimit_nofile 20100;
events { worker_connections 20000; }
http {
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; keepalive_timeout 600;
    client_body_temp_path FOLDER/b; proxy_temp_path FOLDER/p; fastcgi_temp_path FOLDER/f; uwsgi_temp_path FOLDER/u;
    scgi_temp_path FOLDER/s;
    server { listen 127.0.0.1:PORT backlog=4096; root SHARE; autoindex on; }
}
"""


class Server:
    """A server of the shared folder."""

    def __init__(self, name, words, port):
        self.name, self.port = name, port
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while True:
            try:
                self.connect().close()
                return
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    side_by_side.fail(f"{name} does not listen")
                time.sleep(0.01)

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=LIMIT_SECONDS)

    def cpu(self):
        """Processor seconds so far, of all its threads."""
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def kib(self):
        """Resident memory of its own, without pages of files."""
        with open(f"/proc/{self.process.pid}/status") as file:
            return int(re.search(r"RssAnon:\s+(\d+)", file.read())[1])

    def ask(self, path, connection=None):
        """The connection after the answer's head, and the length of the body, of which some bytes were read."""
        connection = connection or self.connect()
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n\r\n".encode())
        heard = b""
        while b"\r\n\r\n" not in heard:
            piece = connection.recv(1 << 16)
            if not piece:
                side_by_side.fail(f"{self.name}: no answer to {path}")
            heard += piece
        head, body = heard.split(b"\r\n\r\n", 1)
        if b" 200 " not in head.split(b"\r\n", 1)[0]:
            side_by_side.fail(f"{self.name}: {head.decode()}")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        return connection, int(length[1]) if length else None, body

    def stop(self):
        self.process.kill()
        self.process.wait()


def small(server, args):
    """Microseconds of processor time for a request."""
    before = server.cpu()
    words = ["wrk", "-t1", "-c32", f"-d{args.seconds}s", f"http://127.0.0.1:{server.port}/small"]
    _, count = side_by_side.wrk(words)
    return 1e6 * (server.cpu() - before) / count


def large(server, args):
    """Processor seconds for a GiB."""
    before = server.cpu()
    connection, length, body = server.ask("/large")
    left, buffer = length - len(body), bytearray(1 << 20)
    while left > 0:
        # The bytes are counted, and not copied.
        count = connection.recv_into(buffer, min(left, len(buffer)), socket.MSG_TRUNC)
        if count == 0:
            side_by_side.fail(f"{server.name}: {left} bytes are missing")
        left -= count
    return (server.cpu() - before) / (length / (1 << 30))


def listing(server, args):
    """Seconds until a listing of 100,000 names is there."""
    start = time.monotonic()
    url = f"http://127.0.0.1:{server.port}/many/"
    text = subprocess.run(["curl", "-sf", url], check=True, capture_output=True).stdout
    taken = time.monotonic() - start
    if text.count(b"<a href=\"name-") != args.names:
        side_by_side.fail(f"{server.name}: not all names")
    return taken


def idle(server, args):
    """KiB of memory for a connection that waits after an answer."""
    before, connections = server.kib(), []
    try:
        for number in range(args.idle):
            try:
                connection, length, body = server.ask("/small")
            except OSError as error:
                side_by_side.fail(f"{server.name}: {number} connections, and no more: {error}")
            while len(body) < length:
                body += connection.recv(length)
            connections.append(connection)
        return (server.kib() - before) / len(connections)
    finally:
        for connection in connections:
            connection.close()


MODES = {
    # The unit, and what is done.
    "small": (small, "us of CPU", "a GET of 1 KiB, 32 clients"),
    "large": (large, "s of CPU for a GiB", "a GET of {size}"),
    "listing": (listing, "s", "a listing of {names:,} names"),
    "idle": (idle, "KiB for each", "{idle:,} idle connections"),
}


def main():
    parser = side_by_side.parser(__doc__, rounds=5)
    parser.add_argument("modes", nargs="*", metavar="MODE", help=", ".join(MODES))
    parser.add_argument("--seconds", type=int, help="of each run of wrk (3; 1 with --quick)")
    parser.add_argument("--mib", type=int, help="size of the large file (2048; 64 with --quick)")
    parser.add_argument("--binary", default=side_by_side.sendall())
    args = parser.parse_args()
    if unknown := set(args.modes) - set(MODES):
        parser.error(f"no such mode: {', '.join(unknown)}")
    os.environ["SENDALL"] = args.binary
    args.seconds = args.seconds or (1 if args.quick else 3)
    args.mib = args.mib or (64 if args.quick else 2048)
    args.size = side_by_side.mebibytes(args.mib)
    args.names, args.idle = (2000, 200) if args.quick else (100_000, 10_000)
    rows = side_by_side.Rows("web", args)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with side_by_side.memory_folder() as folder:
        share = os.path.join(folder, "share")
        os.makedirs(os.path.join(share, "many"))
        with open(os.path.join(share, "small"), "wb") as file:
            file.write(b"x" * 1024)
        modes = args.modes or list(MODES)
        if "large" in modes:
            with open(os.path.join(share, "large"), "wb") as file:
                for _ in range(args.mib):
                    file.write(bytes(1 << 20))
        if "listing" in modes:
            for number in range(args.names):
                open(os.path.join(share, "many", f"name-{number:06}"), "w").close()
        # A file that has just changed is answered without a tag.
        time.sleep(2.1)
        run(args, rows, modes, (side_by_side.find("nginx"), folder, share))
    rows.finish()


def start(name, args, nginx, folder, share):
    port = side_by_side.free_port()
    if name == "nginx":
        settings = os.path.join(folder, "conf")
        with open(settings, "w") as file:
            file.write(NGINX.replace("FOLDER", folder).replace("SHARE", share).replace("PORT", str(port)))
        return Server(name, [nginx, "-c", settings], port)
    limits = ["--max-clients", "12000", "--max-per-source", "12000"]
    return Server(name, [args.binary, "serve", f"127.0.0.1:{port}", "--share", share, "--http", *limits], port)


def run(args, rows, modes, where):
    serve = "sendall serve 127.0.0.1:9000 --share FOLDER --http"
    peers = [side_by_side.Peer("sendall", name="sendall", command=serve)]
    if rows.there("nginx"):
        peers.append(side_by_side.Peer(side_by_side.titled("nginx"), name="nginx", command="nginx -c FILE"))
    clients = {"small": "wrk -t1 -c32", "listing": "curl"}
    for mode in modes:
        measure, unit, work = MODES[mode]
        client = clients.get(mode, "the script")
        if mode in clients and not rows.there(client.split(" ")[0]):
            continue

        def once(peer):
            # Each has its processes anew: what they have once allocated they keep.
            server = start(peer.name, args, *where)
            try:
                return {unit: measure(server, args)}
            finally:
                server.stop()

        rows.each(work.format(**vars(args)), peers, lambda peer: f"{peer.command}\n{client}", once)


if __name__ == "__main__":
    side_by_side.run(main)
