"""Uploads a file with a code, written from PROTOCOL.md alone. It needs the packages pyopenssl (26 or later), rbcl
(libsodium's ristretto255) and blake3.
code_peer.py HOST PORT FILE     The code is in SENDALL_CODE, its words in full.
Exit 0: the server has proved that it has the code, and the file is in place. 8: no trust, and nothing of it was sent.
"""
import hashlib, hmac, os, pathlib, socket, struct, sys
from OpenSSL import SSL
from blake3 import blake3
from rbcl import crypto_core_ristretto255_from_hash as to_point, crypto_core_ristretto255_scalar_random as new_scalar
from rbcl import crypto_scalarmult_ristretto255 as multiply

SHARE, PROOF, SERVER_SHARE, ADMITTED, REFUSED = 0x02, 0x03, 0x82, 0x83, 0x8F
MAGIC, PUT, CHUNK, WANT = b"\x89SALL\r\n\x1a", 1, 1 << 20, 1
ENTRY, HAVE, TURN, DATA, END, _, EOT, ACK, RESULT, PING = range(1, 11)
DSI, CI, CLIENT, SERVER = b"CPaceRistretto255", b"sendall/1", b"client", b"server"

def check(is_true, text="the peer broke the protocol", code=1):
    if not is_true:
        print(text, file=sys.stderr)
        sys.exit(code)

class Link:
    """TLS 1.3 to a server whose certificate says nothing: the code does."""

    def __init__(self, host, port):
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_min_proto_version(SSL.TLS1_3_VERSION)
        context.set_alpn_protos([b"sendall/1"])
        self.tls = SSL.Connection(context, socket.create_connection((host, port)))
        self.tls.set_connect_state()
        self.tls.do_handshake()
        check(self.tls.get_alpn_proto_negotiated() == b"sendall/1", "the server speaks something else", 8)
        print("group", self.tls.get_group_name())

    def fields(self, form):
        data = b""
        while len(data) < struct.calcsize(form):
            try: data += self.tls.recv(struct.calcsize(form) - len(data))
            except (SSL.ZeroReturnError, SSL.SysCallError): check(False, "the connection is lost")
        return struct.unpack(form, data)

    def message(self, kind, body):
        self.tls.sendall(struct.pack(">BBH", kind, 0, len(body)) + body)

    def answer(self, kind, length):
        """The body of the message that must come now."""
        got, zero, size = self.fields(">BBH")
        body, = self.fields(f"{size}s")
        if got == REFUSED: check(False, f"refused with reason {body[0]}: {body[4:].decode()}", 8)
        check((got, zero, size) == (kind, 0, length), "no answer to a code", 8)
        return body

    def frame(self, kind, file=0, offset=0, body=b""):
        self.tls.sendall(struct.pack(">BBHIQQ", kind, 0, 0, file, offset, len(body)) + body)

    def hear(self, *kinds):
        kind, body = PING, b""
        while kind not in kinds:
            check(kind in (ACK, PING), f"frame {kind} from the peer: {body!r}")
            kind, file, offset, length = self.fields(">BxxxIQQ")
            check(length <= 65536)
            body, = self.fields(f"{length}s")
        return file, offset, body

def pieces(*values):
    """Each value behind its length, seven bits a byte, the lowest first."""
    out = b""
    for value in values:
        length = len(value)
        while length > 127: out, length = out + bytes([length & 127 | 128]), length >> 7
        out += bytes([length]) + value
    return out

def sha512(data): return hashlib.sha512(data).digest()

def prove(link, code):
    sid = link.tls.export_keying_material(b"EXPORTER-sendall-auth", 32)
    padding = bytes(max(0, 127 - len(pieces(code)) - len(pieces(DSI))))
    scalar, generator = new_scalar(), to_point(sha512(pieces(DSI, code, padding, CI, sid)))
    ours = multiply(scalar, generator)
    link.message(SHARE, ours)
    theirs = link.answer(SERVER_SHARE, 32)
    check(theirs != ours, "the server says what was said to it", 8)
    try: point = multiply(scalar, theirs)
    except (TypeError, ValueError, RuntimeError): check(False, "an impossible share", 8)
    isk = sha512(pieces(DSI + b"_ISK", sid, point) + pieces(ours, CLIENT) + pieces(theirs, SERVER))
    key = sha512(b"CPaceMac" + sid + isk)
    link.message(PROOF, hmac.digest(key, pieces(ours, CLIENT), "sha512"))
    tag = link.answer(ADMITTED, 64)
    check(hmac.compare_digest(tag, hmac.digest(key, pieces(theirs, SERVER), "sha512")), "the server has no code", 8)

def put(link, path):
    data, stat, name = path.read_bytes(), path.stat(), os.fsencode(path.name)
    link.tls.sendall(MAGIC + struct.pack(">BBBBIQIHH", 1, 0, PUT, 0, 0, len(data), 1, 0, 0))
    fixed = struct.pack(">BxHQqIH", 1, stat.st_mode & 0o777, len(data), *divmod(stat.st_mtime_ns, 10**9), len(name))
    link.frame(ENTRY, body=fixed + name)
    link.frame(TURN)
    check(link.fields(">8sBxBBI16x") == (MAGIC, 1, 0, 0, 0), "the server has not accepted")
    (_, offset, body), _ = link.hear(HAVE), link.hear(TURN)
    verdict, digest = struct.unpack_from(">B3x32s", body)
    check(verdict == WANT, f"not wanted: verdict {verdict}, reason {body[1]}")
    start = offset if offset and blake3(data[:offset]).digest() == digest else 0
    for at in range(start, len(data), CHUNK): link.frame(DATA, 0, at, data[at:at + CHUNK])
    link.frame(END, 0, len(data), blake3(data).digest())
    link.frame(EOT, body=struct.pack(">QQ", 1, len(data) - start))
    check(struct.unpack(">B3xII", link.hear(RESULT)[2][:12]) == (0, 1, 0), "it has failed there")

link = Link(sys.argv[1], int(sys.argv[2]))
prove(link, "-".join(os.environ["SENDALL_CODE"].lower().replace("-", " ").split()).encode())
put(link, pathlib.Path(sys.argv[3]))
link.tls.shutdown()
try: check(not link.tls.recv(1), "more than a RESULT")
except SSL.ZeroReturnError: print("in place")
