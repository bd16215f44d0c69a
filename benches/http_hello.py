#!/usr/bin/env python3
"""`http-hello` beside nginx, hyper and may_minihttp, each on one thread, under wrk on loopback.

    cargo build --release && benches/http_hello.py [--rounds N] [--quick] [--json FILE] [--seconds N] [--no-build]

64 connections; each has one request under way, or 16 (pipelined). Requests per second, and the server's processor time for one:
wrk needs a core of its own and is often the slower end, so that the second tells more. Each server must first answer with 200.
wrk must count no wrong answers.

hyper and may_minihttp are programs of a few lines in benches/http_peers, built in target/http_peers. With --quick or --no-build
they take part if they have been built.
"""
import os
import re
import socket
import subprocess

import side_by_side
from side_by_side import Peer, Process, fail, filled, shown

HERE = "127.0.0.1"
CRATE = os.path.join(side_by_side.HERE, "http_peers")
BUILT = os.path.join(side_by_side.ROOT, "target/http_peers")
NGINX = """
daemon off; master_process off; pid FOLDER/pid; error_log FOLDER/errors crit;
events { worker_connections 1024; }
http { access_log off; keepalive_requests 1000000000;
client_body_temp_path FOLDER/b; proxy_temp_path FOLDER/p; fastcgi_temp_path FOLDER/f; uwsgi_temp_path FOLDER/u;
scgi_temp_path FOLDER/s;
server { listen 127.0.0.1:PORT; location / { default_type text/plain; return 200 "Hello, World"; } } }
"""
AHEAD = """
local requests
function init() requests = string.rep(wrk.format(), 16) end
function request() return requests end
"""


def servers(rows, args):
    """Each, with its words."""
    found = [Peer("sendall", words=[side_by_side.sendall(), "-q", "http-hello", f"{HERE}:PORT"])]
    if rows.there("nginx"):
        found.append(Peer(side_by_side.titled("nginx"), words=[side_by_side.find("nginx"), "-c", "FOLDER/nginx.conf"]))
    if not args.quick and not args.no_build and side_by_side.find("cargo"):
        subprocess.run(["cargo", "build", "--release", "--quiet", "--locked", "--target-dir", BUILT], cwd=CRATE)
    with open(os.path.join(CRATE, "Cargo.lock")) as file:
        versions = dict(re.findall(r'name = "(.*)"\nversion = "(.*)"', file.read()))
    for name in ("hyper", "may_minihttp"):
        program = os.path.join(BUILT, "release", name)
        if os.access(program, os.X_OK):
            found.append(Peer(f"{name} {versions[name]}", words=[program, "PORT"]))
        else:
            rows.missing(name, "not built (benches/http_hello.py without --quick builds it)")
    return found


def prove(title, port):
    with socket.create_connection((HERE, port), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = connection.recv(1 << 16)
        while b"Hello" not in answer and (more := connection.recv(1 << 16)):
            answer += more
    if not answer.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 200\r")) or b"Hello" not in answer:
        fail(f"{title}: {answer[:200]}")


def measure(server, load, folder):
    """Requests per second, and microseconds of the server's processor time for each."""
    port = side_by_side.free_port()
    with open(os.path.join(folder, "nginx.conf"), "w") as file:
        file.write(filled([NGINX], PORT=port, FOLDER=folder)[0])
    process = Process(filled(server.words, PORT=port, FOLDER=folder), server.title).wait_listening(port)
    prove(server.title, port)
    rate, count = side_by_side.wrk(filled(load, PORT=port, FOLDER=folder))
    return {"requests/s": rate, "us of CPU for each": 1e6 * process.end(stop=True) / count}


def main():
    parser = side_by_side.parser(__doc__, rounds=5)
    parser.add_argument("--seconds", type=int, help="of each run of wrk (4; 1 with --quick)")
    parser.add_argument("--no-build", action="store_true", help="leave hyper and may_minihttp as they are")
    args = parser.parse_args()
    rows = side_by_side.Rows("http-hello", args)
    there = servers(rows, args)
    seconds = args.seconds or (1 if args.quick else 4)
    works = {
        "64 clients, a request each": ["wrk", "-t1", "-c64", f"-d{seconds}s", f"http://{HERE}:PORT/"],
        "64 clients, 16 requests each": ["wrk", "-t1", "-c64", f"-d{seconds}s", "-s", "FOLDER/ahead.lua", f"http://{HERE}:PORT/"],
    }
    with side_by_side.memory_folder() as folder:
        with open(os.path.join(folder, "ahead.lua"), "w") as file:
            file.write(AHEAD)
        for work, load in works.items() if rows.there("wrk") else ():
            rows.each(work, there, lambda server: shown(filled(server.words, PORT=9000), filled(load, PORT=9000)),
                      lambda server: measure(server, load, folder), more=["requests/s"])
    rows.finish()


if __name__ == "__main__":
    side_by_side.run(main)
