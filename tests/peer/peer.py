"""A peer of sendall that knows PROTOCOL.md and nothing else, and stays in rounds. Needs the package blake3.

peer.py put HOST PORT PATH... | get HOST PORT DIR [NAME...] | list HOST PORT [NAME...]
peer.py serve DIR: one session on a port that it prints; takes an upload to DIR, or offers what is in DIR
The exit code is 0 if every entry is in place. A file that has come in part stays as NAME.part."""
import itertools, os, socket, struct, sys
from blake3 import blake3
from sender import found, offer, send
from wire import *

def is_clean(path): return b"\0" not in path and all(0 < len(p) < 256 and p not in (b".", b"..") for p in path.split(b"/"))

def judge(kind, size, path, local):
    """Verdict, reason, offset, digest."""
    there = local if is_clean(path) and os.path.lexists(local) else local + b".part"
    length = os.path.getsize(there) if is_clean(path) and os.path.isfile(there) else 0
    reason = 8 if not is_clean(path) else 11 if kind != FILE else 6 if there == local and length != size else 0
    if reason: return REFUSED, reason, 0, bytes(32)
    if there != local and not 0 < length <= size < UNKNOWN: return WANT, 0, 0, bytes(32)
    return KEEP if there == local else WANT, 0, length, blake3(open(there, "rb").read()).digest()

def place(kind, path, local, target):
    """A folder or a link: the reason why it fails, or 0."""
    up = [part == b".." for part in target.split(b"/") if part not in (b"", b".")]
    if target[:1] == b"/" or sum(up) > path.count(b"/") or any(up[sum(up):]) or not is_clean(path): return 8
    os.makedirs(local if kind == FOLDER else os.path.dirname(local), exist_ok=True)
    if kind == LINK and not os.path.lexists(local): os.symlink(target, local)
    return 6 if kind == LINK and not (os.path.islink(local) and os.readlink(local) == target) else 0

def take(wire, file, size, local, verdict, offset):
    """The bytes of a file: how many came, the flags of END, and whether it is in place."""
    os.makedirs(os.path.dirname(local), exist_ok=True)
    part, total = local if verdict == KEEP else local + b".part", 0
    with open(part, "ab") as out:
        while (heard := wire.hear(DATA, END))[0] == DATA:
            _, _, got, start, body = heard
            if start == 0: offset = out.truncate(0)
            check(verdict == WANT and got == file and start == offset and 0 < len(body) <= size - start)
            total, offset = total + out.write(body), offset + len(body)
        os.fsync(out.fileno())
    _, flags, got, end, digest = heard
    check(got == file and (flags or (end == offset and size in (end, UNKNOWN))))
    is_whole = not flags and blake3(open(part, "rb").read()).digest() == digest
    if is_whole: os.rename(part, local)
    return total, flags, is_whole

def receive(wire, folder, names):
    some, count, whole, total, failed, failures = [], 0, 0, 0, 0, b""
    while (heard := wire.hear(ENTRY, TURN, EOT))[0] != EOT:
        _, flags, file, _, body = heard
        if heard[0] == ENTRY:
            kind, mode, size, seconds, nanoseconds, length = struct.unpack_from(">BxHQqIH", body)
            path, more = body[26:26 + length], dict(extensions(body[26 + length:]))
            name = next((n for n in names if path == n or path.startswith(n + b"/")), b"")
            check(file == count and bool(name) == bool(names))
            local, time = folder + b"/" + path[name.rfind(b"/") + 1:], (seconds * 10**9 + nanoseconds,) * 2
            some.append((file, MISSING if flags & 1 else kind, mode, size, time, path, local, more.get(0x8001, b"")))
            count += 1
            continue
        verdicts = {it[0]: judge(it[1], it[3], it[5], it[6]) for it in some if it[1] not in (MISSING, FOLDER, LINK)}
        for file, (verdict, reason, offset, digest) in verdicts.items():
            wire.say(HAVE, file, offset, struct.pack(">BBH32s", verdict, reason, 0, digest))
        wire.say(TURN)
        for file, kind, mode, size, time, path, local, target in some:
            verdict, _, offset, _ = verdicts.get(file, (WANT, 0, 0, b""))
            came = ended = reason = 0
            is_done = kind != MISSING and verdict != REFUSED
            if kind in (FOLDER, LINK): is_done = not (reason := place(kind, path, local, target))
            elif is_done:
                came, ended, is_done = take(wire, file, size, local, verdict, offset)
                whole, reason = whole + (not ended), 0 if is_done or ended else 16
            if is_done and size != UNKNOWN and verdict == WANT: os.utime(local, ns=time, follow_symlinks=False)
            if is_done and kind == FILE and mode & 0o100: os.chmod(local, 0o755)
            total, failed = total + came, failed + (not is_done)
            if reason: failures += struct.pack(">IBxHH", file, reason, len(path), 0) + path
        some = []
    check(not some and struct.unpack(">QQ", heard[4]) == (whole, total))
    status = 0 if not failed else 1 if failed < count else 2
    wire.say(RESULT, body=struct.pack(">B3xII", status, count - failed, failed) + failures)
    return count, failed, total

def listing(wire):
    count = 0
    while (heard := wire.hear(ENTRY, EOT))[0] == ENTRY:
        kind, size, length = struct.unpack_from(">B3xQ12xH", heard[4])
        print(kind, "missing" if heard[1] & 1 else size, os.fsdecode(heard[4][26:26 + length]))
        count += 1
    check(struct.unpack(">QQ", heard[4]) == (count, 0))
    return count, 0, 0

def connect(operation, host, port, names=()):
    wire, first, others = Wire(socket.create_connection((host, port))), (*names, b"")[0], names[1:]
    tail = b"".join(extension(0x8001, name) for name in others)
    fixed = struct.pack(">BBBBIQIHH", 1, 0, operation, 0, 0, UNKNOWN, 2**32 - 1, len(first), len(tail))
    wire.out.write(MAGIC + fixed + first + tail)
    wire.out.flush()
    magic, major, status = wire.fields(">8sBxB21x")
    check(magic == MAGIC and (status or major == 1))
    if status: wire.hear()
    return wire

def serve(folder):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        wire = Wire(listener.accept()[0])
    magic, major, operation, length, more = wire.fields(">8sBxB17xHH")
    check(magic == MAGIC and major == 1 and operation in (PUT, GET, LIST) and length <= 4096)
    first, more = wire.fields(f"{length}s{more}s")
    more = list(extensions(more))
    check(all(code < 0x8000 or code == 0x8001 for code, _ in more))
    names = [name for name in [first] + [value for code, value in more if code == 0x8001] if name]
    wire.out.write(MAGIC + struct.pack(">BBBBI16s", 1, 0, 0, 0, 0, os.urandom(16)))
    paths = [(folder + b"/" + name if is_clean(name) else b"", name) for name in names] or [(folder, b"")]
    entries = itertools.chain.from_iterable(found(*path) for path in paths)
    if operation == PUT: return wire, receive(wire, folder, [])
    if operation == GET: return wire, send(wire, entries)
    count = sum(1 for file, entry in enumerate(entries) if not offer(wire, file, *entry))
    wire.say(EOT, body=struct.pack(">QQ", count, 0))
    return wire, (count, 0, 0)

def main(command, *words):
    if command == b"serve":
        wire, (count, failed, total) = serve(words[0])
    elif command == b"put":
        roots = [(path, os.path.basename(path)) for path in words[2:]]
        wire = connect(PUT, *words[:2])
        count, failed, total = send(wire, itertools.chain.from_iterable(found(*root) for root in roots))
    elif command == b"get":
        wire = connect(GET, *words[:2], words[3:])
        count, failed, total = receive(wire, words[2], words[3:])
    else:
        wire = connect(LIST, *words[:2], words[2:])
        count, failed, total = listing(wire)
    wire.end()
    print(f"{count} entries, {failed} failed, {total} bytes")
    return 1 if failed else 0

if __name__ == "__main__":
    sys.exit(main(*map(os.fsencode, sys.argv[1:])))
