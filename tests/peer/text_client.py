"""The upload client of many tutorials, which sends all its files on one connection.

Usage: text_client.py COMMAND ADDRESS FILE... An empty COMMAND is left out of the header.
"""

import os
import socket
import sys

command, address, *paths = sys.argv[1:]
host, port = address.rsplit(":", 1)
with socket.create_connection((host, int(port))) as peer:
    for path in paths:
        fields = [os.path.basename(path), str(os.path.getsize(path))]
        peer.sendall("|".join([command] * bool(command) + fields).encode())
        answer = peer.recv(1024)
        if not answer.startswith(b"200"):
            sys.exit("answered: " + answer.decode())
        with open(path, "rb") as source:
            while piece := source.read(1024):
                peer.sendall(piece)
