//! The modes of `serve`, with their validated arguments.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use crate::datagram::relay::intake::max_new_flows;
use crate::error::Error;
use crate::http::log::LogForm;
use crate::net::child::Program;
use crate::net::endpoint::Endpoint;
use crate::net::host_name;
use crate::proto::relay::conversation::Script;
use crate::proto::web::origin::HostName;
use crate::proto::web::page::Uploads;
use crate::relay::exec::ExecRules;
use crate::relay::modes::forward::ForwardTarget;
use crate::relay::modes::hub::Slow;
use crate::relay::modes::stdio_client::StdioDirections;
use crate::relay::modes::subscriber::Labelling;
use crate::relay::options::RelayOptions;
use crate::relay::targets::TargetSources;
use crate::run::tls::{ClientTlsPlan, IdentityFiles};
use crate::server::acceptor::DescriptorBudget;
use crate::store::SymlinkPolicy;
use crate::transfer::server::budget::descriptors_for;
use crate::transfer::{Limits, WireProtocol};
use crate::web::face::DESCRIPTORS_PER_THREAD;
use crate::web::storing::table::IDLE_DESCRIPTORS;
use crate::web::terms::ETagSource;

/// What the server does with its clients.
pub(crate) enum Mode {
    Single(RelayOptions),
    Transfer(TransferPlan),
    Echo,
    Discard,
    /// A text with escapes, or `@FILE`.
    Reply(String),
    Forward(ForwardPlan),
    /// `--forward` of datagrams.
    Datagrams(DatagramPlan),
    Socks(SocksPlan),
    Script(Rc<Script>),
    Broker {
        slow: Slow,
        labelling: Labelling,
        joins: bool,
    },
    KeepOpen {
        slow: Slow,
        labelling: Labelling,
        directions: StdioDirections,
    },
    Exec(Program, ExecRules),
}

/// The arguments of `--store` and `--share`.
pub(crate) struct TransferPlan {
    pub(crate) store: Option<PathBuf>,
    pub(crate) share: Option<PathBuf>,
    /// What happens to symbolic links in a shared folder.
    pub(crate) links: SymlinkPolicy,
    pub(crate) keep_existing: bool,
    /// The largest file that is accepted, in bytes.
    pub(crate) max_size: Option<u64>,
    /// The maximum number of entries in one session.
    pub(crate) max_entries: u32,
    pub(crate) digests: Option<PathBuf>,
    /// True if the server ends after one session.
    pub(crate) once: bool,
    pub(crate) limits: Limits,
    pub(crate) wire: WireProtocol,
    /// The web face, if there is one.
    pub(crate) web: Option<WebPlan>,
}

impl TransferPlan {
    /// Where uploads go, as the pages of the shared folder say it.
    pub(super) fn uploads(&self) -> Uploads {
        match (&self.store, &self.share) {
            (None, _) => Uploads::No,
            (Some(store), Some(share)) if store.canonicalize().ok() == share.canonicalize().ok() => {
                Uploads::Here
            }
            (Some(_), _) => Uploads::Elsewhere,
        }
    }

    /// The heading of pages: the name of the shared folder, or of this machine.
    pub(super) fn title(&self) -> Vec<u8> {
        if self.share.is_none() {
            return format!("Send files to {}", host_name()).into_bytes();
        }
        let folder =
            self.share.as_ref().filter(|path| path.is_dir()).and_then(|path| path.canonicalize().ok());
        let name = folder.as_ref().and_then(|path| path.file_name()).map(|name| name.as_bytes().to_vec());
        name.unwrap_or_else(|| host_name().into_bytes())
    }
}

/// The arguments of `--http`.
#[derive(Clone, Debug)]
pub(crate) struct WebPlan {
    /// Other machines need no secret path.
    pub(crate) is_open: bool,
    /// A file with the token that clients show in place of it.
    pub(crate) token: Option<PathBuf>,
    /// Names of the server in URLs, beside its addresses and the machine's own name.
    pub(crate) hosts: Vec<HostName>,
    /// The certificate that browsers are shown.
    pub(crate) identity: Option<IdentityFiles>,
    /// How long caches may use a file without asking again.
    pub(crate) cache: Option<Duration>,
    /// The shared folder is a web site.
    pub(crate) is_site: bool,
    /// What the tags of files are made of.
    pub(crate) etag: ETagSource,
    /// The form of the lines for answers on stdout.
    pub(crate) log: Option<LogForm>,
}

/// The arguments of `--forward`.
pub(crate) struct ForwardPlan {
    pub(crate) target: ForwardTarget,
    /// TLS with the target.
    pub(crate) tls: Option<ClientTlsPlan>,
}

impl ForwardPlan {
    /// Reads the files of TLS.
    pub(super) fn load(self) -> Result<ForwardTarget, Error> {
        let Some(plan) = self.tls else { return Ok(self.target) };
        let host = plan.host(&self.target.endpoint);
        Ok(ForwardTarget { tls: Some((plan.load()?, host)), ..self.target })
    }
}

/// The arguments of `--forward udp:` and `--forward unix-dgram:`.
pub(crate) struct DatagramPlan {
    pub(crate) target: Endpoint,
    /// How long a flow may be silent.
    pub(crate) idle: Duration,
}

/// The arguments of `--socks`.
pub(crate) struct SocksPlan {
    /// The file of users and passwords.
    pub(crate) users: Option<PathBuf>,
    pub(crate) targets: TargetSources,
    pub(crate) timeout: Duration,
}

// Each property names every mode, so that the compiler asks for those of a new one.
impl TransferPlan {
    /// The descriptors that clients need, and uploads by HTTP between two requests.
    pub(crate) fn descriptors(&self) -> DescriptorBudget {
        let mut budget = descriptors_for(self.store.is_some(), self.wire);
        if self.web.is_some() {
            // A session of each protocol for each client.
            budget.per_client += DESCRIPTORS_PER_THREAD;
            budget.fixed += if self.store.is_some() { IDLE_DESCRIPTORS } else { 0 };
        }
        budget
    }
}

impl Mode {
    /// The descriptors that clients need.
    pub(crate) fn descriptors(&self) -> DescriptorBudget {
        let per_client = match self {
            Mode::Transfer(plan) => return plan.descriptors(),
            // A flow, and those that have made way in this turn and the one before.
            Mode::Datagrams(_) => {
                return DescriptorBudget { per_client: 1, fixed: 2 * max_new_flows() as u64 };
            }
            // The client, the target, a second attempt to connect to it, and the thread that resolves its name.
            Mode::Forward(_) | Mode::Socks(_) => 4,
            // The client, two pipes, and the descriptor that reports the end of the process.
            Mode::Exec(..) => 4,
            // The client and the file.
            Mode::Reply(_) => 2,
            Mode::Single(_)
            | Mode::Echo
            | Mode::Discard
            | Mode::Script(_)
            | Mode::Broker { .. }
            | Mode::KeepOpen { .. } => 1,
        };
        DescriptorBudget { per_client, fixed: 0 }
    }

    /// True if each client costs a process, or a thread and files.
    pub(crate) fn is_costly(&self) -> bool {
        match self {
            Mode::Transfer(_) | Mode::Exec(..) => true,
            Mode::Single(_)
            | Mode::Echo
            | Mode::Discard
            | Mode::Reply(_)
            | Mode::Forward(_)
            | Mode::Datagrams(_)
            | Mode::Socks(_)
            | Mode::Script(_)
            | Mode::Broker { .. }
            | Mode::KeepOpen { .. } => false,
        }
    }

    /// True if there may be more than one client.
    pub(crate) fn serves_many(&self) -> bool {
        match self {
            Mode::Single(_) => false,
            Mode::Transfer(_)
            | Mode::Echo
            | Mode::Discard
            | Mode::Reply(_)
            | Mode::Forward(_)
            | Mode::Datagrams(_)
            | Mode::Socks(_)
            | Mode::Script(_)
            | Mode::Broker { .. }
            | Mode::KeepOpen { .. }
            | Mode::Exec(..) => true,
        }
    }

    /// True if `--timeout` limits a handshake or the connection to a target. Elsewhere it limits the wait for a client.
    pub(crate) fn has_handshake(&self) -> bool {
        match self {
            Mode::Transfer(_) | Mode::Forward(_) | Mode::Socks(_) => true,
            Mode::Single(_)
            | Mode::Echo
            | Mode::Discard
            | Mode::Reply(_)
            | Mode::Datagrams(_)
            | Mode::Script(_)
            | Mode::Broker { .. }
            | Mode::KeepOpen { .. }
            | Mode::Exec(..) => false,
        }
    }
}
