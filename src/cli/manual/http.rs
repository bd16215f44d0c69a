//! The texts of `http-hello`.

/// For `http-hello`.
pub(crate) const HTTP_HELLO: &str = "\
ANSWERS

GET, POST, PUT, PATCH and DELETE get the answer. HEAD gets it without its body. OPTIONS gets 204 with the allowed methods; every \
other method gets 501. The body of a request is read completely before the answer. Paths are compared as sent, without \
the query. If --path gives no body, the answer contains its status as text. PUT with Content-Range gets 400.

Connections are kept open (for HTTP/1.0: if the client asks for it), and pipelined requests are answered in order. The following \
requests are refused, and the connection is closed:

    400  not HTTP, ambiguous, a target that is not ASCII, or transfer codings that do not end with chunked
    408  a head or a body that takes too long
    413  a body over --max-body
    414  a target over 8 KiB
    417  an expectation other than 100-continue
    431  header fields over 8 KiB, or more than 100 of them
    501  CONNECT, and transfer codings before chunked
    505  versions other than HTTP/1; HTTP/1.2 and higher are treated as 1.1

A head typed by hand, with bare line feeds, is answered if it has no body, and the connection is closed. Apart from the empty line, it \
must not mix line feeds with CRLF.

--log writes lines to stdout. common is the format of web servers; json is an object with time, peer, method, target, version, \
status and bytes. Clients never wait for the log: lines that stdout does not take are left out, and stderr reports their number. With \
--count, the end waits until stdout has taken all lines; if some were left out, the exit code is 9.

--count counts answers that arrived. The last answer on a connection counts when the client's system has acknowledged it, earlier \
ones when they were given to the local system. A lost answer does not count: the next client replaces it.

The first SIGINT or SIGTERM lets requests in progress finish, within a second. Clients over --max-clients, or over the limit on \
descriptors (ulimit -n), wait, or are refused with --full refuse. A client refused by a limit or by an access list gets a reset. \
SIGHUP works as for 'serve': see sendall-serve(1), ACCESS. So does --metrics: see METRICS there.

TLS

With --tls --cert FILE --cert-key FILE the server speaks HTTPS for browsers, curl and proxies: HTTP/1 over TLS 1.2 and 1.3. Certificate and key \
are read again on SIGHUP; if they cannot be used, stderr says why, and the old ones stay. --client-ca FILE admits only clients with a \
certificate of those authorities. The handshake has to end within --header-timeout. A client without TLS gets no answer. Clients that end without TLS's \
close_notify, as many do, have lost nothing: the messages of HTTP have lengths.";

/// For `http-hello`, after its options.
pub(crate) const HTTP_HELLO_EXAMPLES: &str = "\
EXAMPLES

    sendall http-hello                                 greet clients on 127.0.0.1:8080
    sendall http-hello :80 --path /health=204          answer the checks of a load balancer
    sendall http-hello --whoami                        show what a proxy passes on
    sendall http-hello 0 --status 503 --header 'Retry-After: 60' --body 'back soon\\n'
        announce maintenance
    sendall http-hello :443 --tls --cert cert.pem --cert-key key.pem
        the same over HTTPS
    sendall http-hello 0 --count 1 --log common        wait for one request, and end";
