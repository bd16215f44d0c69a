//! What a person at a terminal is told to type elsewhere.

use std::net::SocketAddr;

use crate::net::default_port::TRANSFER_PORT;
use crate::net::endpoint::Endpoint;
use crate::net::reachable::{Reach, reach};
use crate::report::Report;

/// Says how to reach a server from another machine, to a person at a terminal. `command` has ADDR where the address
/// belongs. Where only this machine reaches it, something is said about the default endpoint alone: whoever typed none
/// may not know what it is.
pub(crate) fn invite(bound: Vec<SocketAddr>, endpoints: &[Endpoint], command: &str, report: &Report) {
    if !report.is_read_by_a_person() || command.is_empty() {
        return;
    }
    match reach(bound) {
        Some(Reach::Address(address)) => {
            let command = command.replace("ADDR", &address.to_string());
            report.say(format_args!("on another machine: {command}"));
        }
        Some(Reach::Port(port)) => {
            let command = command.replace("ADDR", &format!("HOST:{port}"));
            report
                .say(format_args!("on another machine, with this one's name or address for HOST: {command}"));
        }
        None if *endpoints == [Endpoint::transfers_here()] => {
            let command = command.replace("ADDR", &format!("localhost:{TRANSFER_PORT}"));
            report.say(format_args!("on this machine: {command}; for others, listen on :{TRANSFER_PORT}"));
        }
        None => {}
    }
}
