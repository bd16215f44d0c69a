// The yardstick of stream.py: what the kernel needs to move a stream between two processes over TCP, and nothing else.
//
//   splice send PORT < INPUT          from a file by sendfile, from a pipe by splice
//   splice receive PORT > OUTPUT      of one connection
//   splice relay PORT TARGET          one connection, joined to one that it makes; the target answers last
//
// No readiness, no time limits, no answers to failures but to end with 1. All on 127.0.0.1.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static const size_t PIECE_BYTES = 1048576;

static int is_kind(int fd, mode_t kind) {
    struct stat facts;
    return fstat(fd, &facts) == 0 && (facts.st_mode & S_IFMT) == kind;
}

static struct sockaddr_in at(const char *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static int accepted(const char *port) {
    struct sockaddr_in address = at(port);
    int listening = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listening, (struct sockaddr *)&address, sizeof address) != 0 || listen(listening, 1) != 0) err(1, "listen");
    int client = accept(listening, NULL, NULL);
    if (client < 0) err(1, "accept");
    close(listening);
    return client;
}

static int connected(const char *port) {
    struct sockaddr_in address = at(port);
    int server = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(server, (struct sockaddr *)&address, sizeof address) != 0) err(1, "connect");
    return server;
}

// Until the end of `from`. One of two that splice joins must be a pipe: where none is, there is one between them.
static void move(int from, int to) {
    ssize_t count, left, gone;
    if (is_kind(from, S_IFREG)) {
        while ((count = sendfile(to, from, NULL, PIECE_BYTES)) > 0) continue;
        if (count < 0) err(1, "sendfile");
        return;
    }
    int ends[2] = {-1, -1};
    if (!is_kind(from, S_IFIFO) && !is_kind(to, S_IFIFO) && pipe(ends) != 0) err(1, "pipe");
    int into = ends[1] < 0 ? to : ends[1];
    fcntl(is_kind(into, S_IFIFO) ? into : from, F_SETPIPE_SZ, PIECE_BYTES);
    while ((count = splice(from, NULL, into, NULL, PIECE_BYTES, SPLICE_F_MOVE | SPLICE_F_MORE)) > 0)
        for (left = into == to ? 0 : count; left > 0; left -= gone)
            if ((gone = splice(ends[0], NULL, to, NULL, (size_t)left, SPLICE_F_MOVE)) <= 0) err(1, "splice");
    if (count < 0) err(1, "splice");
    if (ends[0] >= 0) close(ends[0]), close(ends[1]);
}

int main(int count, char **words) {
    char after;
    if (count == 3 && strcmp(words[1], "receive") == 0) {
        move(accepted(words[2]), STDOUT_FILENO);
        return 0;
    }
    if (count == 3 && strcmp(words[1], "send") == 0) {
        int server = connected(words[2]);
        move(STDIN_FILENO, server);
        shutdown(server, SHUT_WR);
        return read(server, &after, 1) != 0;
    }
    if (count == 4 && strcmp(words[1], "relay") == 0) {
        int client = accepted(words[2]), server = connected(words[3]);
        move(client, server);
        shutdown(server, SHUT_WR);
        move(server, client);
        return 0;
    }
    errx(2, "usage: splice send|receive PORT, or splice relay PORT TARGET");
}
