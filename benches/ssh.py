#!/usr/bin/env python3
"""`sendall upload` and `download` over ssh beside scp and rsync, over the same sshd, in one run.

    cargo build --release && benches/ssh.py [large] [small] [--rounds N] [--quick] [--json FILE] [--size MIB] [--files N]

large: one file (1 GiB). small: many files of 1 to 4 KiB in folders (10,000). Both are sent to an empty folder and fetched
into one. sshd runs on 127.0.0.1 with keys of its own; each run is one login. Files are in memory. Rounds alternate; the medians
count: of the time, and of the processor time of all programs at both ends, ssh and sshd among them, which a busy machine changes
less.
"""

import os
import resource
import shutil
import subprocess
import time

import side_by_side

SENDALL = side_by_side.sendall()


class Sshd:
    def __init__(self, root):
        self.root = root
        for name in ("host", "id"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{root}/{name}"], check=True)
        port = side_by_side.free_port()
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
                f"UserKnownHostsFile {root}/known\nBatchMode yes\n"
            )
        sshd = shutil.which("sshd") or "/usr/sbin/sshd"
        self.process = subprocess.Popen([sshd, "-D", "-f", f"{root}/sshd_config"], stderr=subprocess.DEVNULL)

    def cpu(self):
        """Processor seconds of the connections that have ended."""
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rsplit(") ", 1)[1].split()
        return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")

    def is_idle(self):
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as file:
            return not file.read().strip()

    def stop(self):
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


def run(sshd, words):
    """Seconds, and processor seconds of both ends."""

    def cpu():
        own = resource.getrusage(resource.RUSAGE_CHILDREN)
        return own.ru_utime + own.ru_stime + sshd.cpu()

    before, begun = cpu(), time.monotonic()
    subprocess.run(words, check=True)
    took = time.monotonic() - begun
    while not sshd.is_idle():
        time.sleep(0.01)
    return took, cpu() - before


def measure(rows, what, sshd, root, source, peers):
    due = count(source)
    target = os.path.join(root, "target")
    for is_upload in (True, False):
        work = f"{'upload' if is_upload else 'download'} of {what}"
        words = ways(sshd, source, target, is_upload)

        def once(peer):
            shutil.rmtree(target, ignore_errors=True)
            os.mkdir(target)
            seconds, used = run(sshd, words[peer.name])
            copy = os.path.join(target, os.path.basename(source))
            if count(copy) != due or subprocess.run(["diff", "-rq", source, copy], stdout=subprocess.DEVNULL).returncode != 0:
                side_by_side.fail(f"{peer.title}: the copy differs")
            return {"s": seconds, "s of CPU": used}

        rows.each(work, peers, lambda peer: side_by_side.shown(words[peer.name]).replace(root, "FOLDER"), once)


def main():
    parser = side_by_side.parser(__doc__, rounds=5)
    parser.add_argument("--size", type=int, metavar="MIB", help="of the large file (1024; 8 with --quick)")
    parser.add_argument("--files", type=int, help="how many small files (10,000; 200 with --quick)")
    parser.add_argument("what", nargs="*", choices=["large", "small", []], default=[])
    args = parser.parse_args()
    rows = side_by_side.Rows("ssh", args)
    if not all([rows.there(program) for program in ("sshd", "ssh", "ssh-keygen")]):
        return rows.finish()
    args.size = args.size or (8 if args.quick else 1024)
    args.files = args.files or (200 if args.quick else 10_000)
    what = args.what or ["large", "small"]
    peers = [side_by_side.Peer(side_by_side.titled(way), name=way) for way in ("sendall", "scp", "rsync")
             if way == "sendall" or rows.there(way)]
    with side_by_side.memory_folder() as root:
        sshd = Sshd(root)
        try:
            if "large" in what:
                with open(f"{root}/large", "wb") as file:
                    for _ in range(args.size):
                        file.write(os.urandom(1 << 20))
                measure(rows, f"a file of {side_by_side.mebibytes(args.size)}", sshd, root, f"{root}/large", peers)
                os.unlink(f"{root}/large")
            if "small" in what:
                for number in range(args.files):
                    folder = f"{root}/small/{number // 100}"
                    os.makedirs(folder, exist_ok=True)
                    with open(f"{folder}/{number}", "wb") as file:
                        file.write(os.urandom(1024 + number % 3072))
                measure(rows, f"{args.files:,} files of 1 to 4 KiB", sshd, root, f"{root}/small", peers)
        finally:
            sshd.stop()
    rows.finish()


if __name__ == "__main__":
    side_by_side.run(main)
