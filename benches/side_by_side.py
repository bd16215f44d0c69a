"""What the benches share: rounds, processes and their processor time, rows, the machine.

A bench prints a table, and writes with `--json FILE` what it measured:

    {"rows": [{"bench", "work", "program", "command", "unit", "values", "median", "better": "less" | "more"}],
     "missing": ["program: why"], "load": [before, after]}

`values` has one value for each round. Rows with the same `bench`, `work` and `unit` belong beside each other. `missing`
lists programs that could not take part, that failed, or whose copy was not whole. If it is sendall that fails, the bench
ends with exit code 1, and nothing is written.
"""
import argparse
import atexit
import contextlib
import filecmp
import json
import os
import platform
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
LIMIT_SECONDS = 120
OURS = "sendall"
# Stands for a measure of what is possible, and is not compared with.
YARDSTICK = "yardstick"
STARTED = []

# What makes a program say its version; the first number with a dot in it is taken.
VERSIONS = {
    "sendall": ["--version"],
    "nc.openbsd": ["-h"],
    "ncat": ["--version"],
    "socat": ["-V"],
    "nc.traditional": ["-h"],
    "openssl": ["version"],
    "nginx": ["-v"],
    "rsync": ["--version"],
    "scp": None,  # That of ssh.
    "ssh": ["-V"],
    "curl": ["--version"],
    "tar": ["--version"],
    "b3sum": ["--version"],
    "wrk": ["-v"],
}


def sendall():
    """The program that is measured: SENDALL, or the release build."""
    return os.path.abspath(os.environ.get("SENDALL") or os.path.join(ROOT, "target/release/sendall"))


def find(program):
    """Where a program is, or None. Servers are looked for where they are, too."""
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def version(program):
    """'1.7.4.4'. Empty if the program does not say."""
    path = sendall() if program == OURS else find("ssh" if program == "scp" else program)
    words = VERSIONS.get(program) or (VERSIONS["ssh"] if program == "scp" else None)
    if not path or not words or not os.access(path, os.X_OK):
        return ""
    said = subprocess.run([path, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=LIMIT_SECONDS)
    numbers = re.search(r"\d+(\.\d+)+(p\d+)?", said.stdout.decode(errors="replace"))
    return numbers[0] if numbers else ""


def titled(program):
    """'socat 1.7.4.4', and 'sendall' alone: its version stands with the machine."""
    return program if program == OURS else f"{program} {version(program)}".strip()


def machine():
    """What the figures depend on, as lines of text by name."""
    def first(path, pattern):
        with contextlib.suppress(OSError), open(path) as file:
            found = re.search(pattern, file.read())
            return found[1] if found else None

    memory = first("/proc/meminfo", r"MemTotal:\s+(\d+)")
    return {
        "processor": first("/proc/cpuinfo", r"model name\s*: (.*)") or platform.machine(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{int(memory) / (1 << 20):.1f} GiB" if memory else "unknown",
        "kernel": f"Linux {platform.release().split('-')[0]}",
        "system": first("/etc/os-release", r'PRETTY_NAME="(.*)"') or "unknown",
        "congestion control": first("/proc/sys/net/ipv4/tcp_congestion_control", r"(.*)") or "unknown",
        "sendall": version(OURS),
    }


def parser(doc, rounds):
    """The options of every bench."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--rounds", type=int, help=f"how often each is measured ({rounds}; 1 with --quick)")
    made.add_argument("--quick", action="store_true", help="small sizes: shows that it works, and measures nothing")
    made.add_argument("--json", metavar="FILE", help="where the rows are written, too")
    made.set_defaults(usual_rounds=rounds)
    return made


class Failure(Exception):
    """What ends a bench if it is sendall's, and is listed if it is another's."""


def fail(text):
    raise Failure(text)


def run(main):
    """The whole of a script."""
    try:
        main()
    except (Failure, subprocess.SubprocessError) as error:
        sys.exit(f"{os.path.basename(sys.argv[0])}: {error}")


def same(source, target):
    """Whether the copy is what was sent."""
    if not filecmp.cmp(source, target, shallow=False):
        fail(f"the copy differs: {os.path.getsize(target)} bytes arrived of {os.path.getsize(source)}")


def proven(rows, peers, copy):
    """Those whose copy is right. Of others it is listed why they do not take part; of sendall it is a failure."""
    found = []
    for peer in peers:
        try:
            copy(peer)
            found.append(peer)
        except (Failure, subprocess.SubprocessError) as error:
            if peer.title.startswith(OURS):
                raise
            rows.missing(peer.title, str(error))
    return found


class Peer:
    """A program that takes part: its title, and what else its bench wants to know of it."""

    def __init__(self, title, **facts):
        self.title = title
        self.__dict__.update(facts)


def wrk(words):
    """Runs it. Requests per second, and how many there were. A late answer counts, a wrong one or none is a failure."""
    said = subprocess.run(words, check=True, capture_output=True, text=True, timeout=LIMIT_SECONDS).stdout
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+)", said)
    if "Non-2xx" in said or errors and any(int(count) for count in errors.groups()):
        fail(said)
    return float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1]), int(re.search(r"(\d+) requests in", said)[1])


class Rows:
    """What one bench has measured."""

    def __init__(self, bench, args):
        self.bench, self.args, self.rows, self.absent = bench, args, {}, []
        self.load = os.getloadavg()[0]
        args.rounds = args.rounds or (1 if args.quick else args.usual_rounds)
        if not os.access(sendall(), os.X_OK):
            fail(f"{sendall()} is not there: cargo build --release, or set SENDALL")

    def there(self, program, title=None):
        """Whether the program can take part. One that cannot is listed."""
        if find(program):
            return True
        self.missing(title or program, "not installed")
        return False

    def missing(self, title, why):
        if f"{title}: {why}" not in self.absent:
            self.absent.append(f"{title}: {why}")

    def each(self, work, peers, command, once, more=()):
        """Measures each peer once a round. `once(peer)` gives its values by unit, of which those in `more` are better when more.

        A failure of sendall ends the bench. Of others it is listed, and what they did in this work is left out.
        """
        peers = list(peers)
        for number in range(self.args.rounds):
            # Who begins changes, so that nobody always follows the same one.
            start = number % max(len(peers), 1)
            for peer in peers[start:] + peers[:start]:
                try:
                    values = once(peer)
                except (Failure, subprocess.SubprocessError) as error:
                    if peer.title.startswith(OURS):
                        raise
                    self.missing(peer.title, f"{work}: {error}")
                    self.rows = {key: row for key, row in self.rows.items() if (key[0], key[2]) != (work, peer.title)}
                    peers.remove(peer)
                    continue
                for unit, value in values.items():
                    self.add(work, peer.title, command(peer), unit, value, "more" if unit in more else "less")

    def add(self, work, program, command, unit, value, better="less"):
        """One value more, of one round."""
        key = (work, unit, program)
        row = self.rows.setdefault(key, {
            "bench": self.bench, "work": work, "program": program, "command": command, "unit": unit, "values": [],
            "median": None, "better": better,
        })
        row["values"].append(float(f"{value:.6g}"))
        row["median"] = statistics.median(row["values"])

    def finish(self):
        """Prints the table, and writes what was asked for."""
        load = [round(self.load, 2), round(os.getloadavg()[0], 2)]
        print(f"{self.bench}: {self.args.rounds} rounds, load {load[0]} to {load[1]}")
        rows = list(self.rows.values())
        for group in groups(rows):
            best = best_other(group)
            print(f"\n{group[0]['work']}: {group[0]['unit']}, {group[0]['better']} is better")
            for row in group:
                beside = f"{times(speed(row, best)):>8} of {best['program']}" if best else ""
                print(f"  {row['program']:32} {figure(row['median']):>10}{beside}")
        for line in self.absent:
            print(f"missing: {line}")
        if self.args.json:
            write(self.args.json, {"rows": rows, "missing": self.absent, "load": load})


def groups(rows):
    """Rows that belong beside each other, in their order."""
    found = {}
    for row in rows:
        found.setdefault((row["bench"], row["work"], row["unit"]), []).append(row)
    return list(found.values())


def best_other(group):
    """The row of the best program that is neither sendall nor a yardstick, or None."""
    others = [row for row in group if not is_ours(row) and not row["program"].startswith(YARDSTICK)]
    best = min if group[0]["better"] == "less" else max
    return best(others, key=lambda row: row["median"]) if others else None


def is_ours(row):
    return row["program"].split(" ")[0] == OURS


def speed(row, best):
    """1 is as good as the best, above is better."""
    value, beside = row["median"], best["median"]
    if row["better"] == "less":
        value, beside = beside, value
    return value / beside if beside else 1.0 if value == beside else 1e9


def times(ratio):
    """A ratio of speeds, with as many digits as it has to say."""
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}" if ratio < 1e6 else "many"


def mebibytes(count):
    """'64 MiB' or '2 GiB'."""
    return f"{count} MiB" if count % 1024 else f"{count >> 10} GiB"


def figure(value):
    """Three digits that count."""
    if value >= 1000:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.{2 if value >= 1 else 3}f}" if value >= 0.01 else f"{value:.3g}"


def write(path, value):
    """The whole file or none of it."""
    with open(path + ".new", "w") as file:
        json.dump(value, file, indent=1)
        file.write("\n")
    os.replace(path + ".new", path)


@contextlib.contextmanager
def memory_folder():
    """A folder in memory, if there is one, until the end."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="sendall-bench-", dir=memory) as folder:
        yield folder


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def filled(words, **values):
    """Words with PORT, FOLDER and the like put in."""
    for name, value in values.items():
        words = [word.replace(name, str(value)) for word in words]
    return words


def shown(*commands):
    """Commands as somebody would type them, without paths of this machine. A string stands as it is."""
    lines = []
    for words in commands:
        if not isinstance(words, str):
            words = [os.path.basename(words[0].replace(sendall(), OURS)), *words[1:]]
            words = " ".join(f"'{word}'" if re.search(r"[\s;()$]", word) else word for word in words)
        lines.append(words.replace(sendall(), OURS))
    return "\n".join(lines)


class Process:
    """A program that was started. Its processor time is known at its end, with that of its own children."""

    def __init__(self, words, title=None, **streams):
        self.title = title or os.path.basename(words[0])
        self.errors = tempfile.TemporaryFile()
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": self.errors, **streams}
        self.popen = subprocess.Popen(words, **streams)
        STARTED.append(self.popen)

    def wait_listening(self, port, kind=socket.SOCK_STREAM):
        """Until it listens there, asked of the kernel: a connection would be a client."""
        wanted = f":{port:04X}"
        protocol, state = ("tcp", "0A") if kind == socket.SOCK_STREAM else ("udp", "07")
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            for name in (protocol, f"{protocol}6"):
                with contextlib.suppress(OSError), open(f"/proc/net/{name}") as table:
                    if any(line.split()[1].endswith(wanted) and line.split()[3] == state for line in table):
                        return self
            if os.waitid(os.P_PID, self.popen.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                break
            time.sleep(0.003)
        fail(f"{self.title} does not listen on {port}: {self.said()}")

    def said(self, most=2000):
        """What it wrote to stderr: the first bytes, or all with -1."""
        self.errors.seek(0)
        return self.errors.read(most).decode(errors="replace").strip()

    def end(self, stop=False):
        """Waits for its end, which must be 0. With `stop` it is ended. Its processor seconds."""
        if stop:
            self.wait_alone()
            self.popen.terminate()
        killer = threading.Timer(LIMIT_SECONDS, self.popen.kill)
        killer.start()
        try:
            _, status, used = os.wait4(self.popen.pid, 0)
        finally:
            killer.cancel()
        self.popen.returncode = os.waitstatus_to_exitcode(status)
        STARTED.remove(self.popen)
        if not stop and self.popen.returncode != 0:
            fail(f"{self.title}: exit code {self.popen.returncode}: {self.said()}")
        return used.ru_utime + used.ru_stime

    def wait_alone(self):
        """Until the processes that serve a client have ended: their time counts."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            try:
                with open(f"/proc/{self.popen.pid}/task/{self.popen.pid}/children") as file:
                    if not file.read().strip():
                        return
            except OSError:
                return
            time.sleep(0.003)


@atexit.register
def end_all():
    """After a failure nothing is left behind."""
    for popen in STARTED:
        if popen.poll() is None:
            popen.kill()
            popen.wait()
