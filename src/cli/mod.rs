//! The command line: the options of each command, and the plan that they make.

pub(crate) mod access_args;
pub(crate) mod connect;
pub(crate) mod datagram_endpoints;
pub(crate) mod download;
pub(crate) mod exec_args;
pub mod hints;
pub(crate) mod http_hello;
pub(crate) mod manual;
pub(crate) mod metrics_args;
pub mod nc;
pub mod options;
pub(crate) mod pinned;
pub(crate) mod proxy_args;
pub(crate) mod proxying_args;
pub(crate) mod remote_args;
pub(crate) mod retry_args;
pub(crate) mod serve;
pub mod socket_args;
#[cfg(test)]
mod tests;
pub(crate) mod tls_args;
pub(crate) mod transfer_args;
pub(crate) mod trust_args;
pub(crate) mod udp_listen;
pub(crate) mod udp_send;
pub(crate) mod upload;
mod values;
pub(crate) mod web_args;

use clap::{ArgAction, Parser, Subcommand};

use crate::error::Error;
use crate::net::clock::read_clock;
use crate::net::signals::Signals;
use crate::report::{Level, Report};

/// A netcat for people who need to know that their bytes arrived
///
/// Exit code 0 means that everything arrived, as far as the protocol can prove it.
/// Every failure has another code and one line on stderr that gives the reason.
#[derive(Parser, Debug)]
#[command(name = "sendall", version, max_term_width = 100)]
#[command(after_help = EXIT_CODES, after_long_help = [manual::OVERVIEW, manual::NETCATS].join("\n\n"))]
pub struct Cli {
    #[command(subcommand)]
    command: Command,

    /// Print peers, addresses, byte counts and durations; give it twice for socket options as well
    #[arg(short, long, global = true, conflicts_with = "quiet", display_order = 100, action = ArgAction::Count)]
    verbose: u8,

    /// Print errors only
    #[arg(short, long, global = true, display_order = 101)]
    quiet: bool,

    /// Write events as JSON, one per line, to stderr instead of text
    #[arg(long, global = true, display_order = 102, long_help = manual::JSON)]
    json: bool,
}

const EXIT_CODES: &str = "Exit codes: 0 everything arrived, 1 other failure, 2 wrong usage, 3 no connection, 4 time limit, \
5 connection lost, 6 integrity, 7 refused by the peer, 8 not trusted, 9 some items failed, 10 cannot write here, 128+n signal n";

// The options of the command that is called are built, not those of all.
#[derive(Subcommand, Debug)]
#[command(defer = true)]
enum Command {
    #[command(about = serve::ABOUT)]
    Serve(Box<serve::ServeArgs>),
    #[command(about = connect::ABOUT)]
    Connect(Box<connect::ConnectArgs>),
    #[command(about = upload::ABOUT)]
    Upload(upload::UploadArgs),
    #[command(about = download::ABOUT)]
    Download(download::DownloadArgs),
    #[command(about = http_hello::ABOUT)]
    HttpHello(http_hello::HttpHelloArgs),
    #[command(about = udp_listen::ABOUT)]
    UdpListen(udp_listen::UdpListenArgs),
    #[command(about = udp_send::ABOUT)]
    UdpSend(udp_send::UdpSendArgs),
    #[command(about = nc::ABOUT)]
    Nc(nc::NcArgs),
}

impl Cli {
    /// Creates the report of this run.
    pub fn report(&self) -> Report {
        let level = match (self.quiet, self.verbose) {
            (true, _) => Level::Quiet,
            (false, 0) => Level::Normal,
            (false, 1) => Level::Verbose,
            (false, _) => Level::Debug,
        };
        if self.json { Report::json(level, read_clock) } else { Report::new(level, read_clock) }
    }

    /// Validates the arguments. Nothing is opened.
    fn check(&self) -> Result<(), Error> {
        match &self.command {
            Command::Serve(args) => args.plan().map(drop),
            Command::Connect(args) => args.plan().map(drop),
            Command::Upload(args) => args.plan()?.check(),
            Command::Download(args) => args.plan().map(drop),
            Command::HttpHello(args) => args.plan().map(drop),
            Command::UdpListen(args) => args.plan().map(drop),
            Command::UdpSend(args) => args.plan().map(drop),
            Command::Nc(args) => args.run(),
        }
    }

    /// Validates the arguments, then runs the command.
    pub fn run(&self, report: &Report, signals: &Signals) -> Result<(), Error> {
        match &self.command {
            Command::Serve(args) => args.plan()?.run(report, signals),
            Command::Connect(args) => args.plan()?.run(report, signals),
            Command::Upload(args) => args.plan()?.run(report, signals),
            Command::Download(args) => args.plan()?.run(report, signals),
            Command::HttpHello(args) => args.plan()?.run(report, signals),
            Command::UdpListen(args) => args.plan()?.run(report, signals),
            Command::UdpSend(args) => args.plan()?.run(report, signals),
            Command::Nc(args) => args.run(),
        }
    }
}
