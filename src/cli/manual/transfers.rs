//! What `upload` and `download` do.

/// For `upload`.
pub(crate) const UPLOAD: &str = "\
Each PATH is a regular file, a folder, or a link to one; it arrives under the last component of its path, so two of \
them must not be the same. A folder arrives with all that is in it, empty folders too. Links in it are left out, unless \
--links follows or copies them; so are FIFOs, sockets and devices, and what --exclude says. What is left out for what it is \
is no failure; both sides count it in a line, also with --quiet, and --verbose names each. The last word is the endpoint, or the last two are \
HOST PORT, with a number. A HOST without a port means port 7255; a file or folder that is here is no HOST without its port.

With --name NAME --exec -- CMD ARG..., or --sh LINE, what a command prints is one more file. It runs when the server has \
said that it wants the file; its stdin is at its end, its stderr is that of sendall. The name appears only when \
its output has ended and it has ended with 0. If it ends with anything else or by a signal, nothing is stored and sendall ends with 1, \
whatever the command's own code was: the line has it. When the upload fails or is stopped, the command is killed. In a pipe to \
'upload -' nobody can tell a command that has failed from one that has finished.

A file that only grows while it is sent, as a log does, arrives as it was when it was offered: its beginning is read again, and \
must be what was sent; a line says so, and the exit status is 0. Any other change is a failure (6). Files of /proc and /sys, \
whose size says nothing, are sent to their end like stdin. A FIFO or device is not a file: '-' with '<PATH' sends what is read \
from it.

--dry-run prints what would be sent, as 'download --list' prints what is offered, also with --json.

--include and --exclude take patterns as in a .gitignore, matched on the path below the folder that was named: '*.o', \
'/build/', '!keep.o'.

With one file the summary shows its BLAKE3 digest, as b3sum prints it; with several, --verbose shows each.

WIRE TEXT

With --wire text each file goes over a connection of its own to a server that speaks nothing but the classic header: \
'upload|name|size', any answer (--verbose shows it), the bytes. Success means that the server took everything and \
ended the connection in order; what it has stored is not known, and the summary says 'unverified'. A refusal by \
'sendall serve --wire text' is known as one. Names with a '|' cannot be sent, and --force cannot be asked for.

EXAMPLES

    sendall upload report.pdf host                to port 7255
    sendall upload report.pdf host:9000
    sendall upload photos host:9000               a folder
    sendall upload --exclude '*.o' src host:9000
    tar cf - photos | sendall upload - --name photos.tar host:9000
    sendall upload --name db.sql host:9000 --exec -- pg_dump db
                                                  a dump, only if it is whole
    sendall upload --force config.toml unix:/run/inbox
    sendall upload --retry 20 disk.img host:9000  over a connection that breaks now and then
    sendall upload --wire text a.txt host:9000    to a script that knows 'command|name|size'";

/// For `download`.
pub(crate) const DOWNLOAD: &str = "\
With no NAME everything is fetched that the server shares. A NAME is a file or a folder, and may lie in a folder of the \
share (a/b.txt); it arrives under its last component. The names of the files here are chosen here, never by the server: with -o FILE one \
file gets that name, and a server that offers something that was not asked for is refused. With -o - one file goes to \
stdout as it comes, and with -o and a FIFO or a device to that: only the exit code says whether it was whole. A NAME is taken \
as --list prints it, also with the slash of a folder; patterns are not taken. A HOST without a port means port 7255, but a \
number behind it is its port: for a NAME that is a number type HOST:7255 NAME.

Links are left out, unless the server's --links says otherwise, and so are FIFOs, sockets and devices: a line counts them, \
also with --quiet.

--list prints size, time and path of each entry that is offered, a line each, instead of fetching it. The path of a \
folder ends with a slash. With --json each line is an object:

    path        string: escaped as in events
    kind        string: file, folder or link
    size        number or null: bytes of a file
    mtime       string or null: as RFC 3339 has it, in UTC; null before 1970, or where there is none yet
    executable  true or false: whether its owner may execute it
    target      string or null: where a link leads, escaped

A path in the lines is escaped, so that it can be read back: sendall(1), EVENTS. A name that is not there is a failure, told when the list has ended: 7, or 9 if there are several.

EXAMPLES

    sendall download host:9000                    everything, into this folder
    sendall download host:9000 a.txt logs/b.txt -o inbox
    sendall download host:9000 disk.img -o copy.img
    sendall download host:9000 photos.tar -o - | tar xf -
    sendall download --list host:9000";
