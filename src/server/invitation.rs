//! The command that reaches a server from another machine, printed for a person at a terminal.

use std::net::SocketAddr;

use crate::net::default_port::TRANSFER_PORT;
use crate::net::endpoint::Endpoint;
use crate::net::reachable::{Reach, reach};
use crate::report::Report;

/// Prints how to reach a server from another machine, if a person reads stderr. `command` has ADDR in place of the address.
/// A server that only this machine reaches has a line if its endpoint is the default one: a user who typed none may not
/// know it.
pub(crate) fn invite(bound: Vec<SocketAddr>, endpoints: &[Endpoint], command: &str, report: &Report) {
    if !report.is_read_by_a_person() || command.is_empty() {
        return;
    }
    match reach(bound) {
        Some(Reach::Address(address)) => {
            let command = command.replace("ADDR", &address.to_string());
            report.info(format_args!("on another machine: {command}"));
        }
        Some(Reach::Port(port)) => {
            let command = command.replace("ADDR", &format!("HOST:{port}"));
            report.info(format_args!(
                "on another machine, with this one's name or address for HOST: {command}"
            ));
        }
        None if *endpoints == [Endpoint::transfers_here()] => {
            let command = command.replace("ADDR", &format!("localhost:{TRANSFER_PORT}"));
            report.info(format_args!("on this machine: {command}; for others, listen on :{TRANSFER_PORT}"));
        }
        None => {}
    }
}
