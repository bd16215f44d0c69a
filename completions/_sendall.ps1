
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
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell peers, addresses, byte counts and durations')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell peers, addresses, byte counts and durations')
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
            [CompletionResult]::new('--store', '--store', [CompletionResultType]::ParameterName, 'Take uploads into this folder, from many clients at once')
            [CompletionResult]::new('--share', '--share', [CompletionResultType]::ParameterName, 'Offer a file, or all that is in a folder, for download')
            [CompletionResult]::new('--wire', '--wire', [CompletionResultType]::ParameterName, 'With --store: what clients speak')
            [CompletionResult]::new('--max-size', '--max-size', [CompletionResultType]::ParameterName, 'With --store: refuse files that are larger')
            [CompletionResult]::new('--max-entries', '--max-entries', [CompletionResultType]::ParameterName, 'With --store: the most files, folders and links that one client may send')
            [CompletionResult]::new('--digests', '--digests', [CompletionResultType]::ParameterName, 'With --store: add a line for each file that is stored, as b3sum --check reads it; - is stdout')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'With --store or --share: time limit of a client''s handshake [default: 10s]; else as --accept-timeout')
            [CompletionResult]::new('--max-clients', '--max-clients', [CompletionResultType]::ParameterName, 'Clients at the same time [default: 100]; others wait')
            [CompletionResult]::new('--max-per-source', '--max-per-source', [CompletionResultType]::ParameterName, 'Clients at the same time from one address [default: 16]; others are refused')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'End when so many clients were served: with 0 if all went well, with 9 if some failed')
            [CompletionResult]::new('--accept-timeout', '--accept-timeout', [CompletionResultType]::ParameterName, 'Fail if there was no client for so long [default: wait for ever]')
            [CompletionResult]::new('--session-timeout', '--session-timeout', [CompletionResultType]::ParameterName, 'Cut a client that is not done after so long [default: no limit]')
            [CompletionResult]::new('--allow', '--allow', [CompletionResultType]::ParameterName, 'Admit this network, address or name, and nobody who is not listed; @FILE has one a line, read again on SIGHUP')
            [CompletionResult]::new('--deny', '--deny', [CompletionResultType]::ParameterName, 'Admit nobody from this network, address or name; of several that fit the longest prefix decides')
            [CompletionResult]::new('--idle-timeout', '--idle-timeout', [CompletionResultType]::ParameterName, 'Give up when nothing was sent or received for so long [default: no limit]')
            [CompletionResult]::new('--limit-rate', '--limit-rate', [CompletionResultType]::ParameterName, 'Send and receive at most so many bytes per second on each connection, as in 500KiB or 10MB')
            [CompletionResult]::new('--end-when', '--end-when', [CompletionResultType]::ParameterName, 'Which end of file ends the command [default: both; with a terminal as stdin: peer]')
            [CompletionResult]::new('--keep-open', '--keep-open', [CompletionResultType]::ParameterName, 'Join many clients to stdin and stdout: stdin goes to all, what they send to stdout')
            [CompletionResult]::new('--label', '--label', [CompletionResultType]::ParameterName, 'With --keep-open: put ''[ADDRESS] '' before each line that a client sends')
            [CompletionResult]::new('--broker', '--broker', [CompletionResultType]::ParameterName, 'Pass on what a client sends to all other clients')
            [CompletionResult]::new('--chat', '--chat', [CompletionResultType]::ParameterName, 'With --broker: whole lines, behind ''<ADDRESS> '', with control characters escaped')
            [CompletionResult]::new('--echo', '--echo', [CompletionResultType]::ParameterName, 'Send each client what it sends')
            [CompletionResult]::new('--discard', '--discard', [CompletionResultType]::ParameterName, 'Read what clients send, and throw it away')
            [CompletionResult]::new('--once', '--once', [CompletionResultType]::ParameterName, 'With --store or --share: end after the first session, with its outcome as exit code')
            [CompletionResult]::new('--keep-existing', '--keep-existing', [CompletionResultType]::ParameterName, 'With --store: never replace a file, even for ''upload --force''')
            [CompletionResult]::new('--send-only', '--send-only', [CompletionResultType]::ParameterName, 'Send only: what the peer says is thrown away, and the command ends when all input was acknowledged')
            [CompletionResult]::new('--recv-only', '--recv-only', [CompletionResultType]::ParameterName, 'Receive only: stdin is not read')
            [CompletionResult]::new('--no-half-close', '--no-half-close', [CompletionResultType]::ParameterName, 'Do not pass the end of stdin on as long as the peer has not ended')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell peers, addresses, byte counts and durations')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell peers, addresses, byte counts and durations')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print errors only')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write events as JSON, one per line, to stderr in the place of text')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'sendall;connect' {
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Time limit for each address that is tried')
            [CompletionResult]::new('--idle-timeout', '--idle-timeout', [CompletionResultType]::ParameterName, 'Give up when nothing was sent or received for so long [default: no limit]')
            [CompletionResult]::new('--limit-rate', '--limit-rate', [CompletionResultType]::ParameterName, 'Send and receive at most so many bytes per second on each connection, as in 500KiB or 10MB')
            [CompletionResult]::new('--end-when', '--end-when', [CompletionResultType]::ParameterName, 'Which end of file ends the command [default: both; with a terminal as stdin: peer]')
            [CompletionResult]::new('--send-only', '--send-only', [CompletionResultType]::ParameterName, 'Send only: what the peer says is thrown away, and the command ends when all input was acknowledged')
            [CompletionResult]::new('--recv-only', '--recv-only', [CompletionResultType]::ParameterName, 'Receive only: stdin is not read')
            [CompletionResult]::new('--no-half-close', '--no-half-close', [CompletionResultType]::ParameterName, 'Do not pass the end of stdin on as long as the peer has not ended')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell peers, addresses, byte counts and durations')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell peers, addresses, byte counts and durations')
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
            [CompletionResult]::new('--retry', '--retry', [CompletionResultType]::ParameterName, 'Try again so often after a failure that a new connection can mend, and go on where it was')
            [CompletionResult]::new('--digests', '--digests', [CompletionResultType]::ParameterName, 'Write a line for each file that is there in the end, as b3sum --check reads it; - is stdout')
            [CompletionResult]::new('--wire', '--wire', [CompletionResultType]::ParameterName, 'What the server speaks')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Time limit for each address that is tried, and for the handshake')
            [CompletionResult]::new('--idle-timeout', '--idle-timeout', [CompletionResultType]::ParameterName, 'Give up when nothing went either way for so long')
            [CompletionResult]::new('-j', '-j', [CompletionResultType]::ParameterName, 'Connections for files over 4 MiB [default: 1, or 4 from 10 ms of round trip on]')
            [CompletionResult]::new('--connections', '--connections', [CompletionResultType]::ParameterName, 'Connections for files over 4 MiB [default: 1, or 4 from 10 ms of round trip on]')
            [CompletionResult]::new('--limit-rate', '--limit-rate', [CompletionResultType]::ParameterName, 'Send and receive at most so many bytes per second, as in 500KiB or 10MB')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Replace files that exist there with other content')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Replace files that exist there with other content')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Print what would be sent, and do not connect')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell peers, addresses, byte counts and durations')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell peers, addresses, byte counts and durations')
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
            [CompletionResult]::new('--retry', '--retry', [CompletionResultType]::ParameterName, 'Try again so often after a failure that a new connection can mend, and go on where it was')
            [CompletionResult]::new('--digests', '--digests', [CompletionResultType]::ParameterName, 'Write a line for each file that is there in the end, as b3sum --check reads it; - is stdout')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Time limit for each address that is tried, and for the handshake')
            [CompletionResult]::new('--idle-timeout', '--idle-timeout', [CompletionResultType]::ParameterName, 'Give up when nothing went either way for so long')
            [CompletionResult]::new('-j', '-j', [CompletionResultType]::ParameterName, 'Connections for files over 4 MiB [default: 1, or 4 from 10 ms of round trip on]')
            [CompletionResult]::new('--connections', '--connections', [CompletionResultType]::ParameterName, 'Connections for files over 4 MiB [default: 1, or 4 from 10 ms of round trip on]')
            [CompletionResult]::new('--limit-rate', '--limit-rate', [CompletionResultType]::ParameterName, 'Send and receive at most so many bytes per second, as in 500KiB or 10MB')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Replace files that exist here with other content')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Replace files that exist here with other content')
            [CompletionResult]::new('--list', '--list', [CompletionResultType]::ParameterName, 'Print what is offered, and fetch nothing')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell peers, addresses, byte counts and durations')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell peers, addresses, byte counts and durations')
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
        'sendall;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
