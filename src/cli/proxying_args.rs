//! What `serve --forward` and `serve --socks` can be told.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use clap::{Args, ValueEnum, ValueHint};

use crate::error::{Error, Exit};
use crate::net::endpoint::{Endpoint, Role};
use crate::net::options::Family;
use crate::proto::proxy::handshake::Users;
use crate::proto::proxy::header::HeaderVersion;
use crate::relay::modes::forward::Destination;
use crate::relay::modes::socks::Rules;
use crate::relay::targets::TargetArgs;
use crate::server::option_files::bytes_of;

/// The way from clients to somebody else.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Forwarding")]
pub(crate) struct ProxyingArgs {
    /// Join each client to a connection of its own to this server
    #[arg(long, value_name = "ENDPOINT", value_hint = ValueHint::Hostname)]
    pub(crate) forward: Option<String>,

    /// With --forward: tell the server whose connection it is, in a header of the PROXY protocol before the stream
    #[arg(long, value_enum, value_name = "VERSION", requires = "forward")]
    proxy_protocol: Option<HeaderChoice>,

    /// Be a proxy server: clients say in SOCKS5 or in HTTP (CONNECT, or a request for an http:// URL) where they want to be connected to
    #[arg(long)]
    pub(crate) socks: bool,

    /// With --socks: serve only those who give a user and a password of this file; a line is user:password
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "socks")]
    socks_users: Option<PathBuf>,

    #[command(flatten)]
    targets: TargetArgs,
}

/// The values of `--proxy-protocol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum HeaderChoice {
    /// A line of text
    V1,
    /// Binary
    V2,
}

impl From<HeaderChoice> for HeaderVersion {
    fn from(choice: HeaderChoice) -> HeaderVersion {
        match choice {
            HeaderChoice::V1 => HeaderVersion::V1,
            HeaderChoice::V2 => HeaderVersion::V2,
        }
    }
}

impl ProxyingArgs {
    pub(crate) fn destination(
        &self,
        word: &str,
        timeout: Duration,
        family: Option<Family>,
    ) -> Result<Destination, Error> {
        let endpoint = Endpoint::parse(word, Role::Connect);
        let endpoint = endpoint.map_err(|hint| Error::new(Exit::Usage, format!("--forward: {hint}")))?;
        Ok(Destination { endpoint, timeout, family, header: self.proxy_protocol.map(HeaderVersion::from) })
    }

    pub(crate) fn rules(&self, timeout: Duration) -> Result<Rules, Error> {
        let users = self.socks_users.as_ref().map(|path| {
            let users = Users::parse(&bytes_of(path, "--socks-users")?);
            users.map(Rc::new).map_err(|fault| Error::new(Exit::Usage, format!("--socks-users: {fault}")))
        });
        Ok(Rules { users: users.transpose()?, targets: self.targets.load()?, timeout })
    }
}
