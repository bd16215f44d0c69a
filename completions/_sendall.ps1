
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'sendall' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'sendall'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'sendall' {
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell peers, addresses, byte counts and durations; given twice, sockets'' options too')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell peers, addresses, byte counts and durations; given twice, sockets'' options too')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print errors only')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write events as JSON, one per line, to stderr in the place of text')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('serve', 'serve', [CompletionResultType]::ParameterValue, 'Listen; without a mode, join the first client to stdin and stdout and end with it')
            [CompletionResult]::new('connect', 'connect', [CompletionResultType]::ParameterValue, 'Join stdin and stdout to a server')
            [CompletionResult]::new('upload', 'upload', [CompletionResultType]::ParameterValue, 'Send files and folders to a ''sendall serve --store'', verified and synced before success is reported')
            [CompletionResult]::new('download', 'download', [CompletionResultType]::ParameterValue, 'Fetch files and folders from a ''sendall serve --share'', verified and synced before they get their names')
            [CompletionResult]::new('http-hello', 'http-hello', [CompletionResultType]::ParameterValue, 'Answer HTTP/1.1 requests with a greeting: for health checks, load balancers, firewalls')
            [CompletionResult]::new('udp-listen', 'udp-listen', [CompletionResultType]::ParameterValue, 'Receive datagrams, whole, from any number of peers; can answer')
            [CompletionResult]::new('udp-send', 'udp-send', [CompletionResultType]::ParameterValue, 'Send datagrams from arguments or stdin; can wait for replies')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'sendall;serve' {
            [CompletionResult]::new('--slow', '--slow', [CompletionResultType]::ParameterName, 'With --keep-open or --broker: what becomes of a client that reads too slowly')
            [CompletionResult]::new('--reply', '--reply', [CompletionResultType]::ParameterName, 'Send each client this text, or what is in a file, and end; \n, \r, \t, \0, \e, \\ and \xHH are understood')
            [CompletionResult]::new('--greet', '--greet', [CompletionResultType]::ParameterName, 'Talk to each client by a script: say this first; escapes as for --reply')
            [CompletionResult]::new('--answer', '--answer', [CompletionResultType]::ParameterName, 'Script: when a client says WHEN, say SAY; may be repeated')
            [CompletionResult]::new('--otherwise', '--otherwise', [CompletionResultType]::ParameterName, 'Script: say this when nothing else fits')
            [CompletionResult]::new('--hang-up', '--hang-up', [CompletionResultType]::ParameterName, 'Script: when a client says this, say its answer, if there is one, and end; may be repeated')
            [CompletionResult]::new('--unit', '--unit', [CompletionResultType]::ParameterName, 'Script: what counts as one thing said')
            [CompletionResult]::new('--sh', '--sh', [CompletionResultType]::ParameterName, 'The same for a line of shell: /bin/sh -c LINE')
            [CompletionResult]::new('--forward', '--forward', [CompletionResultType]::ParameterName, 'Join each client to a connection of its own to this server')
            [CompletionResult]::new('--proxy-protocol', '--proxy-protocol', [CompletionResultType]::ParameterName, 'With --forward: tell the server whose connection it is, in a header of the PROXY protocol before the stream')
            [CompletionResult]::new('--socks-users', '--socks-users', [CompletionResultType]::ParameterName, 'With --socks: serve only those who give a user and a password of this file; a line is user:password')
            [CompletionResult]::new('--allow-target', '--allow-target', [CompletionResultType]::ParameterName, 'With --socks: connect to this network, address or name, and to nothing that is not listed; @FILE has one a line')
            [CompletionResult]::new('--deny-target', '--deny-target', [CompletionResultType]::ParameterName, 'With --socks: do not connect to this network, address or name [always: this machine''s own, link-local, multicast, unless --allow-target names it]')
            [CompletionResult]::new('--store', '--store', [CompletionResultType]::ParameterName, 'Take uploads into this folder, from many clients at once')
            [CompletionResult]::new('--share', '--share', [CompletionResultType]::ParameterName, 'Offer a file, or all that is in a folder, for download')
            [CompletionResult]::new('--wire', '--wire', [CompletionResultType]::ParameterName, 'With --store: what clients speak')
            [CompletionResult]::new('--max-size', '--max-size', [CompletionResultType]::ParameterName, 'With --store: refuse files that are larger')
            [CompletionResult]::new('--max-entries', '--max-entries', [CompletionResultType]::ParameterName, 'With --store: the most files, folders and links that one client may send')
            [CompletionResult]::new('--digests', '--digests', [CompletionResultType]::ParameterName, 'With --store: add a line for each file that is stored, as b3sum --check reads it; - is stdout')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'With --store, --share or --socks: time limit of a client''s handshake; with --forward or --socks: of each address of a target [default: 10s]; else as --accept-timeout')
            [CompletionResult]::new('--max-clients', '--max-clients', [CompletionResultType]::ParameterName, 'Clients at the same time [default: 100]; others wait')
            [CompletionResult]::new('--max-per-source', '--max-per-source', [CompletionResultType]::ParameterName, 'Clients at the same time from one address [default: 16]; others are refused')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'End when so many clients were served: with 0 if all went well, else with 9, or of one client with its own code')
            [CompletionResult]::new('--accept-timeout', '--accept-timeout', [CompletionResultType]::ParameterName, 'Fail if there was no client for so long [default: wait for ever]')
            [CompletionResult]::new('--session-timeout', '--session-timeout', [CompletionResultType]::ParameterName, 'Cut a client that is not done after so long [default: no limit]')
            [CompletionResult]::new('--allow', '--allow', [CompletionResultType]::ParameterName, 'Admit this network, address or name, and nobody who is not listed; @FILE has one a line, read again on SIGHUP')
            [CompletionResult]::new('--deny', '--deny', [CompletionResultType]::ParameterName, 'Admit nobody from this network, address or name; of several that fit the longest prefix decides')
            [CompletionResult]::new('--idle-timeout', '--idle-timeout', [CompletionResultType]::ParameterName, 'Give up when nothing was sent or received for so long [default: no limit]')
            [CompletionResult]::new('--limit-rate', '--limit-rate', [CompletionResultType]::ParameterName, 'Send and receive at most so many bytes per second on each connection, as in 500KiB or 10MB')
            [CompletionResult]::new('--end-when', '--end-when', [CompletionResultType]::ParameterName, 'Which end of file ends the command [default: both; with a terminal as stdin: peer]')
            [CompletionResult]::new('--line-delay', '--line-delay', [CompletionResultType]::ParameterName, 'Wait so long after each line of stdin before the next one is sent')
            [CompletionResult]::new('--frame', '--frame', [CompletionResultType]::ParameterName, 'Send stdin in messages, a line each, and write each message from the peer as a line; this tells them apart')
            [CompletionResult]::new('--each', '--each', [CompletionResultType]::ParameterName, 'With --frame: where stdin is cut into messages: line, all (nowhere), a SIZE in bytes, json (objects as of --frame-out json), or one of the values of --frame [default: line]')
            [CompletionResult]::new('--frame-out', '--frame-out', [CompletionResultType]::ParameterName, 'With --frame: how a message from the peer is written')
            [CompletionResult]::new('--max-message', '--max-message', [CompletionResultType]::ParameterName, 'With --frame: refuse longer messages, either way')
            [CompletionResult]::new('--tee-in', '--tee-in', [CompletionResultType]::ParameterName, 'Write all that is received to this file, as it comes')
            [CompletionResult]::new('--tee-out', '--tee-out', [CompletionResultType]::ParameterName, 'Write all that is sent to this file, as it goes')
            [CompletionResult]::new('--hex-dump', '--hex-dump', [CompletionResultType]::ParameterName, 'Write both directions to this file in hexadecimal, with time and offset; - is stderr')
            [CompletionResult]::new('--nodelay', '--nodelay', [CompletionResultType]::ParameterName, 'Send small pieces at once, or gather them first [default: on]')
            [CompletionResult]::new('--keepalive', '--keepalive', [CompletionResultType]::ParameterName, 'Test a connection that is silent for so long, and give it up when nobody answers; or off [default: 60s]')
            [CompletionResult]::new('--ttl', '--ttl', [CompletionResultType]::ParameterName, 'How many routers a packet may pass')
            [CompletionResult]::new('--dscp', '--dscp', [CompletionResultType]::ParameterName, 'The class of its packets: a number up to 63, or a name as in ef, cs1, af41')
            [CompletionResult]::new('--sndbuf', '--sndbuf', [CompletionResultType]::ParameterName, 'Room in the system for what is to be sent')
            [CompletionResult]::new('--rcvbuf', '--rcvbuf', [CompletionResultType]::ParameterName, 'Room in the system for what was received')
            [CompletionResult]::new('--mark', '--mark', [CompletionResultType]::ParameterName, 'A number for routing rules and packet filters')
            [CompletionResult]::new('--user-timeout', '--user-timeout', [CompletionResultType]::ParameterName, 'Give up when what was sent is not acknowledged for so long')
            [CompletionResult]::new('--congestion', '--congestion', [CompletionResultType]::ParameterName, 'The congestion control''s name, as in cubic, reno, bbr')
            [CompletionResult]::new('--keep-open', '--keep-open', [CompletionResultType]::ParameterName, 'Join many clients to stdin and stdout: stdin goes to all, what they send to stdout')
            [CompletionResult]::new('--label', '--label', [CompletionResultType]::ParameterName, 'With --keep-open: put ''[ADDRESS] '' before each line that a client sends, with control characters escaped')
            [CompletionResult]::new('--broker', '--broker', [CompletionResultType]::ParameterName, 'Pass on what a client sends to all other clients')
            [CompletionResult]::new('--chat', '--chat', [CompletionResultType]::ParameterName, 'With --broker: whole lines, behind ''<ADDRESS> '', with control characters escaped')
            [CompletionResult]::new('--join', '--join', [CompletionResultType]::ParameterName, 'With --broker: stdin and stdout take part, as ''server'' with --chat; without it they do not')
            [CompletionResult]::new('--echo', '--echo', [CompletionResultType]::ParameterName, 'Send each client what it sends')
            [CompletionResult]::new('--discard', '--discard', [CompletionResultType]::ParameterName, 'Read what clients send, and throw it away')
            [CompletionResult]::new('--exec', '--exec', [CompletionResultType]::ParameterName, 'Join each connection to a process of its own: --exec -- CMD ARG...')
            [CompletionResult]::new('--pty', '--pty', [CompletionResultType]::ParameterName, 'With --exec or --sh: the process has a terminal, of 24 lines and 80 columns, in the place of pipes')
            [CompletionResult]::new('--exec-socket', '--exec-socket', [CompletionResultType]::ParameterName, 'Give each connection itself to a process, as stdin and stdout, for programs that inetd starts: --exec-socket -- CMD ARG...')
            [CompletionResult]::new('--socks', '--socks', [CompletionResultType]::ParameterName, 'Be a proxy server: clients say in SOCKS5 or HTTP CONNECT where they want to be connected to')
            [CompletionResult]::new('--once', '--once', [CompletionResultType]::ParameterName, 'With --store or --share: end after the first session, with its outcome as exit code')
            [CompletionResult]::new('--keep-existing', '--keep-existing', [CompletionResultType]::ParameterName, 'With --store: never replace a file, even for ''upload --force''')
            [CompletionResult]::new('--accept-proxy-protocol', '--accept-proxy-protocol', [CompletionResultType]::ParameterName, 'Clients come through a proxy that writes a header of the PROXY protocol (v1 or v2) before each stream: the address in it is what is logged and what access lists see; who sends none is cut. Let nobody but the proxy reach this port')
            [CompletionResult]::new('--send-only', '--send-only', [CompletionResultType]::ParameterName, 'Send only: what the peer says is thrown away, and the command ends when all input was acknowledged')
            [CompletionResult]::new('--recv-only', '--recv-only', [CompletionResultType]::ParameterName, 'Receive only: stdin is not read')
            [CompletionResult]::new('--no-half-close', '--no-half-close', [CompletionResultType]::ParameterName, 'Do not pass the end of stdin on as long as the peer has not ended')
            [CompletionResult]::new('--crlf', '--crlf', [CompletionResultType]::ParameterName, 'Send each line end of stdin as CR LF')
            [CompletionResult]::new('--telnet', '--telnet', [CompletionResultType]::ParameterName, 'Speak to a Telnet server: each option it negotiates is refused, its commands are left out')
            [CompletionResult]::new('--tee-append', '--tee-append', [CompletionResultType]::ParameterName, 'Add to the files of --tee-in, --tee-out and --hex-dump, which are emptied first without it')
            [CompletionResult]::new('--mptcp', '--mptcp', [CompletionResultType]::ParameterName, 'Use several paths at once where the peer can (Multipath TCP)')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell peers, addresses, byte counts and durations; given twice, sockets'' options too')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell peers, addresses, byte counts and durations; given twice, sockets'' options too')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print errors only')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write events as JSON, one per line, to stderr in the place of text')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'sendall;connect' {
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Time limit for each address that is tried; with --proxy, until the server is reached')
            [CompletionResult]::new('--retry', '--retry', [CompletionResultType]::ParameterName, 'Try again so often after a failure that a new connection can mend')
            [CompletionResult]::new('--retry-delay', '--retry-delay', [CompletionResultType]::ParameterName, 'The pause before that; each is twice as long as the one before, up to 10s')
            [CompletionResult]::new('--proxy', '--proxy', [CompletionResultType]::ParameterName, 'Connect through this proxy, socks5://[USER@]HOST:PORT or http://[USER@]HOST:PORT (CONNECT), which resolves the server''s name; repeated, through one after the other')
            [CompletionResult]::new('--proxy-password-file', '--proxy-password-file', [CompletionResultType]::ParameterName, 'The password of each proxy with a USER, one a line in their order, or one line for all of them; without this option SENDALL_PROXY_PASSWORD in the environment holds it')
            [CompletionResult]::new('--idle-timeout', '--idle-timeout', [CompletionResultType]::ParameterName, 'Give up when nothing was sent or received for so long [default: no limit]')
            [CompletionResult]::new('--limit-rate', '--limit-rate', [CompletionResultType]::ParameterName, 'Send and receive at most so many bytes per second on each connection, as in 500KiB or 10MB')
            [CompletionResult]::new('--end-when', '--end-when', [CompletionResultType]::ParameterName, 'Which end of file ends the command [default: both; with a terminal as stdin: peer]')
            [CompletionResult]::new('--line-delay', '--line-delay', [CompletionResultType]::ParameterName, 'Wait so long after each line of stdin before the next one is sent')
            [CompletionResult]::new('--frame', '--frame', [CompletionResultType]::ParameterName, 'Send stdin in messages, a line each, and write each message from the peer as a line; this tells them apart')
            [CompletionResult]::new('--each', '--each', [CompletionResultType]::ParameterName, 'With --frame: where stdin is cut into messages: line, all (nowhere), a SIZE in bytes, json (objects as of --frame-out json), or one of the values of --frame [default: line]')
            [CompletionResult]::new('--frame-out', '--frame-out', [CompletionResultType]::ParameterName, 'With --frame: how a message from the peer is written')
            [CompletionResult]::new('--max-message', '--max-message', [CompletionResultType]::ParameterName, 'With --frame: refuse longer messages, either way')
            [CompletionResult]::new('--tee-in', '--tee-in', [CompletionResultType]::ParameterName, 'Write all that is received to this file, as it comes')
            [CompletionResult]::new('--tee-out', '--tee-out', [CompletionResultType]::ParameterName, 'Write all that is sent to this file, as it goes')
            [CompletionResult]::new('--hex-dump', '--hex-dump', [CompletionResultType]::ParameterName, 'Write both directions to this file in hexadecimal, with time and offset; - is stderr')
            [CompletionResult]::new('--source', '--source', [CompletionResultType]::ParameterName, 'Connect from this address of this machine, port, or both: ADDR, ADDR:PORT, [V6]:PORT or :PORT')
            [CompletionResult]::new('--interface', '--interface', [CompletionResultType]::ParameterName, 'Connect over this network interface only')
            [CompletionResult]::new('--nodelay', '--nodelay', [CompletionResultType]::ParameterName, 'Send small pieces at once, or gather them first [default: on]')
            [CompletionResult]::new('--keepalive', '--keepalive', [CompletionResultType]::ParameterName, 'Test a connection that is silent for so long, and give it up when nobody answers; or off [default: 60s]')
            [CompletionResult]::new('--ttl', '--ttl', [CompletionResultType]::ParameterName, 'How many routers a packet may pass')
            [CompletionResult]::new('--dscp', '--dscp', [CompletionResultType]::ParameterName, 'The class of its packets: a number up to 63, or a name as in ef, cs1, af41')
            [CompletionResult]::new('--sndbuf', '--sndbuf', [CompletionResultType]::ParameterName, 'Room in the system for what is to be sent')
            [CompletionResult]::new('--rcvbuf', '--rcvbuf', [CompletionResultType]::ParameterName, 'Room in the system for what was received')
            [CompletionResult]::new('--mark', '--mark', [CompletionResultType]::ParameterName, 'A number for routing rules and packet filters')
            [CompletionResult]::new('--user-timeout', '--user-timeout', [CompletionResultType]::ParameterName, 'Give up when what was sent is not acknowledged for so long')
            [CompletionResult]::new('--congestion', '--congestion', [CompletionResultType]::ParameterName, 'The congestion control''s name, as in cubic, reno, bbr')
            [CompletionResult]::new('--sh', '--sh', [CompletionResultType]::ParameterName, 'The same for a line of shell: /bin/sh -c LINE')
            [CompletionResult]::new('--probe', '--probe', [CompletionResultType]::ParameterName, 'Only try whether connections are taken: HOST:PORT, or several ports as in HOST:20-25,80')
            [CompletionResult]::new('--send-only', '--send-only', [CompletionResultType]::ParameterName, 'Send only: what the peer says is thrown away, and the command ends when all input was acknowledged')
            [CompletionResult]::new('--recv-only', '--recv-only', [CompletionResultType]::ParameterName, 'Receive only: stdin is not read')
            [CompletionResult]::new('--no-half-close', '--no-half-close', [CompletionResultType]::ParameterName, 'Do not pass the end of stdin on as long as the peer has not ended')
            [CompletionResult]::new('--crlf', '--crlf', [CompletionResultType]::ParameterName, 'Send each line end of stdin as CR LF')
            [CompletionResult]::new('--telnet', '--telnet', [CompletionResultType]::ParameterName, 'Speak to a Telnet server: each option it negotiates is refused, its commands are left out')
            [CompletionResult]::new('--tee-append', '--tee-append', [CompletionResultType]::ParameterName, 'Add to the files of --tee-in, --tee-out and --hex-dump, which are emptied first without it')
            [CompletionResult]::new('--mptcp', '--mptcp', [CompletionResultType]::ParameterName, 'Use several paths at once where the peer can (Multipath TCP)')
            [CompletionResult]::new('--fastopen', '--fastopen', [CompletionResultType]::ParameterName, 'Wait for the first bytes of stdin, and send them with the packet that asks for the connection (TCP Fast Open)')
            [CompletionResult]::new('--exec', '--exec', [CompletionResultType]::ParameterName, 'Join each connection to a process of its own: --exec -- CMD ARG...')
            [CompletionResult]::new('--pty', '--pty', [CompletionResultType]::ParameterName, 'With --exec or --sh: the process has a terminal, of 24 lines and 80 columns, in the place of pipes')
            [CompletionResult]::new('--exec-socket', '--exec-socket', [CompletionResultType]::ParameterName, 'Give each connection itself to a process, as stdin and stdout, for programs that inetd starts: --exec-socket -- CMD ARG...')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell peers, addresses, byte counts and durations; given twice, sockets'' options too')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell peers, addresses, byte counts and durations; given twice, sockets'' options too')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print errors only')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write events as JSON, one per line, to stderr in the place of text')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'sendall;upload' {
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'The name of stdin there')
            [CompletionResult]::new('--links', '--links', [CompletionResultType]::ParameterName, 'What becomes of symbolic links in folders')
            [CompletionResult]::new('--include', '--include', [CompletionResultType]::ParameterName, 'Send only files of a folder that match, as a line of a .gitignore does; may be given again')
            [CompletionResult]::new('--exclude', '--exclude', [CompletionResultType]::ParameterName, 'Leave out what matches, as a line of a .gitignore does; may be given again')
            [CompletionResult]::new('--retry', '--retry', [CompletionResultType]::ParameterName, 'Try again so often after a failure that a new connection can mend')
            [CompletionResult]::new('--retry-delay', '--retry-delay', [CompletionResultType]::ParameterName, 'The pause before that; each is twice as long as the one before, up to 10s')
            [CompletionResult]::new('--digests', '--digests', [CompletionResultType]::ParameterName, 'Write a line for each file that is there in the end, as b3sum --check reads it; - is stdout')
            [CompletionResult]::new('--wire', '--wire', [CompletionResultType]::ParameterName, 'What the server speaks')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Time limit for each address that is tried, and for the handshake')
            [CompletionResult]::new('--idle-timeout', '--idle-timeout', [CompletionResultType]::ParameterName, 'Give up when nothing went either way for so long')
            [CompletionResult]::new('-j', '-j', [CompletionResultType]::ParameterName, 'Connections for files over 4 MiB [default: 1, or 4 from 10 ms of round trip on]')
            [CompletionResult]::new('--connections', '--connections', [CompletionResultType]::ParameterName, 'Connections for files over 4 MiB [default: 1, or 4 from 10 ms of round trip on]')
            [CompletionResult]::new('--limit-rate', '--limit-rate', [CompletionResultType]::ParameterName, 'Send and receive at most so many bytes per second, as in 500KiB or 10MB')
            [CompletionResult]::new('--source', '--source', [CompletionResultType]::ParameterName, 'Connect from this address of this machine, port, or both: ADDR, ADDR:PORT, [V6]:PORT or :PORT')
            [CompletionResult]::new('--interface', '--interface', [CompletionResultType]::ParameterName, 'Connect over this network interface only')
            [CompletionResult]::new('--nodelay', '--nodelay', [CompletionResultType]::ParameterName, 'Send small pieces at once, or gather them first [default: on]')
            [CompletionResult]::new('--keepalive', '--keepalive', [CompletionResultType]::ParameterName, 'Test a connection that is silent for so long, and give it up when nobody answers; or off [default: 60s]')
            [CompletionResult]::new('--ttl', '--ttl', [CompletionResultType]::ParameterName, 'How many routers a packet may pass')
            [CompletionResult]::new('--dscp', '--dscp', [CompletionResultType]::ParameterName, 'The class of its packets: a number up to 63, or a name as in ef, cs1, af41')
            [CompletionResult]::new('--sndbuf', '--sndbuf', [CompletionResultType]::ParameterName, 'Room in the system for what is to be sent')
            [CompletionResult]::new('--rcvbuf', '--rcvbuf', [CompletionResultType]::ParameterName, 'Room in the system for what was received')
            [CompletionResult]::new('--mark', '--mark', [CompletionResultType]::ParameterName, 'A number for routing rules and packet filters')
            [CompletionResult]::new('--user-timeout', '--user-timeout', [CompletionResultType]::ParameterName, 'Give up when what was sent is not acknowledged for so long')
            [CompletionResult]::new('--congestion', '--congestion', [CompletionResultType]::ParameterName, 'The congestion control''s name, as in cubic, reno, bbr')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Replace files that exist there with other content')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Replace files that exist there with other content')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Print what would be sent, and do not connect')
            [CompletionResult]::new('--mptcp', '--mptcp', [CompletionResultType]::ParameterName, 'Use several paths at once where the peer can (Multipath TCP)')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell peers, addresses, byte counts and durations; given twice, sockets'' options too')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell peers, addresses, byte counts and durations; given twice, sockets'' options too')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print errors only')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write events as JSON, one per line, to stderr in the place of text')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'sendall;download' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Where to: a folder that exists, or the name for a single file; - is stdout')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Where to: a folder that exists, or the name for a single file; - is stdout')
            [CompletionResult]::new('--max-size', '--max-size', [CompletionResultType]::ParameterName, 'Refuse files that are larger')
            [CompletionResult]::new('--max-entries', '--max-entries', [CompletionResultType]::ParameterName, 'The most files, folders and links that are taken')
            [CompletionResult]::new('--retry', '--retry', [CompletionResultType]::ParameterName, 'Try again so often after a failure that a new connection can mend')
            [CompletionResult]::new('--retry-delay', '--retry-delay', [CompletionResultType]::ParameterName, 'The pause before that; each is twice as long as the one before, up to 10s')
            [CompletionResult]::new('--digests', '--digests', [CompletionResultType]::ParameterName, 'Write a line for each file that is there in the end, as b3sum --check reads it; - is stdout')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Time limit for each address that is tried, and for the handshake')
            [CompletionResult]::new('--idle-timeout', '--idle-timeout', [CompletionResultType]::ParameterName, 'Give up when nothing went either way for so long')
            [CompletionResult]::new('-j', '-j', [CompletionResultType]::ParameterName, 'Connections for files over 4 MiB [default: 1, or 4 from 10 ms of round trip on]')
            [CompletionResult]::new('--connections', '--connections', [CompletionResultType]::ParameterName, 'Connections for files over 4 MiB [default: 1, or 4 from 10 ms of round trip on]')
            [CompletionResult]::new('--limit-rate', '--limit-rate', [CompletionResultType]::ParameterName, 'Send and receive at most so many bytes per second, as in 500KiB or 10MB')
            [CompletionResult]::new('--source', '--source', [CompletionResultType]::ParameterName, 'Connect from this address of this machine, port, or both: ADDR, ADDR:PORT, [V6]:PORT or :PORT')
            [CompletionResult]::new('--interface', '--interface', [CompletionResultType]::ParameterName, 'Connect over this network interface only')
            [CompletionResult]::new('--nodelay', '--nodelay', [CompletionResultType]::ParameterName, 'Send small pieces at once, or gather them first [default: on]')
            [CompletionResult]::new('--keepalive', '--keepalive', [CompletionResultType]::ParameterName, 'Test a connection that is silent for so long, and give it up when nobody answers; or off [default: 60s]')
            [CompletionResult]::new('--ttl', '--ttl', [CompletionResultType]::ParameterName, 'How many routers a packet may pass')
            [CompletionResult]::new('--dscp', '--dscp', [CompletionResultType]::ParameterName, 'The class of its packets: a number up to 63, or a name as in ef, cs1, af41')
            [CompletionResult]::new('--sndbuf', '--sndbuf', [CompletionResultType]::ParameterName, 'Room in the system for what is to be sent')
            [CompletionResult]::new('--rcvbuf', '--rcvbuf', [CompletionResultType]::ParameterName, 'Room in the system for what was received')
            [CompletionResult]::new('--mark', '--mark', [CompletionResultType]::ParameterName, 'A number for routing rules and packet filters')
            [CompletionResult]::new('--user-timeout', '--user-timeout', [CompletionResultType]::ParameterName, 'Give up when what was sent is not acknowledged for so long')
            [CompletionResult]::new('--congestion', '--congestion', [CompletionResultType]::ParameterName, 'The congestion control''s name, as in cubic, reno, bbr')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Replace files that exist here with other content')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Replace files that exist here with other content')
            [CompletionResult]::new('--list', '--list', [CompletionResultType]::ParameterName, 'Print what is offered, and fetch nothing')
            [CompletionResult]::new('--mptcp', '--mptcp', [CompletionResultType]::ParameterName, 'Use several paths at once where the peer can (Multipath TCP)')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell peers, addresses, byte counts and durations; given twice, sockets'' options too')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell peers, addresses, byte counts and durations; given twice, sockets'' options too')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print errors only')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write events as JSON, one per line, to stderr in the place of text')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'sendall;http-hello' {
            [CompletionResult]::new('--body', '--body', [CompletionResultType]::ParameterName, 'Answer with this text, or with what is in a file [default: ''Hello, World\n'']; \n, \t and \xHH are understood')
            [CompletionResult]::new('--status', '--status', [CompletionResultType]::ParameterName, 'Answer with this status')
            [CompletionResult]::new('--type', '--type', [CompletionResultType]::ParameterName, 'Media type of the body')
            [CompletionResult]::new('--header', '--header', [CompletionResultType]::ParameterName, 'Add a field to every answer, as in ''Cache-Control: no-store''; may be repeated')
            [CompletionResult]::new('--path', '--path', [CompletionResultType]::ParameterName, 'Answer one path in its own way, as in /health=204 or ''/version=200:1.2.3\n'' or /page=200:@FILE; may be repeated')
            [CompletionResult]::new('--delay', '--delay', [CompletionResultType]::ParameterName, 'Wait so long before each answer')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'End with 0 after so many answers')
            [CompletionResult]::new('--workers', '--workers', [CompletionResultType]::ParameterName, 'Threads that answer: a number, or auto for one per core')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Write a line for each answer to stdout')
            [CompletionResult]::new('--max-clients', '--max-clients', [CompletionResultType]::ParameterName, 'Connections at the same time, as far as there are descriptors [default: 16384]; others wait')
            [CompletionResult]::new('--max-per-source', '--max-per-source', [CompletionResultType]::ParameterName, 'Connections at the same time from one address [default: no limit]; others are refused')
            [CompletionResult]::new('--header-timeout', '--header-timeout', [CompletionResultType]::ParameterName, 'Time for a request''s head, from its first byte; for the first one from the beginning of the connection')
            [CompletionResult]::new('--idle-timeout', '--idle-timeout', [CompletionResultType]::ParameterName, 'Time between requests, for a whole body, and for a client that takes nothing of its answer')
            [CompletionResult]::new('--max-body', '--max-body', [CompletionResultType]::ParameterName, 'Refuse bodies that are larger')
            [CompletionResult]::new('--allow', '--allow', [CompletionResultType]::ParameterName, 'Admit this network, address or name, and nobody who is not listed; @FILE has one a line, read again on SIGHUP')
            [CompletionResult]::new('--deny', '--deny', [CompletionResultType]::ParameterName, 'Admit nobody from this network, address or name; of several that fit the longest prefix decides')
            [CompletionResult]::new('--not-found', '--not-found', [CompletionResultType]::ParameterName, 'Answer 404 for every other path but /')
            [CompletionResult]::new('--whoami', '--whoami', [CompletionResultType]::ParameterName, 'Answer with what arrived: request line, headers, addresses; as text, JSON or a page, as the client accepts it')
            [CompletionResult]::new('--echo', '--echo', [CompletionResultType]::ParameterName, 'Answer with the body of the request')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell peers, addresses, byte counts and durations; given twice, sockets'' options too')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell peers, addresses, byte counts and durations; given twice, sockets'' options too')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print errors only')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write events as JSON, one per line, to stderr in the place of text')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'sendall;udp-listen' {
            [CompletionResult]::new('--each', '--each', [CompletionResultType]::ParameterName, 'What stands on stdout for each datagram')
            [CompletionResult]::new('--frame', '--frame', [CompletionResultType]::ParameterName, 'A length before each payload, in the place of --each')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'End after so many datagrams')
            [CompletionResult]::new('--idle-timeout', '--idle-timeout', [CompletionResultType]::ParameterName, 'End when nothing came for so long; a failure if nothing came at all, or fewer than --count')
            [CompletionResult]::new('--from', '--from', [CompletionResultType]::ParameterName, 'Hear peers of this network, address or name only, as in 192.0.2.0/24; may be repeated')
            [CompletionResult]::new('--max-size', '--max-size', [CompletionResultType]::ParameterName, 'Leave out datagrams that are larger')
            [CompletionResult]::new('--reply', '--reply', [CompletionResultType]::ParameterName, 'Answer each datagram with this text, in which \n, \r, \t and \xHH are read, or with what is in a file')
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'With --interactive: send them to this peer')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'With --interactive: end when this line is typed, or at the end of stdin')
            [CompletionResult]::new('--sh', '--sh', [CompletionResultType]::ParameterName, 'The same for a line of shell: /bin/sh -c LINE')
            [CompletionResult]::new('--max-peers', '--max-peers', [CompletionResultType]::ParameterName, 'With --exec or --sh: processes at the same time')
            [CompletionResult]::new('--peer-timeout', '--peer-timeout', [CompletionResultType]::ParameterName, 'With --exec or --sh: end the process of a peer when neither has said anything for so long')
            [CompletionResult]::new('--max-answers', '--max-answers', [CompletionResultType]::ParameterName, 'Answers per second to one peer')
            [CompletionResult]::new('--join', '--join', [CompletionResultType]::ParameterName, 'Hear a multicast group, on this interface where one is named; may be repeated')
            [CompletionResult]::new('--source-filter', '--source-filter', [CompletionResultType]::ParameterName, 'With --join: hear groups from this sender only (source-specific multicast); may be repeated')
            [CompletionResult]::new('--label', '--label', [CompletionResultType]::ParameterName, 'The peer''s address and a blank before each payload')
            [CompletionResult]::new('--echo', '--echo', [CompletionResultType]::ParameterName, 'Send each datagram back')
            [CompletionResult]::new('--interactive', '--interactive', [CompletionResultType]::ParameterName, 'Send lines of stdin to the peer that was heard last')
            [CompletionResult]::new('--exec', '--exec', [CompletionResultType]::ParameterName, 'Join each connection to a process of its own: --exec -- CMD ARG...')
            [CompletionResult]::new('--amplify-ok', '--amplify-ok', [CompletionResultType]::ParameterName, 'Answers may be larger than what came in: only where every peer is known')
            [CompletionResult]::new('--connected', '--connected', [CompletionResultType]::ParameterName, 'From the first datagram on, hear that peer only')
            [CompletionResult]::new('--pty', '--pty', [CompletionResultType]::ParameterName, 'With --exec or --sh: the process has a terminal, of 24 lines and 80 columns, in the place of pipes')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell peers, addresses, byte counts and durations; given twice, sockets'' options too')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell peers, addresses, byte counts and durations; given twice, sockets'' options too')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print errors only')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write events as JSON, one per line, to stderr in the place of text')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'sendall;udp-send' {
            [CompletionResult]::new('--each', '--each', [CompletionResultType]::ParameterName, 'Where stdin is cut: line, all (nowhere), u16be (length prefixes), or a SIZE in bytes [default: line]')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'Print replies, until so long after the last datagram was sent; none is a failure')
            [CompletionResult]::new('--replies', '--replies', [CompletionResultType]::ParameterName, 'Print replies, and end after so many; fewer within --wait [default: 10s] are a failure')
            [CompletionResult]::new('--print', '--print', [CompletionResultType]::ParameterName, 'What stands on stdout for each reply [default: line]')
            [CompletionResult]::new('--repeat', '--repeat', [CompletionResultType]::ParameterName, 'Send each datagram so many times')
            [CompletionResult]::new('--interval', '--interval', [CompletionResultType]::ParameterName, 'Wait so long from one datagram to the next')
            [CompletionResult]::new('--limit-rate', '--limit-rate', [CompletionResultType]::ParameterName, 'Send at most so many bytes per second, as in 500KiB or 10MB')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'End when stdin has this line, without sending it')
            [CompletionResult]::new('--source', '--source', [CompletionResultType]::ParameterName, 'Send from this address or port: ADDRESS, ADDRESS:PORT or :PORT')
            [CompletionResult]::new('--ttl', '--ttl', [CompletionResultType]::ParameterName, 'Time to live, or hop limit, of what is sent [default: the system''s, and 1 to a multicast group]')
            [CompletionResult]::new('--hops', '--hops', [CompletionResultType]::ParameterName, 'Time to live, or hop limit, of what is sent [default: the system''s, and 1 to a multicast group]')
            [CompletionResult]::new('--loop', '--loop', [CompletionResultType]::ParameterName, 'Whether this machine hears what is sent to a multicast group: on or off [default: on]')
            [CompletionResult]::new('--label', '--label', [CompletionResultType]::ParameterName, 'The peer''s address and a blank before each reply')
            [CompletionResult]::new('--broadcast', '--broadcast', [CompletionResultType]::ParameterName, 'Allow a broadcast address, and hear replies from anywhere')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell peers, addresses, byte counts and durations; given twice, sockets'' options too')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell peers, addresses, byte counts and durations; given twice, sockets'' options too')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print errors only')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write events as JSON, one per line, to stderr in the place of text')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'sendall;help' {
            [CompletionResult]::new('serve', 'serve', [CompletionResultType]::ParameterValue, 'Listen; without a mode, join the first client to stdin and stdout and end with it')
            [CompletionResult]::new('connect', 'connect', [CompletionResultType]::ParameterValue, 'Join stdin and stdout to a server')
            [CompletionResult]::new('upload', 'upload', [CompletionResultType]::ParameterValue, 'Send files and folders to a ''sendall serve --store'', verified and synced before success is reported')
            [CompletionResult]::new('download', 'download', [CompletionResultType]::ParameterValue, 'Fetch files and folders from a ''sendall serve --share'', verified and synced before they get their names')
            [CompletionResult]::new('http-hello', 'http-hello', [CompletionResultType]::ParameterValue, 'Answer HTTP/1.1 requests with a greeting: for health checks, load balancers, firewalls')
            [CompletionResult]::new('udp-listen', 'udp-listen', [CompletionResultType]::ParameterValue, 'Receive datagrams, whole, from any number of peers; can answer')
            [CompletionResult]::new('udp-send', 'udp-send', [CompletionResultType]::ParameterValue, 'Send datagrams from arguments or stdin; can wait for replies')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'sendall;help;serve' {
            break
        }
        'sendall;help;connect' {
            break
        }
        'sendall;help;upload' {
            break
        }
        'sendall;help;download' {
            break
        }
        'sendall;help;http-hello' {
            break
        }
        'sendall;help;udp-listen' {
            break
        }
        'sendall;help;udp-send' {
            break
        }
        'sendall;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
