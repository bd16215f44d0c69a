//! What `http-hello` answers.

/// For `http-hello`.
pub(crate) const HTTP_HELLO: &str = "\
ANSWERS

GET, POST, PUT, PATCH and DELETE get the answer, HEAD gets it without its body, OPTIONS is told what is allowed (204); any \
other method gets 501. A request's body is read whole before it is answered. A path is compared as it was sent, without \
its query. An answer of --path without a body has its status as text. PUT with Content-Range gets 400.

Connections are kept (HTTP/1.0: if the client asks for it), and requests that are sent ahead are answered in their order. \
Refused, and the connection closed: what is not HTTP, or could be read in two ways, or has a target that is not ASCII (400); a head or a body that took too \
long (408), a body over --max-body (413), a target over 8 KiB (414), an expectation other than 100-continue (417), \
fields over 8 KiB or more than 100 of them (431), CONNECT and transfer codings before chunked (501; 400 if chunked is not the last), versions other \
than HTTP/1 (505; HTTP/1.2 and higher is taken for 1.1). A head that is typed, with bare line feeds, is answered if it has no body, and the \
connection closed; it may not mix them with CRLF, but for the empty line.

--log writes lines to stdout: common is what web servers write; json is an object with time, peer, method, target, version, \
status and bytes. No client ever waits for it: lines that stdout does not take are left out, and stderr says how many. The end of --count \
waits until stdout has taken all of them; if some were left out it leaves 9.

--count counts answers that have arrived: the last one on a connection when the client's system has confirmed it, those \
before it when they were handed to ours. One that was lost is given to the next client.

The first SIGINT or SIGTERM finishes what has begun, within a second. Clients over --max-clients, or over the limit on \
descriptors (ulimit -n), wait, or are refused with --full refuse. Who is refused by that or by the access lists hears a reset. \
SIGHUP is what it is for 'serve': see sendall-serve(1), ACCESS.";

/// For `http-hello`, behind its options.
pub(crate) const HTTP_HELLO_EXAMPLES: &str = "\
EXAMPLES

    sendall http-hello                                 greets on 127.0.0.1:8080
    sendall http-hello :80 --path /health=204          a target for a load balancer
    sendall http-hello --whoami                        shows what a proxy passes on
    sendall http-hello 0 --status 503 --header 'Retry-After: 60' --body 'back soon\\n'
    sendall http-hello 0 --count 1 --log common        waits for one request, and ends";
