"""A client whose messages have their length before them in four bytes, and that writes one byte at a time.

frames.py HOST PORT COUNT: sends COUNT messages, answers each message that comes with the same in capitals, and ends when
the other side has ended.
"""

import socket
import struct
import sys


def read_exactly(sock, count):
    data = b""
    while len(data) < count:
        piece = sock.recv(count - len(data))
        if not piece:
            if data:
                sys.exit(f"ended within {count} bytes")
            return None
        data += piece
    return data


def write_slowly(sock, message):
    for byte in struct.pack(">I", len(message)) + message:
        sock.sendall(bytes([byte]))


host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with socket.create_connection((host, port), timeout=20) as sock:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for number in range(count):
        write_slowly(sock, f"message {number}".encode() + b"." * number)
    while (head := read_exactly(sock, 4)) is not None:
        body = read_exactly(sock, struct.unpack(">I", head)[0])
        write_slowly(sock, body.upper())
