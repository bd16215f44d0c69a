//! `download http(s)://...`: fetches a file from web servers.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use super::{Download, usage};
use crate::error::{Error, Exit};
use crate::net::connecting::Connect;
use crate::net::endpoint::{Endpoint, Host};
use crate::net::reactor::{Io, Reactor};
use crate::net::signals::Signals;
use crate::net::stream::Transport;
use crate::net::tls::client::ClientTls;
use crate::proto::http::HttpUrl;
use crate::relay::connector::{Connector, report_connected};
use crate::report::Report;
use crate::run::dialer::ConnectorPlan;
use crate::run::tls::ClientTlsPlan;
use crate::store::StagingFolder;
use crate::transfer::{Limits, Naming};
use crate::web::fetch::{FetchOptions, FetchTarget, Fetched, Fetching, LaneLimits, WebDialer};

/// The validated arguments of a download from web servers.
pub struct WebPlan {
    /// URLs of the same file.
    pub(crate) urls: Vec<HttpUrl>,
    /// The name in the URLs; `None` if they have none, or several.
    pub(crate) name: Option<Vec<u8>>,
    /// The digest that a URL names.
    pub(crate) digest: Option<[u8; 32]>,
    pub(crate) download: Download,
    /// The way to the server of the first URL.
    pub(crate) server: ConnectorPlan,
    pub(crate) tls: ClientTlsPlan,
    pub(crate) limits: Limits,
    /// The number of connections that was requested.
    pub(crate) connections: Option<usize>,
}

/// Returns the endpoint of a URL's server.
pub(crate) fn endpoint_of(url: &HttpUrl) -> Endpoint {
    Endpoint::Tcp { host: Host::Named(url.host().to_owned()), port: url.port() }
}

impl WebPlan {
    /// Fetches the file, and returns when it is on the disk.
    pub fn run(self, report: &Report, signals: &Signals) -> Result<(), Error> {
        let connector = self.server.connector(true, report)?;
        let names: Vec<Vec<u8>> = self.name.iter().cloned().collect();
        let (folder, naming) = self.download.open_output(&names)?;
        let name = match &naming {
            Naming::Fixed(name) => name.clone(),
            _ => self.name.clone().unwrap_or_else(|| b"-".to_vec()),
        };
        if self.name.is_none() && matches!(naming, Naming::AsSent | Naming::Wanted(_)) {
            return Err(usage("the URL names no file of its own: type -o FILE"));
        }
        let sink = self.download.sink(&naming)?;
        let dialer: Rc<dyn WebDialer> = Rc::new(Dialing {
            connector,
            tls: self.tls.clone(),
            loaded: OnceCell::new(),
            limit: self.limits.handshake,
            report: report.clone(),
        });
        let outcome = Rc::new(RefCell::new(Fetched::default()));
        self.download.retry.run(report, signals, |run_state| {
            let target = match naming {
                Naming::Stdout => FetchTarget::Stdout,
                _ => {
                    folder.remove_leftovers();
                    let staging =
                        StagingFolder::new(&folder).map_err(|fault| usage(format!("-o: {fault}")))?;
                    FetchTarget::Folder { folder: folder.clone(), staging }
                }
            };
            let options = self.options(name.clone(), target);
            let mut reactor = Reactor::new(signals).map_err(|error| Error::new(Exit::Failed, error))?;
            reactor.add_at_start(|io, now| {
                Ok(Fetching::new((io, report.clone()), options, &dialer, Rc::clone(&outcome), now))
            })?;
            let result = reactor.run();
            let has_moved = std::mem::take(&mut outcome.borrow_mut().has_moved);
            if has_moved {
                run_state.note_moved();
            }
            result
        })?;
        match (sink, outcome.borrow().digest) {
            (Some(sink), Some(digest)) => sink.write_one(&name, digest, report),
            _ => Ok(()),
        }
    }

    fn options(&self, name: Vec<u8>, target: FetchTarget) -> FetchOptions {
        FetchOptions {
            mirrors: self.urls.clone(),
            name,
            target,
            replace: self.download.replace,
            max_size: self.download.max_size,
            digest: self.digest,
            limits: LaneLimits { idle: self.limits.idle, rate: self.limits.rate },
            connections: self.connections,
        }
    }
}

/// The way to any web server.
struct Dialing {
    /// That to the first one, without TLS.
    connector: Connector,
    tls: ClientTlsPlan,
    /// Its files are read once, when the first server needs them.
    loaded: OnceCell<ClientTls>,
    limit: Duration,
    report: Report,
}

impl WebDialer for Dialing {
    fn connecting(&self, url: &HttpUrl, io: &Io) -> Result<Box<dyn Connect + Send>, Error> {
        let endpoint = endpoint_of(url);
        let connector = self.connector.to_endpoint(endpoint)?;
        if !url.is_tls() {
            return connector.connecting(self.limit, io);
        }
        let tls = match self.loaded.get() {
            Some(tls) => tls.clone(),
            None => {
                let tls = self.tls.load()?;
                self.loaded.get_or_init(|| tls).clone()
            }
        };
        connector.with_tls(tls, url.host().to_owned(), None).connecting(self.limit, io)
    }

    fn connected(&self, transport: &Transport) {
        report_connected(transport, &self.report);
    }
}
