"""The upload server of many socketserver tutorials: 'command|name|size', an answer, and the bytes.

Usage: text_server.py FOLDER. Prints the port that it was given.
"""

import os
import socketserver
import sys


class Upload(socketserver.BaseRequestHandler):
    def handle(self):
        while True:
            header = self.request.recv(1024)
            if not header:
                return
            _command, name, size = header.decode().split("|")
            self.request.sendall(b"ok")
            left = int(size)
            with open(os.path.join(sys.argv[1], os.path.basename(name)), "wb") as out:
                while left > 0:
                    piece = self.request.recv(1024)
                    if not piece:
                        return
                    out.write(piece)
                    left -= len(piece)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


with Server(("127.0.0.1", 0), Upload) as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()
