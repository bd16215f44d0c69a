#!/usr/bin/env python3
"""Files and folders on loopback, from memory to memory: `upload` and `download` beside rsync, scp, tar over netcats, and curl.

    cargo build --release && benches/files.py [large] [medium] [small] [--rounds N] [--quick] [--json FILE] [--disk FOLDER]

large: one file of 2 GiB. medium: 200 files of 1 MiB. small: 10,000 files of 4 KiB in 100 folders. Each is copied into an empty
folder, and the copy compared byte for byte. Seconds from the start of the client, with the server waiting, to the end of both;
processor seconds of all programs at both ends. sendall and rsync compare what has arrived, and sendall alone syncs it to the
disk; tar | nc and b3sum does both ends by hand. nginx and curl download, as does the second row of sendall.

--disk FOLDER: the copies go there, and not to memory.
"""
import os
import re
import shutil
import subprocess
import time

import side_by_side
from side_by_side import Process, fail, filled, shown

HERE = "127.0.0.1"
CASES = {
    # Files, folders, bytes of each; then with --quick.
    "large": ((1, 0, 2 << 30), (1, 0, 8 << 20)),
    "medium": ((200, 0, 1 << 20), (8, 0, 1 << 20)),
    "small": ((10_000, 100, 4096), (200, 10, 4096)),
}
NGINX = """
daemon off; master_process off; pid FOLDER/pid; error_log FOLDER/errors crit;
events {} http { access_log off; sendfile on; keepalive_requests 1000000;
client_body_temp_path FOLDER/b; proxy_temp_path FOLDER/p; fastcgi_temp_path FOLDER/f; uwsgi_temp_path FOLDER/u;
scgi_temp_path FOLDER/s; server { listen 127.0.0.1:PORT; root SOURCE; } }
"""
RSYNCD = "use chroot = no\nuid = UID\ngid = GID\n[to]\npath = TARGET\nread only = no\n"
SSHD = """
ListenAddress 127.0.0.1
Port PORT
HostKey FOLDER/host
AuthorizedKeysFile FOLDER/id.pub
PidFile none
StrictModes no
UsePAM no
PermitRootLogin yes
Subsystem sftp internal-sftp
"""


class Way:
    """Copies what is in SOURCE into TARGET. `client` and `check`, which follows the end of both, are words or lines of shell."""

    def __init__(self, title, needs, client, server, prepare=None, check=None):
        self.title, self.needs, self.client, self.server = title, needs, client, server
        self.prepare, self.check = prepare, check
        # A netcat ends after its one client.
        self.stays = server[0] != "sh"

    def command(self):
        return shown(self.server, self.client, *([self.check] if self.check else []))


def written(path, text, **values):
    with open(path, "w") as file:
        file.write(filled([text], **values)[0])


def prepare_ssh(folder, values):
    os.makedirs("/run/sshd", exist_ok=True) if os.geteuid() == 0 else None
    for name in ("host", "id"):
        if not os.path.exists(os.path.join(folder, name)):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", os.path.join(folder, name)], check=True)
    written(os.path.join(folder, "sshd_config"), SSHD, **values)
    with open(os.path.join(folder, "host.pub")) as key:
        written(os.path.join(folder, "known"), f"[{HERE}]:PORT {key.read()}", **values)


def prepare_nginx(folder, values):
    written(os.path.join(folder, "nginx.conf"), NGINX, **values)
    lines = []
    for path, _, names in os.walk(values["SOURCE"]):
        for name in names:
            relative = os.path.relpath(os.path.join(path, name), values["SOURCE"])
            lines.append(f'url = "http://{HERE}:{values["PORT"]}/{relative}"\noutput = "{values["TARGET"]}/{relative}"\n')
    written(os.path.join(folder, "urls"), "".join(lines))


def prepare_rsync(folder, values):
    written(os.path.join(folder, "rsyncd.conf"), RSYNCD, UID=os.geteuid(), GID=os.getegid(), **values)


def ways():
    ours, titled = side_by_side.sendall(), side_by_side.titled
    tar, untar = "tar -cf - -C SOURCE .", "tar -xf - -C TARGET"
    netcat = ["sh", "-c", f"nc.openbsd -l {HERE} PORT | {untar}"]
    into = f"{tar} | nc.openbsd -N {HERE} PORT"
    sums = "cd SOURCE && find . -type f -print0 | xargs -0 b3sum >FOLDER/sums && cd TARGET && b3sum --quiet -c FOLDER/sums"
    socat = f"socat -b 1048576 -u TCP-LISTEN:PORT,bind={HERE} STDOUT | {untar}"
    ssh = "-o UserKnownHostsFile=FOLDER/known -o BatchMode=yes -o LogLevel=ERROR -i FOLDER/id"
    return [
        Way("sendall upload", [], [ours, "-q", "upload", "SOURCE/*", f"{HERE}:PORT"],
            [ours, "serve", "--store", "TARGET", f"{HERE}:PORT"]),
        Way("sendall download", [], [ours, "-q", "download", f"{HERE}:PORT", "-o", "TARGET"],
            [ours, "serve", "--share", "SOURCE", f"{HERE}:PORT"]),
        Way(f"{titled('rsync')} -W, daemon", ["rsync"], f"rsync -a -W SOURCE/ rsync://{HERE}:PORT/to/",
            ["rsync", "--daemon", "--no-detach", "--config=FOLDER/rsyncd.conf", "--port=PORT", f"--address={HERE}"],
            prepare_rsync),
        Way(f"{titled('scp')}, aes128-gcm", ["scp", "sshd"],
            f"scp -q -r -P PORT {ssh} -c aes128-gcm@openssh.com SOURCE/. {HERE}:TARGET/",
            [side_by_side.find("sshd") or "sshd", "-D", "-f", "FOLDER/sshd_config"], prepare_ssh),
        Way(f"tar | {titled('nc.openbsd')}", ["tar", "nc.openbsd"], into, netcat),
        Way(f"tar | {titled('nc.openbsd')}, b3sum", ["tar", "nc.openbsd", "b3sum"], into, netcat, check=sums),
        Way(f"tar | {titled('socat')} -b1M", ["tar", "socat"], f"{tar} | socat -b 1048576 -u STDIN TCP:{HERE}:PORT",
            ["sh", "-c", socat]),
        Way(f"{titled('nginx')} to curl", ["nginx", "curl"], "curl -sf --create-dirs -K FOLDER/urls",
            [side_by_side.find("nginx") or "nginx", "-c", "FOLDER/nginx.conf"], prepare_nginx),
    ]


def make(source, files, folders, size):
    piece = os.urandom(min(size, 1 << 20))
    for number in range(files):
        folder = os.path.join(source, f"{number % folders:03}") if folders else source
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, f"{number:05}"), "wb") as file:
            for part in range(max(size >> 20, 1)):
                # No two are the same.
                file.write(f"{number:08}{part:08}".encode() + piece[16:])


def client(words, values, way):
    """Runs one, and returns its processor seconds."""
    if isinstance(words, str):
        words = ["bash", "-c", "set -eo pipefail; " + words]
    items = [os.path.join(values["SOURCE"], name) for name in sorted(os.listdir(values["SOURCE"]))]
    words = [more for word in words for more in (items if word == "SOURCE/*" else [word])]
    return Process(filled(words, **values), way.title).end()


def copy(way, folder, source, target):
    """Seconds and processor seconds of one copy."""
    shutil.rmtree(target, ignore_errors=True)
    os.makedirs(target)
    values = {"SOURCE": source, "TARGET": target, "PORT": side_by_side.free_port(), "FOLDER": folder}
    if way.prepare:
        way.prepare(folder, values)
    server = Process(filled(way.server, **values), way.title).wait_listening(values["PORT"])
    start = time.monotonic()
    used = client(way.client, values, way)
    if way.stays:
        seconds = time.monotonic() - start
        used += server.end(stop=True)
    else:
        used += server.end()
        used += client(way.check, values, way) if way.check else 0
        seconds = time.monotonic() - start
    different = subprocess.run(["diff", "-rq", source, target], capture_output=True, text=True)
    if different.returncode != 0:
        fail(f"{way.title}: the copy differs: {different.stdout[:300]}")
    return {"s": seconds, "s of CPU": used}


def title(case, files, folders, size):
    size = f"{size >> 30} GiB" if size >> 30 else f"{size >> 20} MiB" if size >> 20 else f"{size >> 10} KiB"
    return f"one file of {size}" if case == "large" else f"{files:,} files of {size}"


def main():
    parser = side_by_side.parser(__doc__, rounds=5)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--disk", metavar="FOLDER", help="copies go into a folder there")
    args = parser.parse_args()
    if unknown := set(args.cases) - set(CASES):
        parser.error(f"no such case: {', '.join(unknown)}")
    rows = side_by_side.Rows("files", args)
    there = [way for way in ways() if all([rows.there(program, way.title) for program in way.needs])]
    with side_by_side.memory_folder() as folder:
        source = os.path.join(folder, "source")
        target = os.path.join(os.path.abspath(args.disk), "sendall-bench-copy") if args.disk else os.path.join(folder, "target")
        for case in args.cases or CASES:
            facts = CASES[case][args.quick]
            make(source, *facts)
            rows.each(title(case, *facts) + (", to a disk" if args.disk else ""), there,
                      lambda way: re.sub(r"\bPORT\b", "9000", way.command()),
                      lambda way: copy(way, folder, source, target))
            shutil.rmtree(source)
            shutil.rmtree(target)
    rows.finish()


if __name__ == "__main__":
    side_by_side.run(main)
