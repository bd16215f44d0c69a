//! `udp-send`: datagrams from arguments or stdin, and the replies to them.

use std::time::Duration;

use crate::datagram::output::Output;
use crate::datagram::send::input::DatagramSource;
use crate::datagram::send::session::{DatagramSending, ReplyWait, SendTask};
use crate::datagram::style::Style;
use crate::error::{Error, Exit};
use crate::net::endpoint::Endpoint;
use crate::net::reactor::Reactor;
use crate::net::signals::Signals;
use crate::net::stdio::{Stdio, check_stdin, check_stdout};
use crate::net::udp::Options;
use crate::proto::datagram::pace::Pace;
use crate::report::Report;

/// The validated arguments of `udp-send`.
pub struct Plan {
    pub(crate) endpoint: Endpoint,
    pub(crate) options: Options,
    pub(crate) source: DatagramSource,
    pub(crate) reply_wait: Option<ReplyWait>,
    pub(crate) style: Style,
    pub(crate) pace: Pace,
    pub(crate) idle: Option<Duration>,
}

impl Plan {
    /// Sends everything, and returns when the requested replies have arrived.
    pub fn run(self, report: &Report, signals: &Signals) -> Result<(), Error> {
        if self.reply_wait.is_some() {
            check_stdout()?;
        }
        if self.source.is_stdin() {
            check_stdin()?;
        }
        let mut reactor = Reactor::new(signals).map_err(|error| Error::new(Exit::Failed, error))?;
        reactor.add_at_start(|io, now| {
            let output = Output::new(Stdio::open(&io)?, self.style);
            let task = SendTask {
                source: self.source,
                pace: self.pace,
                reply_wait: self.reply_wait,
                idle: self.idle,
            };
            DatagramSending::new(self.endpoint, self.options, task, output, (io, report.clone()), now)
        })?;
        reactor.run()
    }
}
