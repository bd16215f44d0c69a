//! The real binary, on real sockets: one test program.

// Helpers of tests may fail as tests do, and say what they skip.
#![allow(clippy::expect_used, clippy::print_stdout)]

// Starts the binary, feeds it and watches it.
mod harness;
// Plays its peer.
mod link;
// Programs of others.
mod others;
// When the end of the input is passed on, with real servers; who reads a terminal.
mod half_close;
mod job_control;
// The eight rules of the end-of-file contract, each as a function of the way two ends are joined.
mod contract;

// Killed and failing ends, urgent data.
mod abnormal;
// The contract for `connect`, and what only `connect` does.
mod connect;
// How a connection is made: from where, in which order of addresses, how often.
mod dialling;
// `connect --probe`.
mod probe;
// What is asked of a socket, and what it says of itself.
mod socket_options;
// The forms of an endpoint, for both commands; transfers without a port.
mod default_port;
mod endpoints;
// A process for each connection; at a terminal.
mod exec;
mod exec_ends;
mod exec_socket;
mod pty;
// Sockets that are passed on, and what a service manager is told.
mod activation;
// Every exit code that can be reached, and the one line that goes with it.
mod exit_codes;
// Bytes that are changed or written down on their way; streams of messages.
mod line_tools;
mod messages;
mod messages_in;
mod records;
mod telnet;
// Next to the netcats that are installed.
mod peers;
// The two verbs of the core, on real sockets.
mod send;
// Many clients: each on its own, together, and those who may not come in.
mod access;
mod admission;
mod hub;
mod hub_streams;
mod many;
mod modes;
mod packets;
// Descriptors that others have made non-blocking.
mod nonblocking;
// The events of --json.
mod json;
// `http-hello`: raw requests, its options, hostile and slow clients, and real ones.
mod http_hello;
// The contract for `serve`, and what only `serve` does.
mod serve;
// SIGINT, SIGTERM, SIGSTOP, interrupted calls.
mod signals;
// Every kind of stdin and stdout: exact bytes, flags untouched, no spinning, bounded memory.
mod streams;
// Datagrams.
mod udp_answers;
mod udp_cuts;
mod udp_listen;
mod udp_processes;
mod udp_send;
mod udp_typed;
// The rules of the source tree.
mod tidy;
// Through others: to a target, as a proxy server, through proxies.
mod announced;
mod forward;
mod http_early;
mod http_proxy;
mod proxied;
mod proxies;
mod socks;
// Wrong usage, and the hint that each mistake gets.
mod usage;

// File transfer. Folders, servers and clients; what stands between them; peers written by hand.
mod frames;
mod proxy;
mod xfer;
// What arrives and what is refused.
mod download;
mod file_modes;
mod left_out;
mod odd_files;
mod producers;
mod upload;
// Faults on the way, at every boundary.
mod cuts;
mod flips;
// Large files in blocks, over several connections, and peers that do not keep to that.
mod block_faults;
mod block_peers;
mod blocks;
// Lists for b3sum.
mod digests;
// What is offered, without its bytes.
mod listing;
// One session, with all of its connections.
mod once;
// Tried again after a fault, and taken over from a session that is gone.
mod retry;
// Peers that are none, or do not keep to the protocol.
mod burdens;
mod claims;
mod hostile_clients;
mod hostile_servers;
// Slowed down on purpose.
mod limit_rate;
// What is said of how far a session is.
mod progress;
// The text header, next to Python's servers and clients of that kind.
mod wire_text;
// Next to a peer that was written from PROTOCOL.md alone.
mod python_peer;
// Obstacles in the destination.
mod planted;
// What it costs, what is shown, and the codes that are left.
mod advice;
mod drawn;
mod invited;
mod transfer_codes;
mod transfer_limits;
// Faults under the files: killed at every system call, failing calls.
mod crash;
mod failing;
mod injected;
mod power;
mod space;
mod trace;
// Many at once; very many one after the other.
mod crowd;
mod scale;
mod scarce;
// Hostile sessions beside honest ones.
mod siege;
// Peers that vanish, and networks that lead nowhere.
mod vanish;
