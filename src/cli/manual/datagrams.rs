//! The texts of `udp-listen` and `udp-send`.

/// For `udp-listen`.
pub(crate) const UDP_LISTEN: &str = "\
Each datagram is one record on stdout, whole, in the order in which they came; an empty one is an empty record. It ends with \
--count, with --idle-timeout, or with a signal, and then tells how many came. What is known to be lost (dropped by \
the system or here because stdout was too slow, or cut) is counted, told, and exit code 9. What a network lost on \
the way nobody knows.

--each line is the payload and a line end, whatever is in the payload; raw is the payload alone; json is an object in a line:

    time    string: when it came, as RFC 3339 has it, in UTC
    peer    string: who sent it
    length  number: bytes of payload
    text    string or null: the payload, if it is UTF-8
    base64  string or null: the payload, if it is not

--frame u16be puts two bytes with the length before each payload, most significant first: 'udp-send --each u16be' reads that.

Everything received waits for stdout in a queue that is bounded, first here and then in the system. On Linux the system says \
exactly how many datagrams it has dropped there; with a queue of 32 MiB or more (privileges, or sysctl net.core.rmem_max) \
datagrams that came together are taken together, which is several times faster, and should the system drop any in spite of \
that, it is told as '... or more'.

ANSWERS

--echo, --reply, --exec and --interactive answer. Source addresses of datagrams can be forged, so an answer is never larger than what \
came in (--amplify-ok takes that back), and goes out --max-answers times per second to one peer at most. Nothing goes to ports \
below 1024, to multicast or broadcast addresses, or to the socket itself. When a peer sends the same datagram 64 times in \
a row, each within a second after an answer, it is taken for one that answers answers, and is not answered until it was \
quiet for a second. Of each reason to withhold an answer the first is told, and all are counted.

With --interactive each line of stdin, which must be text, is a datagram to the peer that was heard last, or to --to. The rules above hold for \
lines, too, but not for those from a terminal or with --to. Lines wait for the rate, for room in the system, and (at most 64) for \
somebody to be heard. One that is larger than what came in, or that the system does not send, is told and counted, and the exit \
code 9; where nobody listens at --to, it is 3, as far as the system says so. --until ends it at its line, also before anybody was \
heard, and at the end of stdin when all lines are sent. Lines that were read and not sent at the end count as not delivered.

With --exec -- CMD each peer has a process of its own. What the peer sends comes to its stdin as it stands on stdout (a line, or as \
--each and --frame say), and each line that it says, or each record behind a length, is a datagram to the peer; with --each raw, \
whatever one read(2) brings. --answer-each cuts its output in another way: all is one datagram when it ends. Any bytes come whole \
to a process that reads lengths: --frame u16be; to one that reads lines, one with a line feed within comes in two, which is told and counts as not delivered, unless \
--each line asks for it. \
A process that has ended is started again when its peer is heard again; one whose peer was not \
heard for --peer-timeout is ended. A datagram that no process could be given (it cannot be started, does not read, there are \
--max-peers of them, or it ended, or was ended, with that unread in its pipe) counts as not delivered: exit code 9, as for a process that fails by itself. At the \
end each process' stdin ends, and it has 10 seconds to finish; one that has not is ended, and the exit code 4.

SYSTEMD

'systemd:', 'systemd:NAME' and 'fd:N' are sockets that are passed on, as 'serve' takes them: of a unit those of ListenDatagram=. \
A service manager (NOTIFY_SOCKET) is told when it hears.

PEERS

--allow and --deny say who is heard (--from is --allow); @FILE has a rule a line, and is read again on SIGHUP. With -vv a line, and \
with --json an event, tells each peer when it is heard first, 100 a second at most.

MULTICAST

--join hears a group in addition to what is sent to the port itself; type :PORT, or GROUP:PORT to hear the group alone. Several \
programs on one machine can hear the same group.";

/// For `udp-listen`.
pub(crate) const UDP_LISTEN_EXAMPLES: &str = "\
EXAMPLES

    sendall udp-listen :5140                        what others log, a line each
    sendall udp-listen --each json --from 192.0.2.0/24 :5140
    sendall udp-listen --count 1 --idle-timeout 5s 9000
    sendall udp-listen --echo :7007                 answer with the same bytes
    sendall udp-listen --exec -- sed -u s/a/b/ :7007
    sendall udp-listen --frame u16be :7007 --exec -- sendall udp-send --frame u16be --wait 1h host:7008
                                                    a relay, for any bytes
    sendall udp-listen --join 239.1.2.3 :5000       a multicast group
    sendall udp-listen --frame u16be 9000 >datagrams";

/// For `udp-send`.
pub(crate) const UDP_SEND: &str = "\
Each TEXT is a datagram, in which \\n, \\r, \\t, \\0, \\e, \\\\ and \\xHH are read; without one, each line of stdin, without its \
line end. Bytes that are no text (a NUL, or not UTF-8) are not cut at line feeds unless --each line asks for that: they are \
refused (exit code 2) before anything of what was read with them is sent. A datagram holds at most 65507 bytes: what is \
larger is refused (exit code 2), never cut in two. Texts are looked at before anything is sent; stdin as it is read.

That a datagram was sent says nothing about its arrival. A port where nobody listens is exit code 3 where the peer's system \
says so in time: at once on this machine, otherwise usually with --wait. With --wait or --replies, missing replies are exit \
code 4. The line of --until ends the waiting, too, unless --replies asks for more of them; the end of stdin does not. \
Replies are printed as 'udp-listen' prints datagrams. --frame u16be puts a length before each on stdin and on stdout, so that \
any bytes can be told apart. A multicast or broadcast address is answered by anybody.

With --idle-timeout stdin has ended when neither it nor the peer has said anything for that long: --wait and --replies count \
from then on. If nothing was sent at all, the code is 4. --source unix:/path gives the socket that sends to a \
Unix socket a name; its file is gone at the end.

With a name of several addresses the first is used that there is a way to, and the next where the port is closed on this machine.

EXAMPLES

    sendall udp-send localhost:9000 hello
    sendall udp-send logs.example 514 '<13>it works'
    sendall udp-send --replies 1 --wait 2s time.example:37 ''
    sendall udp-send --broadcast --each all 192.0.2.255:9 <wake-on-lan
    sendall udp-send --each 1400 --limit-rate 10MB host:9000 <stream
    sendall udp-send --wait 1s --label '[ff02::1%eth0]:9000' 'who is there?'
    sendall udp-send --wait 1h --until exit host:9000   type lines, read replies";
