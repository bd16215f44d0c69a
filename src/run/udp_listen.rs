//! `udp-listen`: datagrams from any number of peers, whole, and answers to them.

use crate::datagram::listen::answers::{Answers, Responder};
use crate::datagram::listen::session::{Listening, ReceiveLimits};
use crate::datagram::output::Output;
use crate::datagram::style::Style;
use crate::datagram::too_large;
use crate::error::{Error, Exit};
use crate::http::metrics::MetricsServer;
use crate::net::child::keep_descriptors;
use crate::net::endpoint::Endpoint;
use crate::net::reactor::Reactor;
use crate::net::signals::Signals;
use crate::net::stdio::{Stdio, check_stdout};
use crate::net::udp;
use crate::net::udp::{DatagramSocket, Options};
use crate::proto::datagram::guard::ReplyLimits;
use crate::proto::datagram::records::MAX_DATAGRAM_BYTES;
use crate::report::{Report, Shown};
use crate::server::acceptor::AccessLists;
use crate::server::access_sources::AccessSources;
use crate::server::invitation::invite;
use crate::server::option_files::TextOrFile;
use crate::server::setup::notify_ready;

/// The validated arguments of `udp-listen`.
pub struct Plan {
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) options: Options,
    pub(crate) access: AccessSources,
    /// Where the page of counts is.
    pub(crate) metrics: Option<Endpoint>,
    pub(crate) style: Style,
    pub(crate) limits: ReceiveLimits,
    pub(crate) answers: Answers,
    /// The answer to every datagram; it replaces `answers`.
    pub(crate) reply: Option<TextOrFile>,
    pub(crate) reply_limits: ReplyLimits,
}

impl Plan {
    /// Receives until `--count` or a limit is reached.
    pub fn run(self, report: &Report, signals: &Signals) -> Result<(), Error> {
        let is_named =
            |endpoint: &Endpoint| matches!(endpoint, Endpoint::UnixPath(_) | Endpoint::UnixAbstract(_));
        let access = self.access.load()?;
        if !access.is_empty() && self.endpoints.iter().any(is_named) {
            let text = "--allow and --deny are about addresses, and peers of a Unix socket have none";
            return Err(Error::new(Exit::Usage, text));
        }
        let answers = match self.reply {
            Some(reply) => Answers::Fixed(reply.read("--reply")?),
            None => self.answers,
        };
        if matches!(&answers, Answers::Fixed(reply) if reply.len() > MAX_DATAGRAM_BYTES) {
            return Err(too_large("--reply"));
        }
        check_stdout()?;
        let shown = Shown { datagrams: true, ..Shown::default() };
        let _metrics = MetricsServer::start_if(self.metrics.as_ref(), shown, (report, signals))?;
        let mut _ready = None;
        let mut reactor = Reactor::new(signals).map_err(|error| Error::new(Exit::Failed, error))?;
        reactor.add_at_start(|io, now| {
            let mut sockets: Vec<DatagramSocket> = Vec::new();
            for endpoint in &self.endpoints {
                sockets.extend(udp::listen(endpoint, &self.options, &io)?);
            }
            keep_descriptors();
            let output = Output::behind(Stdio::open(&io)?, self.style, io.thread_waker());
            let responder =
                Responder::new(answers, self.reply_limits, output.is_typed(), (&io, report), &sockets)?;
            let lists = AccessLists::new(&self.access, None, self.limits.count.is_some(), (&io, signals))?;
            for socket in &sockets {
                report.listening(socket.local_address());
            }
            let bound =
                sockets.iter().filter_map(|socket| socket.local_address().to_name().address()).collect();
            invite(bound, &self.endpoints, "sendall udp-send ADDR", report);
            _ready = notify_ready(report);
            Ok(Listening::new(sockets, output, self.limits, (access, lists), responder, report.clone(), now))
        })?;
        reactor.run()
    }
}
