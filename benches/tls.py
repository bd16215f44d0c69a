#!/usr/bin/env python3
"""Raw streams over TLS on loopback: `connect --tls` and `serve --tls` beside ncat --ssl, socat OPENSSL and openssl.

    cargo build --release && benches/tls.py [--mib N] [--rounds N] [--binary PATH]

A file in memory goes to /dev/null: gigabytes per second, and processor seconds per gigabyte of each end. The pairs take
turns, and all of them negotiate TLS 1.3 and AES-128-GCM where they can be asked to. Then the time of a whole
`echo hi | CLIENT` against a server that stays: start, handshake, one line, end. Prints medians, and the ratios of
sendall to each. The exit code is 1 if a file did not arrive as sendall says, 2 if openssl is missing.
"""
import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

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
            ["socat", "-u", "-b1048576", socat, "OPEN:/dev/null"],
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


def stream(pair, path, certificate, key):
    """(seconds, client's processor seconds, server's) of one run."""
    port = free_port()
    before = children_seconds()
    # openssl's server takes the end of its input for the end of everything.
    words = filled(pair.server, port, certificate, key)
    server = subprocess.Popen(words, stdin=subprocess.PIPE if pair.name == "openssl" else subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_listening(port)
    start = time.monotonic()
    with open(path, "rb") as source:
        client = subprocess.run(filled(pair.client, port, certificate, key), stdin=source, stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, timeout=LIMIT_SECONDS)
    after_client = children_seconds()
    server.wait(LIMIT_SECONDS)
    if server.stdin:
        server.stdin.close()
    seconds = time.monotonic() - start
    if pair.name == "sendall" and (client.returncode, server.returncode) != (0, 0):
        sys.exit(f"sendall: exit codes {client.returncode}, {server.returncode}: {client.stderr.decode()}")
    return seconds, after_client - before, children_seconds() - after_client


def hellos(pair, port, certificate, key, count):
    """Seconds of each whole run of the client."""
    words = filled(pair.hello, port, certificate, key)
    taken = []
    for _ in range(count):
        start = time.monotonic()
        subprocess.run(words, input=b"hi\n", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=LIMIT_SECONDS)
        taken.append(time.monotonic() - start)
    return taken


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--binary", default="target/release/sendall")
    args = parser.parse_args()
    if not shutil.which("openssl"):
        print("openssl is missing: nobody makes a certificate", file=sys.stderr)
        sys.exit(2)
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
        run(args, certificate, key, path)


def run(args, certificate, key, path):
    there = [pair for pair in pairs(args.binary) if shutil.which(pair.needs)]
    results = {pair.name: [] for pair in there}
    for _ in range(args.rounds):
        for pair in there:
            results[pair.name].append(stream(pair, path, certificate, key))
    gigabytes = (args.mib << 20) / 1e9
    print(f"a file of {args.mib} MiB to /dev/null, {args.rounds} rounds; load {os.getloadavg()[0]:.1f}")
    ours = None
    for name, runs in results.items():
        rate, client, server = (statistics.median(column) for column in zip(*runs))
        rate, cpu = gigabytes / rate, (client + server) / gigabytes
        ours = ours or (rate, cpu)
        print(f"{name:20} {rate:6.2f} GB/s   CPU {client / gigabytes:.2f} + {server / gigabytes:.2f} s/GB"
              f"   sendall: {ours[0] / rate:.2f} of its rate, {ours[1] / cpu:.2f} of its CPU")

    print("\necho hi | CLIENT, the whole process")
    port = free_port()
    words = [args.binary, "serve", "127.0.0.1:PORT", "--discard", "--tls", "--cert", "CERT", "--cert-key", "KEY"]
    server = subprocess.Popen(filled(words, port, certificate, key), stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_listening(port)
        for pair in there:
            times = hellos(pair, port, certificate, key, 4 * args.rounds)
            print(f"{pair.name:20} {1000 * statistics.median(times):6.1f} ms")
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
