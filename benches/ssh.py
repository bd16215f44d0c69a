#!/usr/bin/env python3
"""`sendall upload` and `download` over ssh beside scp and rsync, over the same sshd, in one run.

    cargo build --release && benches/ssh.py [--rounds N] [--size MIB] [--files N] [large] [small]

large: one file (1 GiB). small: many files of 1 to 4 KiB in folders (10,000). Both are sent to an empty folder and fetched
into one. sshd runs on 127.0.0.1 with keys of its own; all use one login for a round (ControlMaster), so that its cost is
nobody's. Files are in memory. Rounds alternate; the medians count. The ratio is that of the times: below 1 sendall is faster.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SENDALL = os.path.join(HERE, "..", "target", "release", "sendall")


def free_port():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


class Sshd:
    def __init__(self, root):
        self.root = root
        for name in ("host", "id"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{root}/{name}"], check=True)
        port = free_port()
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)
        with open(f"{root}/sshd_config", "w") as file:
            file.write(
                f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {root}/host\nAuthorizedKeysFile {root}/id.pub\nPidFile none\n"
                "StrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\n"
                "Subsystem sftp internal-sftp\n"
            )
        with open(f"{root}/host.pub") as key, open(f"{root}/known", "w") as known:
            known.write(f"[127.0.0.1]:{port} {key.read()}")
        self.config = f"{root}/ssh_config"
        with open(self.config, "w") as file:
            file.write(
                f"Host box\nHostName 127.0.0.1\nPort {port}\nIdentityFile {root}/id\nIdentitiesOnly yes\n"
                f"UserKnownHostsFile {root}/known\nBatchMode yes\nControlMaster auto\nControlPath {root}/mux\n"
            )
        sshd = shutil.which("sshd") or "/usr/sbin/sshd"
        self.process = subprocess.Popen([sshd, "-D", "-f", f"{root}/sshd_config"], stderr=subprocess.DEVNULL)
        self.master = None

    def log_in(self):
        """A login for the commands of a round."""
        self.log_out()
        self.master = subprocess.Popen(["ssh", "-F", self.config, "-N", "box"])
        while subprocess.run(["ssh", "-F", self.config, "-O", "check", "box"], capture_output=True).returncode:
            if self.master.poll() is not None:
                self.master = subprocess.Popen(["ssh", "-F", self.config, "-N", "box"])
            time.sleep(0.05)

    def log_out(self):
        if self.master:
            self.master.terminate()
            self.master.wait()
            self.master = None

    def stop(self):
        self.log_out()
        self.process.terminate()
        self.process.wait()


def ways(sshd, source, target, is_upload):
    """Each way's words. `source` is what is sent, `target` the empty folder."""
    ssh = f"ssh -F {sshd.config}"
    if is_upload:
        return {
            "sendall": [SENDALL, "-q", "upload", source, f"ssh:box:{target}", "--ssh", ssh, "--remote-command", SENDALL],
            "scp": ["scp", "-F", sshd.config, "-qrp", source, f"box:{target}"],
            "rsync": ["rsync", "-rtp", "-e", ssh, source, f"box:{target}"],
        }
    parent, name = os.path.split(source)
    return {
        "sendall": [SENDALL, "-q", "download", f"ssh:box:{parent}", name, "-o", target, "--ssh", ssh]
        + ["--remote-command", SENDALL],
        "scp": ["scp", "-F", sshd.config, "-qrp", f"box:{source}", target],
        "rsync": ["rsync", "-rtp", "-e", ssh, f"box:{source}", target],
    }


def count(path):
    """Files and bytes below a path."""
    if os.path.isfile(path):
        return 1, os.path.getsize(path)
    files = bytes_ = 0
    for folder, _, names in os.walk(path):
        files += len(names)
        bytes_ += sum(os.path.getsize(os.path.join(folder, name)) for name in names)
    return files, bytes_


def measure(title, sshd, root, source, rounds):
    due = count(source)
    for is_upload in (True, False):
        times = {}
        for _ in range(rounds):
            sshd.log_in()
            target = os.path.join(root, "target")
            for way in ("sendall", "scp", "rsync"):
                shutil.rmtree(target, ignore_errors=True)
                os.mkdir(target)
                words = ways(sshd, source, target, is_upload)[way]
                begun = time.monotonic()
                subprocess.run(words, check=True)
                times.setdefault(way, []).append(time.monotonic() - begun)
                found = count(os.path.join(target, os.path.basename(source)))
                if found != due:
                    sys.exit(f"{way}: {found} where {due} was due")
        medians = {way: statistics.median(of_way) for way, of_way in times.items()}
        verb = "upload" if is_upload else "download"
        shown = ", ".join(f"{way} {median:.2f} s" for way, median in medians.items())
        ratios = ", ".join(f"{medians['sendall'] / medians[way]:.2f} of {way}" for way in ("scp", "rsync"))
        print(f"{title} {verb}: {shown}; sendall takes {ratios}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=1024, metavar="MIB")
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("what", nargs="*", choices=["large", "small", []], default=[])
    args = parser.parse_args()
    what = args.what or ["large", "small"]
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as root:
        sshd = Sshd(root)
        try:
            if "large" in what:
                with open(f"{root}/large", "wb") as file:
                    for _ in range(args.size):
                        file.write(os.urandom(1 << 20))
                measure(f"{args.size} MiB", sshd, root, f"{root}/large", args.rounds)
                os.unlink(f"{root}/large")
            if "small" in what:
                for number in range(args.files):
                    folder = f"{root}/small/{number // 100}"
                    os.makedirs(folder, exist_ok=True)
                    with open(f"{folder}/{number}", "wb") as file:
                        file.write(os.urandom(1024 + number % 3072))
                measure(f"{args.files} files", sshd, root, f"{root}/small", args.rounds)
        finally:
            sshd.stop()


if __name__ == "__main__":
    main()
