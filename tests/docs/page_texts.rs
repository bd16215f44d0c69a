//! Parts of manual pages that `--help` does not have.

pub(crate) struct Page {
    pub(crate) name: &'static str,
    /// The options are letters, which the text lists.
    pub(crate) has_letters: bool,
    /// By use; a line has at most 70 characters.
    pub(crate) synopsis: &'static [&'static str],
    pub(crate) environment: &'static [Row],
    pub(crate) files: &'static [Row],
    pub(crate) see_also: &'static [&'static str],
}

type Row = (&'static str, &'static str);

const PASSWORD: Row = (
    "SENDALL_PROXY_PASSWORD",
    "The password for a --proxy with a USER, unless --proxy-password-file is given. It is not passed on to processes.",
);
const PASSWORD_OF_NC: Row = ("SENDALL_PROXY_PASSWORD", "The password for the user of -P.");
const CODE: Row = (
    "SENDALL_CODE",
    "The code of a server of transfers, or of --code, in place of the one that it would make or ask for.",
);
const KEY: Row = ("SENDALL_KEY", "The file of this side's key, unless --key names one.");
const STATE: Row = (
    "STATE_DIRECTORY, XDG_STATE_HOME, HOME",
    "Where the files key and known are: in $STATE_DIRECTORY, which systemd sets, else in $XDG_STATE_HOME/sendall, else in \
     ~/.local/state/sendall.",
);
const CHILD: Row = (
    "SENDALL_PEER_ADDR, SENDALL_PEER_PORT, SENDALL_LOCAL_ADDR, SENDALL_LOCAL_PORT",
    "Set for each process of --exec, --sh and --exec-socket: the two ends of its connection. Unix sockets have no port.",
);
const PASSED_SOCKETS: Row = (
    "LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES",
    "The sockets for the endpoints systemd: and systemd:NAME, see sd_listen_fds(3).",
);
const SERVICE_MANAGER: Row = (
    "NOTIFY_SOCKET",
    "The socket of a service manager. It receives READY=1 when every endpoint is bound and STOPPING=1 at the end, see \
     sd_notify(3).",
);
const TERM: Row = ("TERM", "Set to dumb for a process of --pty if it is not set.");

const PART: Row = (
    ".sendall-*.part",
    "A file that has not arrived whole yet, in the folder that it is written to. It becomes the file when it is verified, \
     is resumed by the next transfer of the same name, and is removed after a week.",
);
const KEY_FILE: Row = (
    "~/.local/state/sendall/key",
    "This side's key (P-256, PKCS#8, PEM), made at the first use. It is refused if others can read or change it.",
);
const KNOWN: Row = (
    "~/.local/state/sendall/known",
    "The servers that this user knows, a line each: HOST:PORT, key, time, and how it was trusted. Delete the line of a \
     server whose key has changed for a reason that you know.",
);
const SOCKET_FILE: Row = (
    "PATH of unix:PATH",
    "The file of a Unix socket. It is created when the endpoint is bound, and removed when the command ends.",
);
const LISTS: Row = (
    "@FILE of --allow and --deny",
    "Networks, addresses and names, one per line; # starts a comment. Read at the start and again on SIGHUP.",
);
const PASSWORDS: Row = (
    "FILE of --proxy-password-file",
    "The passwords of the proxies, one per line in the order of --proxy, or one line for all of them.",
);

pub(crate) const PAGES: &[Page] = &[
    Page {
        name: "sendall",
        has_letters: false,
        synopsis: &[
            "sendall serve [OPTIONS] [ENDPOINT...]",
            "sendall connect [OPTIONS] ENDPOINT",
            "sendall upload [OPTIONS] PATH... ENDPOINT",
            "sendall download [OPTIONS] ENDPOINT [NAME...]",
            "sendall http-hello [OPTIONS] [ENDPOINT...]",
            "sendall udp-listen [OPTIONS] ENDPOINT...",
            "sendall udp-send [OPTIONS] ENDPOINT [TEXT...]",
            "sendall nc [LETTERS] HOST PORT...",
            "sendall --help | --version",
        ],
        environment: &[CODE, KEY, STATE, PASSWORD, CHILD, PASSED_SOCKETS, SERVICE_MANAGER],
        files: &[PART, KEY_FILE, KNOWN, SOCKET_FILE, LISTS],
        see_also: &[
            "sendall-serve(1)",
            "sendall-connect(1)",
            "sendall-upload(1)",
            "sendall-download(1)",
            "sendall-http-hello(1)",
            "sendall-udp-listen(1)",
            "sendall-udp-send(1)",
            "sendall-nc(1)",
            "nc(1)",
            "ncat(1)",
            "socat(1)",
            "b3sum(1)",
        ],
    },
    Page {
        name: "sendall-serve",
        has_letters: false,
        synopsis: &[
            "sendall serve [OPTIONS] ENDPOINT...",
            "sendall serve {--keep-open | --broker [--chat]} [OPTIONS] ENDPOINT...",
            "sendall serve {--echo | --discard | --reply TEXT} [OPTIONS] ENDPOINT...",
            "sendall serve --answer WHEN=SAY... [OPTIONS] ENDPOINT...",
            "sendall serve [OPTIONS] ENDPOINT... --exec -- CMD [ARG...]",
            "sendall serve --sh LINE [OPTIONS] ENDPOINT...",
            "sendall serve {--store DIR | --share PATH} [OPTIONS] [ENDPOINT...]",
            "sendall serve {--forward SERVER | --socks} [OPTIONS] ENDPOINT...",
        ],
        environment: &[CODE, KEY, STATE, PASSED_SOCKETS, SERVICE_MANAGER, CHILD, TERM],
        files: &[
            PART,
            KEY_FILE,
            SOCKET_FILE,
            LISTS,
            ("FILE of --socks-users", "The users of the proxy, one user:password per line."),
            ("FILE of --digests", "One line per stored file, in the format of b3sum(1)."),
        ],
        see_also: &[
            "sendall(1)",
            "sendall-connect(1)",
            "sendall-upload(1)",
            "sendall-download(1)",
            "systemd.socket(5)",
            "inetd(8)",
            "b3sum(1)",
        ],
    },
    Page {
        name: "sendall-connect",
        has_letters: false,
        synopsis: &[
            "sendall connect [OPTIONS] ENDPOINT",
            "sendall connect --probe [--within DURATION] [OPTIONS] ENDPOINT...",
            "sendall connect --frame FRAME [OPTIONS] ENDPOINT",
            "sendall connect --proxy URL... [OPTIONS] ENDPOINT",
            "sendall connect [OPTIONS] ENDPOINT --exec -- CMD [ARG...]",
            "sendall connect --sh LINE [OPTIONS] ENDPOINT",
        ],
        environment: &[CODE, KEY, STATE, PASSWORD, CHILD, TERM],
        files: &[
            KEY_FILE,
            KNOWN,
            PASSWORDS,
            (
                "FILE of --tee-in, --tee-out and --hex-dump",
                "A record of the stream. It is emptied at the first connection, unless --tee-append is given.",
            ),
        ],
        see_also: &["sendall(1)", "sendall-serve(1)", "sendall-udp-send(1)", "nc(1)", "socat(1)"],
    },
    Page {
        name: "sendall-upload",
        has_letters: false,
        synopsis: &[
            "sendall upload [OPTIONS] PATH... ENDPOINT",
            "sendall upload --name NAME [OPTIONS] - ENDPOINT",
            "sendall upload --name NAME [OPTIONS] ENDPOINT --exec -- CMD [ARG...]",
            "sendall upload --name NAME --sh LINE [OPTIONS] ENDPOINT",
            "sendall upload --dry-run [OPTIONS] PATH... ENDPOINT",
            "sendall upload --wire text [OPTIONS] PATH... ENDPOINT",
        ],
        environment: &[CODE, KEY, STATE, PASSWORD],
        files: &[
            KEY_FILE,
            KNOWN,
            PASSWORDS,
            ("FILE of --digests", "One line per file that arrived, in the format of b3sum(1)."),
        ],
        see_also: &["sendall(1)", "sendall-serve(1)", "sendall-download(1)", "b3sum(1)", "gitignore(5)"],
    },
    Page {
        name: "sendall-download",
        has_letters: false,
        synopsis: &[
            "sendall download [OPTIONS] ENDPOINT [NAME...]",
            "sendall download -o FILE [OPTIONS] ENDPOINT NAME",
            "sendall download -o - [OPTIONS] ENDPOINT NAME",
            "sendall download --list [OPTIONS] ENDPOINT [NAME...]",
        ],
        environment: &[CODE, KEY, STATE, PASSWORD],
        files: &[
            KEY_FILE,
            KNOWN,
            PART,
            PASSWORDS,
            ("FILE of --digests", "One line per file that arrived, in the format of b3sum(1)."),
        ],
        see_also: &["sendall(1)", "sendall-serve(1)", "sendall-upload(1)", "b3sum(1)"],
    },
    Page {
        name: "sendall-http-hello",
        has_letters: false,
        synopsis: &[
            "sendall http-hello [OPTIONS] [ENDPOINT...]",
            "sendall http-hello --path PATH=STATUS[:BODY]... [OPTIONS] [ENDPOINT...]",
            "sendall http-hello {--whoami | --echo} [OPTIONS] [ENDPOINT...]",
        ],
        environment: &[PASSED_SOCKETS, SERVICE_MANAGER],
        files: &[("@FILE of --body and --path", "The body of an answer."), SOCKET_FILE, LISTS],
        see_also: &["sendall(1)", "sendall-serve(1)", "curl(1)"],
    },
    Page {
        name: "sendall-udp-listen",
        has_letters: false,
        synopsis: &[
            "sendall udp-listen [OPTIONS] ENDPOINT...",
            "sendall udp-listen {--echo | --reply TEXT} [OPTIONS] ENDPOINT...",
            "sendall udp-listen --interactive [--to PEER] [OPTIONS] ENDPOINT...",
            "sendall udp-listen [OPTIONS] ENDPOINT... --exec -- CMD [ARG...]",
            "sendall udp-listen --sh LINE [OPTIONS] ENDPOINT...",
            "sendall udp-listen --join GROUP [OPTIONS] ENDPOINT...",
        ],
        environment: &[PASSED_SOCKETS, SERVICE_MANAGER, CHILD],
        files: &[SOCKET_FILE, LISTS, ("@FILE of --reply", "The text of every answer.")],
        see_also: &["sendall(1)", "sendall-udp-send(1)", "systemd.socket(5)"],
    },
    Page {
        name: "sendall-udp-send",
        has_letters: false,
        synopsis: &[
            "sendall udp-send [OPTIONS] ENDPOINT TEXT...",
            "sendall udp-send [OPTIONS] ENDPOINT <FILE",
            "sendall udp-send {--wait DURATION | --replies N} [OPTIONS] ENDPOINT [TEXT...]",
        ],
        environment: &[("none", "The command reads no variable of its own.")],
        files: &[("PATH of --source unix:PATH", "The name of the sending socket. It is removed at the end.")],
        see_also: &["sendall(1)", "sendall-udp-listen(1)"],
    },
    Page {
        name: "sendall-nc",
        has_letters: true,
        synopsis: &[
            "nc [LETTERS] HOST PORT...",
            "nc -l [LETTERS] [HOST] PORT",
            "nc -U [-l] [LETTERS] PATH",
            "sendall nc [LETTERS] HOST PORT...",
        ],
        environment: &[PASSWORD_OF_NC, CHILD],
        files: &[("PATH of -U", "The file of a Unix socket. With -l it is removed at the end.")],
        see_also: &["sendall(1)", "sendall-connect(1)", "sendall-serve(1)", "nc(1)", "ncat(1)"],
    },
];
