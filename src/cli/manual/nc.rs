//! Texts of `nc`.

/// The dialect, and where it is another.
pub(crate) const NC: &str = "\
The program also speaks it when it is invoked as nc, netcat or nc.sendall: by a link to sendall. Letters can be clustered (-lvnp4444, -zvw5) and may follow the host and the port; after -- all \
words are operands. Everything that this nc does can be said to the other commands as well, with more checks: see 'COMING FROM OTHER NETCATS' \
in 'sendall --help'.

    HOST PORT...  connect to the port, to each port, or to each of a range (20-25); names of services are ports, too
    -l [HOST] PORT  listen, on every IPv4 interface if there is no HOST (-6: every IPv6 interface); -p PORT and -s HOST do the same
    -k          with -l: the next client after one has left; with -u: datagrams from everybody, and nothing is sent
    -z          only try the ports; exit code 0 if one of them is open
    -v          write what happened to stderr; without it an attempt that fails has no line
    -n          HOST is a number, and no names are shown
    -u          datagrams: up to 16 KiB of input that come at once are one; -l joins the first peer
    -U          HOST is the path of a Unix socket, or @name; with -u a socket for datagrams
    -4, -6      only this family
    -w SECONDS  limit for connecting; when nothing was sent or received for this long, end with 0; -w 0: end when the input has ended
    -G SECONDS  limit for connecting alone
    -q SECONDS  pass the end of the input on, and end when the peer has then been silent for this long; -q 0: end at once; -1: wait
    -N          pass the end of the input on (half-close)
    -d          do not read stdin
    -W N        end after N receives, or N datagrams
    -i SECONDS  wait before each line that is sent, and between ports
    -C          send line ends as CR LF
    -t          answer Telnet's negotiation
    -e COMMAND  connect a program, with its arguments, instead of stdin and stdout; -c LINE: a line for /bin/sh
    -x HOST[:PORT]  connect through this proxy; -X 5, 4 or connect: SOCKS5 (the default), SOCKS4 or HTTP; ports 1080 and 3128
    -P USER     user for the proxy; the password is in SENDALL_PROXY_PASSWORD
    -p PORT     connect from this port; -s ADDRESS: from this address; with -u and -U: from this path
    -b          allow broadcast (-u)
    -I BYTES, -O BYTES  size of the receive buffer, and of the send buffer
    -M TTL      time to live of what is sent; -T CLASS: its class: ef, af11 to af43, cs0 to cs7, lowdelay, throughput, reliability, critical, inetcontrol, netcontrol, or the whole byte as a number
    -D          SO_DEBUG on the socket
    -h          this text

Other letters are refused by name.

DIFFERENCES

The one difference is the promise: exit code 1 where nc says 0 although data was lost. These are: a connection that was reset or that \
the system gave up, also after -w; stdout that fails (a full disk), a datagram that was refused, an option of the socket that the system grants in part only.

What follows from it: -q waits for silence, and does not cut an answer that is still coming. A listener whose client has half-closed still \
sends a file on stdin to its end, and of a pipe what is there; nc drops it. With -u and -v no four X go out before the input. -w 0 sends all of the input.

Beside that: a failure has one line, and wrong usage has no summary of letters. A signal ends it with 128 and its number. A terminal on stdin ends with the peer. Of addresses only those \
of this machine itself are shown by name (localhost): others are not looked up. Addresses of a host are tried side by side. A path of -U is removed at the end, and \
a dead one replaced. -z -u waits for one second, and tells a closed port without -v, too. -c and -e are as in ncat, -G as in macOS.

EXIT STATUS

    0      connected, and everything arrived as far as the protocol can prove it; with -z: a port is open
    1      anything else; there is a line on stderr, but for attempts to connect that fail without -v
    128+n  ended by signal n";

/// Examples.
pub(crate) const NC_EXAMPLES: &str = "\
EXAMPLES

    sendall nc -zvw5 db.example.com 5432  is the port open?
    sendall nc -l 9000 >file  receive, and on the other machine:
    sendall nc -N host.example.com 9000 <file  send
    echo ruok | sendall nc -q 1 localhost 2181  ask, and read the answer
    sendall nc -X connect -x proxy.example.com:8080 host.example.com 22  as ProxyCommand of ssh
    ln -s /usr/bin/sendall ~/bin/nc  have scripts call it";
