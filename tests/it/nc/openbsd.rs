//! The cases of OpenBSD's regress/usr.bin/nc without TLS, restated: a greeting and a command cross, and the lines on
//! stderr are those that scripts read.

use super::row::{NOBODY, ROW, Row, Side, side};

const HELLO: &str = "greeting\n";
const COMMAND: &str = "command\n";

/// Both sides have the other's text, and go on: neither passes its end on.
const fn crossing(
    name: &'static str,
    listener: (&'static str, &'static [&'static str]),
    client: (&'static str, &'static [&'static str]),
) -> Row {
    Row {
        name,
        listener: side(listener.0, HELLO, COMMAND).says(listener.1).stopped(),
        client: side(client.0, COMMAND, HELLO).says(client.1).stopped(),
        ..ROW
    }
}

/// A listener that waits while a client fails.
const fn failing(name: &'static str, client: &'static str) -> Row {
    Row {
        name,
        listener: side("-n -v -l 127.0.0.1 PORT", HELLO, "").stopped(),
        client: Side {
            says: &["nc: getaddrinfo for host \"*\" port PORT: *"],
            ..NOBODY.code_with(client, 1)
        },
        ..ROW
    }
}

impl Side {
    const fn code_with(self, words: &'static str, code: i32) -> Side {
        Side { words, ..self }.code(code)
    }
}

pub(super) const ROWS: &[Row] = &[
    crossing(
        "tcp",
        ("-n -v -l 127.0.0.1 PORT", &["Listening on 127.0.0.1 PORT", "Connection received on 127.0.0.1 *"]),
        ("-n -v 127.0.0.1 PORT", &["Connection to 127.0.0.1 PORT port [tcp/*] succeeded!"]),
    ),
    crossing(
        "tcp6",
        ("-n -v -l ::1 PORT", &["Listening on ::1 PORT", "Connection received on ::1 *"]),
        ("-n -v ::1 PORT", &["Connection to ::1 PORT port [tcp/*] succeeded!"]),
    ),
    crossing(
        "tcp-localhost-server",
        ("-4 -v -l localhost PORT", &["Listening on localhost PORT", "Connection received on localhost *"]),
        ("-n -v 127.0.0.1 PORT", &["Connection to 127.0.0.1 PORT port [tcp/*] succeeded!"]),
    ),
    Row {
        openbsd: "where only 127.0.0.1 is called localhost it shows another name for ::1",
        ..crossing(
            "tcp6-localhost-server",
            ("-6 -v -l ::1 PORT", &["Listening on localhost PORT", "Connection received on localhost *"]),
            ("-n -v ::1 PORT", &["Connection to ::1 PORT port [tcp/*] succeeded!"]),
        )
    },
    crossing(
        "tcp-localhost-client",
        ("-n -v -l 127.0.0.1 PORT", &["Listening on 127.0.0.1 PORT", "Connection received on 127.0.0.1 *"]),
        ("-4 -v localhost PORT", &["Connection to localhost (127.0.0.1) PORT port [tcp/*] succeeded!"]),
    ),
    crossing(
        "tcp6-localhost-client",
        ("-n -v -l ::1 PORT", &["Listening on ::1 PORT", "Connection received on ::1 *"]),
        ("-6 -v ::1 PORT", &["Connection to ::1 PORT port [tcp/*] succeeded!"]),
    ),
    Row {
        listener: NOBODY,
        client: side("-4 -v -l ::1 PORT", "", "").says(&["nc: *"]).code(1),
        ..named("tcp-bad-localhost-server")
    },
    Row {
        listener: NOBODY,
        client: side("-6 -v -l 127.0.0.0 PORT", "", "").says(&["nc: *"]).code(1),
        ..named("tcp6-bad-localhost-server")
    },
    failing("tcp-bad-localhost-client", "-4 -v ::1 PORT"),
    failing("tcp6-bad-localhost-client", "-6 -v 127.0.0.1 PORT"),
    crossing(
        "udp",
        ("-u -n -v -l 127.0.0.1 PORT", &["Bound on 127.0.0.1 PORT", "Connection received on 127.0.0.1 *"]),
        ("-u -n 127.0.0.1 PORT", &[]),
    ),
    crossing(
        "udp6",
        ("-u -n -v -l ::1 PORT", &["Bound on ::1 PORT", "Connection received on ::1 *"]),
        ("-u -n ::1 PORT", &[]),
    ),
    Row {
        openbsd: "with -v it sends four X before the input, and waits three seconds: bytes that nobody typed are lost data, too",
        ..crossing(
            "udp-udptest",
            (
                "-u -n -v -l 127.0.0.1 PORT",
                &["Bound on 127.0.0.1 PORT", "Connection received on 127.0.0.1 *"],
            ),
            ("-u -v -n 127.0.0.1 PORT", &["Connection to 127.0.0.1 PORT port [udp/*] succeeded!"]),
        )
    },
    crossing(
        "udp-localhost",
        ("-u -4 -v -l localhost PORT", &["Bound on localhost PORT", "Connection received on localhost *"]),
        ("-u -4 localhost PORT", &[]),
    ),
    Row {
        openbsd: "where only 127.0.0.1 is called localhost it shows another name for ::1",
        ..crossing(
            "udp6-localhost",
            ("-u -6 -v -l ::1 PORT", &["Bound on localhost PORT", "Connection received on localhost *"]),
            ("-u -6 ::1 PORT", &[]),
        )
    },
    unix("unix", "-U -n -v -l SOCKET", "-U -n -v SOCKET"),
    unix("unix-namelookup", "-U -v -l SOCKET", "-U -v SOCKET"),
    unix_datagrams("unix-dgram", "-U -u -n -v -l SOCKET", "-U -u -n -v SOCKET"),
    unix_datagrams("unix-dgram-namelookup", "-U -u -v -l SOCKET", "-U -u -v SOCKET"),
    unix_datagrams("unix-dgram-clientsock", "-U -u -n -v -l SOCKET", "-U -u -n -v -s CLIENT SOCKET"),
];

const fn named(name: &'static str) -> Row {
    Row { name, ..ROW }
}

const fn unix(name: &'static str, listener: &'static str, client: &'static str) -> Row {
    crossing(
        name,
        (listener, &["Bound on SOCKET", "Listening on SOCKET", "Connection received on SOCKET"]),
        (client, &[]),
    )
}

const fn unix_datagrams(name: &'static str, listener: &'static str, client: &'static str) -> Row {
    crossing(name, (listener, &["Bound on SOCKET", "Connection received on SOCKET"]), (client, &[]))
}
