"""Uploads a file with a code, written from PROTOCOL.md alone. It needs the packages pyopenssl (26 or later), rbcl
(libsodium's ristretto255) and blake3.
code_peer.py HOST PORT FILE [KEY]     The code is in SENDALL_CODE, its words in full. With KEY, as the server prints it, the
server is known by that, wants no code (--open), and is not waited for.
Exit 0: the server has proved that it has the code, and the file is in place. 8: no trust, and nothing of it was sent.
"""
import base64, hashlib, hmac, os, pathlib, socket, struct, sys
from OpenSSL import SSL
from blake3 import blake3
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from rbcl import crypto_core_ristretto255_from_hash as to_point, crypto_core_ristretto255_scalar_random as new_scalar
from rbcl import crypto_scalarmult_ristretto255 as multiply

OPEN, SHARE, PROOF, ADMITTED, SERVER_SHARE, PROVEN, REFUSED = 0x01, 0x02, 0x03, 0x80, 0x82, 0x83, 0x8F
MAGIC, PUT, FILE, CHUNK, WANT = b"\x89SALL\r\n\x1a", 1, 1, 1 << 20, 1
ENTRY, HAVE, TURN, DATA, END, _, EOT, ACK, RESULT, PING = range(1, 11)
DSI, CI, CLIENT, SERVER, EXPORTER = b"CPaceRistretto255", b"sendall/1", b"client", b"server", b"EXPORTER-sendall-auth"

def check(is_true, text="the peer broke the protocol", code=1):
    if not is_true:
        print(text, file=sys.stderr)
        sys.exit(code)

class Link:
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
        data, length = b"", struct.calcsize(form)
        while len(data) < length:
            try: data += self.tls.recv(length - len(data))
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
        kind, body = PING, b""  # Which may come at any time, as ACK may.
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

def prove(link, code):
    sha512, sid = lambda data: hashlib.sha512(data).digest(), link.tls.export_keying_material(EXPORTER, 32)
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
    tag = link.answer(PROVEN, 64)
    check(hmac.compare_digest(tag, hmac.digest(key, pieces(theirs, SERVER), "sha512")), "the server has no code", 8)

def recognize(link, key):
    shown = link.tls.get_peer_certificate(as_cryptography=True).public_key()
    digest = hashlib.sha256(shown.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    check("sha256:" + base64.urlsafe_b64encode(digest).decode().rstrip("=") == key, "the server has another key", 8)
    link.message(OPEN, b"")

def put(link, path, is_proven):
    data, stat, name = path.read_bytes(), path.stat(), os.fsencode(path.name)
    link.tls.sendall(MAGIC + struct.pack(">BBBBIQIHH", 1, 0, PUT, 0, 0, len(data), 1, 0, 0))
    fixed = struct.pack(">BxHQqIH", FILE, stat.st_mode & 0o777, len(data), *divmod(stat.st_mtime_ns, 10**9), len(name))
    link.frame(ENTRY, body=fixed + name)
    link.frame(TURN)
    check(is_proven or link.answer(ADMITTED, 1)[0] & 1, "nothing may be stored there", 8)
    check(link.fields(">8sBxBBI16x") == (MAGIC, 1, 0, 0, 0), "the server has not accepted")
    (_, offset, body), _ = link.hear(HAVE), link.hear(TURN)
    verdict, digest = struct.unpack_from(">B3x32s", body)
    check(verdict == WANT, f"not wanted: verdict {verdict}, reason {body[1]}")
    start = offset if offset and blake3(data[:offset]).digest() == digest else 0
    for at in range(start, len(data), CHUNK): link.frame(DATA, 0, at, data[at:at + CHUNK])
    link.frame(END, 0, len(data), blake3(data).digest())
    link.frame(EOT, body=struct.pack(">QQ", 1, len(data) - start))
    check(struct.unpack(">B3xII", link.hear(RESULT)[2][:12]) == (0, 1, 0), "it has failed there")

host, port, path, *key = sys.argv[1:]
link = Link(host, int(port))
if key: recognize(link, *key)
else: prove(link, "-".join(os.environ["SENDALL_CODE"].lower().replace("-", " ").split()).encode())
put(link, pathlib.Path(path), not key)
link.tls.shutdown()
try: check(not link.tls.recv(1), "more than a RESULT")
except SSL.ZeroReturnError: print("in place")
