
use builtin;
use str;

set edit:completion:arg-completer[sendall] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'sendall'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'sendall'= {
            cand -v 'Tell peers, addresses, byte counts and durations'
            cand --verbose 'Tell peers, addresses, byte counts and durations'
            cand -q 'Print errors only'
            cand --quiet 'Print errors only'
            cand --json 'Write events as JSON, one per line, to stderr in the place of text'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
            cand serve 'Listen; without a mode, join the first client to stdin and stdout and end with it'
            cand connect 'Join stdin and stdout to a server'
            cand upload 'Send files and folders to a ''sendall serve --store'', verified and synced before success is reported'
            cand download 'Fetch files and folders from a ''sendall serve --share'', verified and synced before they get their names'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'sendall;serve'= {
            cand --slow 'With --keep-open or --broker: what becomes of a client that reads too slowly'
            cand --reply 'Send each client this text, or what is in a file, and end; \n, \r, \t, \0, \e, \\ and \xHH are understood'
            cand --greet 'Talk to each client by a script: say this first; escapes as for --reply'
            cand --answer 'Script: when a client says WHEN, say SAY; may be repeated'
            cand --otherwise 'Script: say this when nothing else fits'
            cand --hang-up 'Script: when a client says this, say its answer, if there is one, and end; may be repeated'
            cand --unit 'Script: what counts as one thing said'
            cand --store 'Take uploads into this folder, from many clients at once'
            cand --share 'Offer a file, or all that is in a folder, for download'
            cand --wire 'With --store: what clients speak'
            cand --max-size 'With --store: refuse files that are larger'
            cand --max-entries 'With --store: the most files, folders and links that one client may send'
            cand --digests 'With --store: add a line for each file that is stored, as b3sum --check reads it; - is stdout'
            cand --timeout 'With --store or --share: time limit of a client''s handshake [default: 10s]; else as --accept-timeout'
            cand --max-clients 'Clients at the same time [default: 100]; others wait'
            cand --max-per-source 'Clients at the same time from one address [default: 16]; others are refused'
            cand --count 'End when so many clients were served: with 0 if all went well, with 9 if some failed'
            cand --accept-timeout 'Fail if there was no client for so long [default: wait for ever]'
            cand --session-timeout 'Cut a client that is not done after so long [default: no limit]'
            cand --allow 'Admit this network, address or name, and nobody who is not listed; @FILE has one a line, read again on SIGHUP'
            cand --deny 'Admit nobody from this network, address or name; of several that fit the longest prefix decides'
            cand --idle-timeout 'Give up when nothing was sent or received for so long [default: no limit]'
            cand --limit-rate 'Send and receive at most so many bytes per second on each connection, as in 500KiB or 10MB'
            cand --end-when 'Which end of file ends the command [default: both; with a terminal as stdin: peer]'
            cand --keep-open 'Join many clients to stdin and stdout: stdin goes to all, what they send to stdout'
            cand --label 'With --keep-open: put ''[ADDRESS] '' before each line that a client sends'
            cand --broker 'Pass on what a client sends to all other clients'
            cand --chat 'With --broker: whole lines, behind ''<ADDRESS> '', with control characters escaped'
            cand --echo 'Send each client what it sends'
            cand --discard 'Read what clients send, and throw it away'
            cand --once 'With --store or --share: end after the first session, with its outcome as exit code'
            cand --keep-existing 'With --store: never replace a file, even for ''upload --force'''
            cand --send-only 'Send only: what the peer says is thrown away, and the command ends when all input was acknowledged'
            cand --recv-only 'Receive only: stdin is not read'
            cand --no-half-close 'Do not pass the end of stdin on as long as the peer has not ended'
            cand -v 'Tell peers, addresses, byte counts and durations'
            cand --verbose 'Tell peers, addresses, byte counts and durations'
            cand -q 'Print errors only'
            cand --quiet 'Print errors only'
            cand --json 'Write events as JSON, one per line, to stderr in the place of text'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'sendall;connect'= {
            cand --timeout 'Time limit for each address that is tried'
            cand --idle-timeout 'Give up when nothing was sent or received for so long [default: no limit]'
            cand --limit-rate 'Send and receive at most so many bytes per second on each connection, as in 500KiB or 10MB'
            cand --end-when 'Which end of file ends the command [default: both; with a terminal as stdin: peer]'
            cand --send-only 'Send only: what the peer says is thrown away, and the command ends when all input was acknowledged'
            cand --recv-only 'Receive only: stdin is not read'
            cand --no-half-close 'Do not pass the end of stdin on as long as the peer has not ended'
            cand -v 'Tell peers, addresses, byte counts and durations'
            cand --verbose 'Tell peers, addresses, byte counts and durations'
            cand -q 'Print errors only'
            cand --quiet 'Print errors only'
            cand --json 'Write events as JSON, one per line, to stderr in the place of text'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'sendall;upload'= {
            cand --name 'The name of stdin there'
            cand --links 'What becomes of symbolic links in folders'
            cand --include 'Send only files of a folder that match, as a line of a .gitignore does; may be given again'
            cand --exclude 'Leave out what matches, as a line of a .gitignore does; may be given again'
            cand --retry 'Try again so often after a failure that a new connection can mend, and go on where it was'
            cand --digests 'Write a line for each file that is there in the end, as b3sum --check reads it; - is stdout'
            cand --wire 'What the server speaks'
            cand --timeout 'Time limit for each address that is tried, and for the handshake'
            cand --idle-timeout 'Give up when nothing went either way for so long'
            cand -j 'Connections for files over 4 MiB [default: 1, or 4 from 10 ms of round trip on]'
            cand --connections 'Connections for files over 4 MiB [default: 1, or 4 from 10 ms of round trip on]'
            cand --limit-rate 'Send and receive at most so many bytes per second, as in 500KiB or 10MB'
            cand -f 'Replace files that exist there with other content'
            cand --force 'Replace files that exist there with other content'
            cand --dry-run 'Print what would be sent, and do not connect'
            cand -v 'Tell peers, addresses, byte counts and durations'
            cand --verbose 'Tell peers, addresses, byte counts and durations'
            cand -q 'Print errors only'
            cand --quiet 'Print errors only'
            cand --json 'Write events as JSON, one per line, to stderr in the place of text'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'sendall;download'= {
            cand -o 'Where to: a folder that exists, or the name for a single file; - is stdout'
            cand --output 'Where to: a folder that exists, or the name for a single file; - is stdout'
            cand --max-size 'Refuse files that are larger'
            cand --max-entries 'The most files, folders and links that are taken'
            cand --retry 'Try again so often after a failure that a new connection can mend, and go on where it was'
            cand --digests 'Write a line for each file that is there in the end, as b3sum --check reads it; - is stdout'
            cand --timeout 'Time limit for each address that is tried, and for the handshake'
            cand --idle-timeout 'Give up when nothing went either way for so long'
            cand -j 'Connections for files over 4 MiB [default: 1, or 4 from 10 ms of round trip on]'
            cand --connections 'Connections for files over 4 MiB [default: 1, or 4 from 10 ms of round trip on]'
            cand --limit-rate 'Send and receive at most so many bytes per second, as in 500KiB or 10MB'
            cand -f 'Replace files that exist here with other content'
            cand --force 'Replace files that exist here with other content'
            cand --list 'Print what is offered, and fetch nothing'
            cand -v 'Tell peers, addresses, byte counts and durations'
            cand --verbose 'Tell peers, addresses, byte counts and durations'
            cand -q 'Print errors only'
            cand --quiet 'Print errors only'
            cand --json 'Write events as JSON, one per line, to stderr in the place of text'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'sendall;help'= {
            cand serve 'Listen; without a mode, join the first client to stdin and stdout and end with it'
            cand connect 'Join stdin and stdout to a server'
            cand upload 'Send files and folders to a ''sendall serve --store'', verified and synced before success is reported'
            cand download 'Fetch files and folders from a ''sendall serve --share'', verified and synced before they get their names'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'sendall;help;serve'= {
        }
        &'sendall;help;connect'= {
        }
        &'sendall;help;upload'= {
        }
        &'sendall;help;download'= {
        }
        &'sendall;help;help'= {
        }
    ]
    $completions[$command]
}
