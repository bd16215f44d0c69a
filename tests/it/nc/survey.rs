//! The shapes in which public scripts call nc, as rows.

use super::row::{Input, ROW, Row, mute, side};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "nc -zv HOST PORT",
        listener: mute("-v -l 127.0.0.1 PORT", ""),
        client: mute("-zv localhost PORT", "")
            .says(&["Connection to localhost (127.0.0.1) PORT port [tcp/*] succeeded!"]),
        ..ROW
    },
    Row { name: "until nc -z HOST PORT: not yet", client: mute("-z localhost PORT", "").code(1), ..ROW },
    Row {
        name: "nc -zvw5 HOST PORT",
        client: mute("-zvw5 127.0.0.1 PORT", "")
            .says(&["nc: connect to 127.0.0.1 port PORT (tcp) failed: Connection refused"])
            .code(1),
        ..ROW
    },
    Row {
        name: "nc -vz -G 1 HOST PORT",
        client: mute("-vz -G 1 127.0.0.1 PORT", "").code(1).says(&["nc: connect *"]),
        openbsd: "-G is of macOS: the limit for connecting",
        ..ROW
    },
    Row {
        name: "nc -z -v -w30 HOST PORT PORT: one is open",
        listener: mute("-v -l 127.0.0.1 PORT", ""),
        client: mute("127.0.0.1 1 PORT -z -v -w30", "")
            .says(&["nc: connect to 127.0.0.1 port 1 (tcp) failed: *", "Connection to 127.0.0.1 PORT *"]),
        ..ROW
    },
    Row {
        name: "nc -zn HOST 1-3",
        client: mute("-nvz 127.0.0.1 1-3", "")
            .says(&["nc: connect to 127.0.0.1 port 1 *", "nc: connect to 127.0.0.1 port 3 *"])
            .code(1),
        ..ROW
    },
    Row {
        name: "nc -q 1 HOST PORT </dev/null as a probe",
        listener: mute("-v -l 127.0.0.1 PORT", ""),
        client: mute("-q 1 127.0.0.1 PORT", ""),
        ..ROW
    },
    Row {
        name: "echo ruok | nc HOST 2181: the server ends",
        listener: side("-v -N -l 127.0.0.1 PORT", "imok", "ruok\n"),
        client: side("127.0.0.1 PORT", "ruok\n", "imok"),
        ..ROW
    },
    Row {
        name: "printf request | nc -N HOST 80",
        listener: side(
            "-v -N -l 127.0.0.1 PORT",
            "HTTP/1.0 204 No Content\r\n\r\n",
            "GET / HTTP/1.0\r\n\r\n",
        ),
        client: side("-N 127.0.0.1 PORT", "GET / HTTP/1.0\r\n\r\n", "HTTP/1.0 204 No Content\r\n\r\n"),
        ..ROW
    },
    Row {
        name: "while true; do printf answer | nc -l -p PORT -q 1; done",
        listener: side("-v -l -p PORT -q 1", "HTTP/1.1 200 OK\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"),
        client: side("127.0.0.1 PORT", "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"),
        openbsd: "now and then it ends before it has read what the client sent, with 0",
    },
    Row {
        name: "nc -l -p PORT > file; nc -q 0 HOST PORT < file",
        listener: mute("-v -l -p PORT", "content"),
        client: side("-q 0 127.0.0.1 PORT", "", "").input(Input::File("content")),
        ..ROW
    },
    Row {
        name: "nc -l -s ADDRESS -p PORT",
        listener: mute("-v -n -l -s 127.0.0.1 -p PORT", "x").says(&["Listening on 127.0.0.1 PORT"]),
        client: side("-N 127.0.0.1 PORT", "x", ""),
        ..ROW
    },
    Row {
        name: "nc -lvnp 4444",
        listener: side("-lvnpPORT", "id\n", "uid=0\n")
            .says(&["Listening on 0.0.0.0 PORT", "Connection received on 127.0.0.1 *"])
            .stopped(),
        client: side("127.0.0.1 PORT", "", "id\n").input(Input::Open("uid=0\n")).stopped(),
        ..ROW
    },
    Row {
        name: "nc -lk PORT",
        listener: mute("-v -lk 127.0.0.1 PORT", "a line\n").stopped(),
        client: side("-N localhost PORT", "a line\n", ""),
        ..ROW
    },
    Row {
        name: "generator | nc -lk PORT",
        listener: side("-v -k -l 127.0.0.1 PORT", "", "").input(Input::Open("line\n")).stopped(),
        client: side("127.0.0.1 PORT", "", "line\n").input(Input::Open("")).stopped(),
        ..ROW
    },
    Row {
        name: "nc -dkl -s ADDRESS -p PORT",
        listener: mute("-v -dkl -s 127.0.0.1 -p PORT", "x\n").stopped(),
        client: side("-N 127.0.0.1 PORT", "x\n", ""),
        ..ROW
    },
    Row {
        name: "nc -dklun PORT",
        listener: mute("-v -dklun PORT", "<13>x\n").says(&["Bound on 0.0.0.0 PORT"]).stopped(),
        client: side("-u -w0 127.0.0.1 PORT", "<13>x\n", "").input(Input::File("<13>x\n")),
        ..ROW
    },
    Row {
        name: "echo metric | nc -u -q 0 HOST 8125",
        listener: mute("-v -lu 127.0.0.1 PORT", "a.b:1|c\n").stopped(),
        client: side("-u -q 0 127.0.0.1 PORT", "a.b:1|c\n", ""),
        ..ROW
    },
    Row {
        name: "nc -u -l PORT: question and answer",
        listener: side("-v -u -l 127.0.0.1 PORT", "answer\n", "question\n").stopped(),
        client: side("-u -W 1 127.0.0.1 PORT", "", "answer\n").input(Input::Open("question\n")),
        ..ROW
    },
    Row {
        name: "echo command | nc -U SOCKET",
        listener: side("-v -N -lU SOCKET", "OK\n", "info\n"),
        client: side("-U SOCKET", "info\n", "OK\n"),
        ..ROW
    },
    Row {
        name: "echo command | nc -U -q 1 SOCKET",
        listener: side("-v -N -lU SOCKET", "OK\n", "quit\n"),
        client: side("-U -q 1 SOCKET", "quit\n", "OK\n"),
        ..ROW
    },
    Row {
        name: "nc -zU SOCKET: there is none",
        client: mute("-zU SOCKET", "").says(&["nc: SOCKET: No such file or directory"]).code(1),
        ..ROW
    },
    Row { name: "nc -zU SOCKET", listener: mute("-v -lU SOCKET", ""), client: mute("-zU SOCKET", ""), ..ROW },
    Row {
        name: "nc -e /bin/sh HOST PORT",
        listener: side("-v -n -l 127.0.0.1 PORT", "echo abc; exit\n", "abc\n"),
        client: mute("-e /bin/sh 127.0.0.1 PORT", ""),
        openbsd: "it has no -e",
    },
    Row {
        name: "nc -W 1 HOST PORT: a greeting",
        listener: side("-v -n -l 127.0.0.1 PORT", "220 hello\r\n", "").input(Input::Open("220 hello\r\n")),
        client: side("-W 1 127.0.0.1 PORT", "", "220 hello\r\n").input(Input::Open("")),
        ..ROW
    },
    Row {
        name: "telnet: nc -t HOST PORT",
        listener: side("-v -n -N -l 127.0.0.1 PORT", "\u{1}login: ", ""),
        client: mute("-t 127.0.0.1 PORT", "\u{1}login: "),
        ..ROW
    },
    Row {
        name: "nc -T lowdelay -M 9 -I 4096 -O 4096 HOST PORT",
        listener: mute("-v -n -T 0x10 -l 127.0.0.1 PORT", "x"),
        client: side("-T lowdelay -M 9 -I 4096 -O 4096 -N 127.0.0.1 PORT", "x", ""),
        ..ROW
    },
    Row {
        name: "tail -f log | nc -l PORT: a client that leaves",
        listener: side("-v -n -l 127.0.0.1 PORT", "", "").input(Input::Open("line\n")),
        client: side("-W 1 127.0.0.1 PORT", "", "line\n").input(Input::Open("")),
        ..ROW
    },
    Row {
        name: "echo metric | nc -w0 HOST 2003",
        listener: mute("-v -n -l 127.0.0.1 PORT", "a.b 1 1700000000\n"),
        client: side("-w0 127.0.0.1 PORT", "a.b 1 1700000000\n", ""),
        openbsd: "it ends when it has to wait, and may send nothing",
    },
    Row {
        name: "nc -C HOST 25 <<EOF",
        listener: side("-v -n -N -l 127.0.0.1 PORT", "220 x\r\n", "HELO x\r\nQUIT\r\n"),
        client: side("-C -N 127.0.0.1 PORT", "HELO x\nQUIT\n", "220 x\r\n"),
        ..ROW
    },
    Row {
        name: "tar | nc -l PORT; nc HOST PORT </dev/null | tar",
        listener: side("-v -n -N -l 127.0.0.1 PORT", "an archive", ""),
        client: mute("127.0.0.1 PORT", "an archive"),
        ..ROW
    },
    Row {
        name: "nc -uU SOCKET, as for /dev/log",
        listener: mute("-v -l -u -U SOCKET", "<13>x").stopped(),
        client: side("-uU SOCKET -q 0", "<13>x", ""),
        openbsd: "it prints nothing if the client has left before it connects back",
    },
    Row {
        name: "nc -lk -p PORT -e echo ok, as busybox has it",
        client: mute("-lk -p PORT -e echo ok", "").says(&["nc: -e takes one word: *"]).code(1),
        openbsd: "it has no -e",
        ..ROW
    },
    Row {
        name: "ncat --proxy A --proxy-type socks5 HOST PORT",
        client: mute("--proxy 127.0.0.1 --proxy-type socks5 h 1", "")
            .says(&["nc: '--proxy': nc has letters only, *"])
            .code(1),
        openbsd: "its line is another",
        ..ROW
    },
];
