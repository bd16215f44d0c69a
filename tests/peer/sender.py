"""The side that has the files, for peer.py."""
import itertools, os, struct, sys
from blake3 import blake3
from wire import *

CHUNK, ROUND = 1 << 20, 40

def found(path, name):
    """What there is to send: kind, path here, path there. A folder comes behind what is in it."""
    is_folder = os.path.isdir(path) and not os.path.islink(path)
    for child in sorted(os.listdir(path)) if is_folder else []:
        yield from found(path + b"/" + child, name + b"/" + child if name else child)
    if name: yield (FOLDER if is_folder else LINK if os.path.islink(path) else os.path.isfile(path) * FILE), path, name

def offer(wire, file, kind, path, name):
    if kind == MISSING:
        body = struct.pack(">BBHQqIH", FILE, 0, 0, 0, 0, 0, len(name)) + name + extension(0x0001, b"\x07")
        return wire.say(ENTRY, file, body=body, flags=1)
    stat, target = os.lstat(path), extension(0x8001, os.readlink(path)) if kind == LINK else b""
    size, time = stat.st_size if kind == FILE else 0, divmod(stat.st_mtime_ns, 10**9)
    body = struct.pack(">BBHQqIH", kind, 0, stat.st_mode & 0o777, size, *time, len(name)) + name + target
    wire.say(ENTRY, file, body=body)

def send(wire, entries):
    entries, count, whole, total, failed = iter(entries), 0, 0, 0, 0
    some = None
    while some is None or len(some) == ROUND:
        some = list(enumerate(itertools.islice(entries, ROUND), count))
        for file, entry in some: offer(wire, file, *entry)
        wire.say(TURN)
        files = [(file, path) for file, (kind, path, _) in some if kind == FILE]
        answers = [wire.hear(HAVE) for _ in files]
        wire.hear(TURN)
        count, failed = count + len(some), failed + sum(kind == MISSING for _, (kind, _, _) in some)
        for (file, path), (_, _, answered, offset, body) in zip(files, answers):
            (verdict, digest), content = struct.unpack_from(">B3x32s", body), open(path, "rb").read()
            check(answered == file and offset <= len(content))
            is_same = blake3(content[:offset]).digest() == digest
            flags = 4 if verdict == KEEP and not is_same else 0
            failed, whole = failed + (verdict == REFUSED or flags > 0), whole + (verdict != REFUSED and not flags)
            for at in range(offset if is_same else 0, len(content), CHUNK) if verdict == WANT else []:
                wire.say(DATA, file, at, content[at:at + CHUNK])
                total += len(content[at:at + CHUNK])
            if verdict != REFUSED: wire.say(END, file, len(content), blake3(content).digest(), flags)
    wire.say(EOT, body=struct.pack(">QQ", whole, total))
    flags = 1
    while flags & 1:
        _, flags, _, _, body = wire.hear(RESULT)
        (status, done, bad), rest = struct.unpack_from(">B3xII", body), body[12:]
        while rest:
            path, text = struct.unpack_from(">6xHH", rest)
            failed, rest = failed + 1, rest[10 + path + text:]
    check(done + bad == count and (failed == bad or flags & 2) and (status == 0) == (bad == 0))
    return count, bad, total
