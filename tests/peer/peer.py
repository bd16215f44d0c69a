"""A client of sendall, written from PROTOCOL.md alone. It needs the package blake3.
peer.py put HOST PORT PATH...            uploads files and folders, but no links
peer.py get HOST PORT FOLDER [NAME...]   downloads these names, or everything, to where they are not yet
It stays in rounds, and holds the files of one in memory. Exit 0: every entry is in place.
"""
import os, pathlib, socket, struct, sys, tempfile
from blake3 import blake3

MAGIC, PUT, GET, UNKNOWN, CHUNK, ROUND = b"\x89SALL\r\n\x1a", 1, 2, 2**64 - 1, 1 << 20, 40
ENTRY, HAVE, TURN, DATA, END, _, EOT, ACK, RESULT, PING = range(1, 11)
MISSING, FILE, FOLDER, LINK, WANT, KEEP, REFUSED, KNOWN = 0, 1, 2, 3, 1, 2, 3, -1  # KNOWN: to the sender

def check(is_true, text="the peer broke the protocol"):
    if not is_true: sys.exit(text)

class Wire:
    def __init__(self, stream):
        self.stream, self.input, self.files, self.bytes = stream, stream.makefile("rb"), 0, 0

    def fields(self, form):
        data = self.input.read(struct.calcsize(form))
        check(len(data) == struct.calcsize(form), "the connection is lost")
        return struct.unpack(form, data)

    def say(self, kind, file=0, offset=0, body=b"", flags=0):
        self.stream.sendall(struct.pack(">BBHIQQ", kind, flags, 0, file, offset, len(body)) + body)
        self.files += kind == END and not flags
        self.bytes += len(body) if kind == DATA else 0

    def hear(self, *kinds):
        kind, body = PING, b""
        while kind not in kinds:
            check(kind in (ACK, PING), f"frame {kind} from the peer: {body!r}")
            kind, flags, file, offset, length = self.fields(">BBxxIQQ")
            check(length <= (16 << 20 if kind == DATA else 65536))
            body, = self.fields(f"{length}s")
        self.files += kind == END and not flags
        self.bytes += len(body) if kind == DATA else 0
        return kind, flags, file, offset, body

def connect(operation, host, port, names=()):
    wire, first = Wire(socket.create_connection((host, port), timeout=20)), b"".join(names[:1])
    more = b"".join(struct.pack(">HH", 0x8001, len(name)) + name for name in names[1:])
    hello = struct.pack(">BBBBIQIHH", 1, 0, operation, 0, 0, UNKNOWN, 2**32 - 1, len(first), len(more))
    wire.stream.sendall(MAGIC + hello + first + more)
    check(wire.fields(">8sBxB21x") == (MAGIC, 1, 0), "the server has not accepted")
    return wire

def offer(wire, file, path, name):
    """Says an entry: the content of a file, None for a folder."""
    stat, data = path.stat(), None if path.is_dir() else path.read_bytes()
    kind, time = FOLDER if data is None else FILE, divmod(stat.st_mtime_ns, 10**9)
    fixed = struct.pack(">BxHQqIH", kind, stat.st_mode & 0o777, len(data or b""), *time, len(name))
    wire.say(ENTRY, file, body=fixed + name)
    return data

def answer(wire, file, content, have):
    """What follows a HAVE. Whether the file has failed."""
    (_, _, got, offset, body), (verdict, digest) = have, struct.unpack_from(">B3x32s", have[4])
    check(got == file and offset <= len(content))
    is_same = blake3(content[:offset]).digest() == digest
    for at in range(offset if is_same else 0, len(content), CHUNK) if verdict == WANT else []:
        wire.say(DATA, file, at, content[at:at + CHUNK])
    flags = 4 if verdict == KEEP and not is_same else 0
    if verdict != REFUSED: wire.say(END, file, len(content), blake3(content).digest(), flags)
    return verdict == REFUSED or flags > 0

def send(wire, entries):
    """How many entries there were, and how many of them failed."""
    failed, flags = 0, 1
    for start in range(0, len(entries) or 1, ROUND):
        some = enumerate(entries[start:start + ROUND], start)
        files = [(file, said) for file, entry in some if (said := offer(wire, file, *entry)) is not None]
        wire.say(TURN)
        haves = [wire.hear(HAVE) for _ in files]
        wire.hear(TURN)
        failed += sum(answer(wire, *file, have) for file, have in zip(files, haves))
    wire.say(EOT, body=struct.pack(">QQ", wire.files, wire.bytes))
    while flags & 1:
        _, flags, _, _, body = wire.hear(RESULT)
        (done, bad), rest = struct.unpack_from(">4xII", body), body[12:]
        while rest: failed, rest = failed + 1, rest[10 + sum(struct.unpack_from(">6xHH", rest)):]
    check(done + bad == len(entries) and (failed == bad or flags & 2))
    return len(entries), bad

def judge(wire, file, kind, mode, size, time, path, local):
    """Says HAVE of a file. Why the entry is not taken, or 0."""
    is_clean = all(0 < len(p) < 256 and p not in (b".", b"..") and b"\0" not in p for p in path.split(b"/"))
    is_there = is_clean and os.path.lexists(local) and not (kind == FOLDER and local.is_dir())
    reason = 8 if not is_clean else 11 if kind not in (FILE, FOLDER) else 6 if is_there else 0
    if kind not in (MISSING, FOLDER, LINK):
        wire.say(HAVE, file, body=struct.pack(">BB34x", REFUSED if reason else WANT, reason))
    return KNOWN if reason and kind not in (FOLDER, LINK) else reason

def take(wire, file, kind, mode, size, time, path, local):
    """Brings an entry to its place. Why it fails, if it does."""
    (local if kind == FOLDER else local.parent).mkdir(parents=True, exist_ok=True)
    if kind == FILE:
        content = bytearray()
        while (heard := wire.hear(DATA, END))[0] == DATA:
            check(heard[2:4] == (file, len(content)) and 0 < len(heard[4]) <= size - len(content))
            content += heard[4]
        _, flags, got, end, digest = heard
        check(got == file and (flags or end == len(content) and size in (end, UNKNOWN)))
        if flags or blake3(content).digest() != digest: return KNOWN if flags else 16
        with tempfile.NamedTemporaryFile(dir=local.parent, buffering=0) as part:
            part.write(content)
            os.fchmod(part.fileno(), 0o755 if mode & 0o100 else 0o644)
            os.fsync(part.fileno())
            os.link(part.name, local)
    if size != UNKNOWN: os.utime(local, ns=(time, time))

def receive(wire, to, names):
    """How many entries there were, and how many of them failed."""
    new, count, failed, failures = [], 0, 0, b""
    while (heard := wire.hear(ENTRY, TURN, EOT))[0] != EOT:
        frame, flags, file, _, body = heard
        if frame == ENTRY:
            kind, mode, size, seconds, nanoseconds, length = struct.unpack_from(">BxHQqIH", body)
            path, time = body[26:26 + length], seconds * 10**9 + nanoseconds
            check(file == count and (not names or any((path + b"/").startswith(n + b"/") for n in names)))
            new.append((file, MISSING if flags & 1 else kind, mode, size, time, path, to / os.fsdecode(path)))
            count += 1
            continue
        reasons = [judge(wire, *it) for it in new]
        wire.say(TURN)
        for it, reason in zip(new, reasons):
            reason = reason or take(wire, *it) or 0
            failed += reason != 0
            if reason > 0: failures += struct.pack(">IBxHH", it[0], reason, len(it[5]), 0) + it[5]
        new = []
    check(struct.unpack(">QQ", heard[4]) == (wire.files, wire.bytes))
    status = (failed > 0) + (failed == count > 0)
    wire.say(RESULT, body=struct.pack(">B3xII", status, count - failed, failed) + failures)
    return count, failed

command, host, port, *words = map(os.fsencode, sys.argv[1:])
if command == b"put":
    wire, roots = connect(PUT, host, port), [pathlib.Path(os.fsdecode(word)).absolute() for word in words]
    # Backwards, so that a folder comes behind what is in it.
    found = [(path, root.parent) for root in roots for path in sorted([root, *root.rglob("*")], reverse=True)]
    entries = [(path, os.fsencode(path.relative_to(up))) for path, up in found if not path.is_symlink()]
    count, failed = send(wire, entries)
else:
    wire = connect(GET, host, port, words[1:])
    count, failed = receive(wire, pathlib.Path(os.fsdecode(words[0])), words[1:])
wire.stream.shutdown(socket.SHUT_WR)
check(wire.input.read() == b"")
print(f"{count} entries, {failed} failed, {wire.bytes} bytes")
sys.exit(failed > 0)
