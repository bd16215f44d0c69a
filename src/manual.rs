//! Texts that `--help` and the manual pages share. A line in capitals is a heading; indented lines are shown as they are.

/// For the whole program.
pub(crate) const OVERVIEW: &str = "\
EXIT STATUS

    0      done, all of it
    1      failed for a reason that is not listed here
    2      wrong usage; also a file or folder on the command line that cannot be used
    3      no connection: name not found, refused, unreachable, address in use, not permitted to bind
    4      a time limit ran out
    5      connection lost: reset, or ended before the data was complete
    6      integrity: a digest does not match, the source changed while it was sent, the protocol was broken
    7      the peer refused: exists, not found, not allowed, too large, no space there, unsafe name
    9      some files done, some failed (each failure has a line on stderr)
    10     cannot write here: disk full, read-only, stdout closed or failing
    128+n  ended by signal n: 130 for SIGINT, 143 for SIGTERM, 141 when the reader of stdout went away

Every code but 0 and 141 comes with one line on stderr that says why. Both ends of a transfer report the outcome. \
In a pipeline the shell reports the last command's code only: use 'set -o pipefail' where there is one.

FILES THAT ARRIVE

By upload or download, a file is written under a temporary name (.sendall-*.part) in its destination folder, compared \
with the sender's BLAKE3 digest (not with --wire text), synced to the disk and only then given its name; the folder is synced before success \
is reported. An interrupted transfer leaves no file under the final name.

A name that exists with the same content counts as done. A name that exists with other content is refused, unless \
--force replaces it, in one step. Modification time and the owner's execute bit are kept; everything else of the mode \
comes from the umask, never setuid, setgid or sticky. Links in the destination are not followed. Names are single, \
clean components: folders are not transferred as such, their files are.

EXAMPLES

Receive one file, here, from anywhere, and send it:

    sendall serve --store . --once :9000
    sendall upload report.pdf receiver.example:9000

Stream between two machines, as with nc, but with an exit code that can be believed:

    sendall serve :9000 | tar xf -
    tar cf - folder | sendall connect receiver.example:9000

Offer a file to whoever can connect, and fetch it under another name:

    sendall serve --share disk.img :9000
    sendall download sender.example:9000 disk.img -o copy.img";

/// An endpoint to connect to.
pub(crate) const WHERE_TO: &str =
    "Where to: HOST:PORT, [V6]:PORT, unix:/path, unix:@name, or two words HOST PORT";

/// An endpoint to connect to.
pub(crate) const WHERE_FROM: &str =
    "Where from: HOST:PORT, [V6]:PORT, unix:/path, unix:@name, or two words HOST PORT";

/// For `serve` and `connect`.
pub(crate) const END_OF_FILE: &str = "\
END OF FILE

1. The end of the input is passed on to the peer (as a half-close) after the last byte. Receiving goes on.

2. The peer's end of file ends that direction only. What the input still holds is still sent.

3. The command ends with 0 when both directions have ended, everything received was written, and the peer's system has \
acknowledged everything that was sent.

4. A reset, or a peer that closed before it had everything, is a failure: 5.

5. An input that is closed or is /dev/null has nothing to say, but has not finished speaking: the end is passed on only \
when the peer has ended. So the command works the same under cron, systemd and 'ssh -n'. An empty file or pipe is a \
real input: rule 1.

6. A terminal as input ends with the peer.

7. --end-when sets which end of file ends the command, --no-half-close keeps rule 1 from sending anything, --send-only \
and --recv-only drop one direction.

8. A stdout that is closed is an error at the start: 10. A reader of stdout that goes away ends the command silently: \
141. A full disk: 10.";

/// For `serve`.
pub(crate) const SERVE: &str = "\
ENDPOINTS

    PORT           this machine only, IPv4 and IPv6
    :PORT          every interface, IPv4 and IPv6
    HOST:PORT      that address; [V6]:PORT for IPv6
    unix:/path     a Unix socket; its file is removed at the end
    unix:@name     an abstract Unix socket (Linux)

Port 0 lets the system choose, one port for both families. Each listener is reported on stderr in a line of its own, \
'listening on ADDRESS', except with --quiet.

With --store or --share a server ends with a signal, or with --once after its first session. Peers are not \
authenticated and nothing is encrypted: whoever can connect can use the server.

WIRE TEXT

With --wire text clients announce each file by the classic header 'command|name|size' or 'name|size', wait for an answer, \
and send exactly so many bytes; several files on one connection. Files that exist are never replaced. A header \
is answered by '200 ok', or by a status and ' refused: ' and the reason. What arrives is synced and named as always, \
but nothing proves its content: the lines say 'unverified'. PROTOCOL.md has the rules.";

/// For `serve`.
pub(crate) const SERVE_EXAMPLES: &str = "\
EXAMPLES

    sendall serve 9000                            chat with the first client from this machine
    sendall serve --recv-only :9000 >log          write down what one client says
    sendall serve --store inbox :9000             take files from many clients
    sendall serve --store inbox --once 0          one session, its outcome as exit code
    sendall serve --store inbox --wire text :9000 take files from simple scripts
    sendall serve --share inbox unix:/run/shelf   offer the files of a folder";

/// For `connect`.
pub(crate) const CONNECT_EXAMPLES: &str = "\
EXAMPLES

    sendall connect localhost 25                  talk to a server from the terminal
    printf 'GET / HTTP/1.0\\r\\n\\r\\n' | sendall connect example.org:80
    tar cf - folder | sendall connect host:9000   stream
    sendall connect --send-only host:514 <log     only send; 0 when all of it was acknowledged";

/// For `upload`.
pub(crate) const UPLOAD: &str = "\
Each PATH is a regular file, or a link to one. The file arrives under the last component of its path; so two of them \
must not be the same. The last word is the endpoint, or the last two are HOST PORT.

With one file the summary shows its BLAKE3 digest, as b3sum prints it; with several, --verbose shows each.

WIRE TEXT

With --wire text each file goes over a connection of its own to a server that speaks nothing but the classic header: \
'upload|name|size', any answer (--verbose shows it), the bytes. Success means that the server took everything and \
ended the connection in order; what it has stored is not known, and the summary says 'unverified'. A refusal by \
'sendall serve --wire text' is known as one. Names with a '|' cannot be sent, and --force cannot be asked for.

EXAMPLES

    sendall upload report.pdf host:9000
    sendall upload photos/* host:9000             the files of a folder
    sendall upload --force config.toml unix:/run/inbox
    sendall upload --wire text a.txt host:9000    to a script that knows 'command|name|size'";

/// For `download`.
pub(crate) const DOWNLOAD: &str = "\
With no NAME everything at the top level of the share is fetched. A NAME may lie in a folder of the share (a/b.txt); it \
arrives under its last component. The names of the files here are chosen here, never by the server: with -o FILE one \
file gets that name, and a server that offers something that was not asked for is refused.

EXAMPLES

    sendall download host:9000                    everything, into this folder
    sendall download host:9000 a.txt logs/b.txt -o inbox
    sendall download host:9000 disk.img -o copy.img";
