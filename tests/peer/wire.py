"""The numbers and frames of PROTOCOL.md, for peer.py."""
import socket, struct, sys

MAGIC, PUT, GET, LIST, UNKNOWN = b"\x89SALL\r\n\x1a", 1, 2, 3, 2**64 - 1
ENTRY, HAVE, TURN, DATA, END, _, EOT, ACK, RESULT, PING, ERROR = range(1, 12)
MISSING, FILE, FOLDER, LINK = range(4)
WANT, KEEP, REFUSED = range(1, 4)

def check(is_true, what="the peer broke the protocol"):
    if not is_true: sys.exit(what)

class Wire:
    def __init__(self, stream):
        stream.settimeout(20)
        self.stream, self.read, self.out = stream, stream.makefile("rb").read, stream.makefile("wb")
    def fields(self, form):
        data = self.read(struct.calcsize(form))
        check(len(data) == struct.calcsize(form), "the connection ended too early")
        return struct.unpack(form, data)
    def say(self, kind, file=0, offset=0, body=b"", flags=0):
        self.out.write(struct.pack(">BBHIQQ", kind, flags, 0, file, offset, len(body)) + body)
    def hear(self, *kinds):
        self.out.flush()
        while True:
            kind, flags, _, file, offset, length = self.fields(">BBHIQQ")
            check(length <= (16 << 20 if kind == DATA else 65536))
            body, = self.fields(f"{length}s")
            check(kind != ERROR, f"the peer says: {body[4:]!r}")
            if kind in kinds: return kind, flags, file, offset, body
            check(kind in (ACK, PING))
    def end(self):
        self.out.flush()
        self.stream.shutdown(socket.SHUT_WR)
        check(self.read() == b"")

def extension(kind, value): return struct.pack(">HH", kind, len(value)) + value

def extensions(data):
    while data:
        kind, length = struct.unpack_from(">HH", data)
        yield kind, data[4:4 + length]
        data = data[4 + length:]
