//! Options of servers behind a program: `ssh://HOST/DIR` and `--via`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use clap::{Args, ValueHint};

use super::proxy_args::ProxyArgs;
use super::socket_args::LocalArgs;
use super::transfer_args::TransferLimitArgs;
use super::trust_args::TransferTrustArgs;
use crate::error::{Error, Exit};
use crate::relay::remote::RemoteRole;
use crate::relay::remote::target::SshTarget;
use crate::relay::remote::words::split;
use crate::run::remote::{RemotePlan, SshPlan};

/// The way to a server behind a program.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Over ssh")]
pub(crate) struct RemoteArgs {
    /// Run this program, which leads to 'sendall serve ... stdio:' by its stdin and stdout; no server is named then
    #[arg(long, value_name = "'CMD ARG...'", value_hint = ValueHint::CommandString)]
    via: Option<OsString>,

    /// With ssh://HOST/DIR: run this instead of ssh, for example 'ssh -J BASTION' [default: SENDALL_SSH, else ssh]
    #[arg(long, value_name = "'CMD ARG...'", value_hint = ValueHint::CommandString, conflicts_with = "via")]
    ssh: Option<OsString>,

    /// With ssh://HOST/DIR: start sendall there by these words of the remote shell, for example 'sudo sendall' [default: sendall]
    #[arg(long, value_name = "WORDS", value_hint = ValueHint::Other, conflicts_with = "via",
        value_parser = clap::builder::NonEmptyStringValueParser::new())]
    remote_command: Option<String>,
}

/// Options that a server behind a program has nothing for.
pub(crate) struct Unusable<'a> {
    pub(crate) proxy: &'a ProxyArgs,
    pub(crate) local: &'a LocalArgs,
    pub(crate) trust: &'a TransferTrustArgs,
    pub(crate) limits: &'a TransferLimitArgs,
}

fn usage(text: impl Into<String>) -> Error {
    Error::new(Exit::Usage, text.into())
}

impl RemoteArgs {
    /// True with `--via`: then no word is the server.
    pub(crate) fn has_via(&self) -> bool {
        self.via.is_some()
    }

    /// The server behind a program, if `server`, the word that names one, or `--via` asks for it.
    ///
    /// # Errors
    /// What is no such server; options that do not go with one, or with any other.
    pub(crate) fn plan(
        &self,
        server: Option<&OsStr>,
        role: RemoteRole,
        unusable: &Unusable<'_>,
    ) -> Result<Option<RemotePlan>, Error> {
        let target = server.filter(|word| SshTarget::is_begun(word.as_bytes()));
        let plan = match (&self.via, target) {
            (Some(line), _) => {
                RemotePlan::Via(split(line).map_err(|fault| usage(format!("--via: {fault}")))?)
            }
            (None, Some(word)) => {
                let ssh = self.ssh.as_deref().map(split).transpose();
                RemotePlan::Ssh(SshPlan {
                    target: SshTarget::parse(word.as_bytes()).map_err(usage)?,
                    role,
                    ssh: ssh.map_err(|fault| usage(format!("--ssh: {fault}")))?,
                    remote_command: self.remote_command.clone().unwrap_or_else(|| "sendall".to_owned()),
                    timeout: unusable.limits.timeout,
                })
            }
            (None, None) => {
                let typed =
                    [(self.ssh.is_some(), "--ssh"), (self.remote_command.is_some(), "--remote-command")];
                return match typed.iter().find(|(is_typed, _)| *is_typed) {
                    Some((_, option)) => {
                        Err(usage(format!("{option} goes with a server like ssh://HOST/DIR")))
                    }
                    None => Ok(None),
                };
            }
        };
        unusable.refuse()?;
        Ok(Some(plan))
    }
}

impl Unusable<'_> {
    fn refuse(&self) -> Result<(), Error> {
        if self.limits.connections.is_some_and(|connections| connections > 1) {
            return Err(usage("-j: there is one connection by ssh or --via: leave it out"));
        }
        let typed = [
            (self.proxy.is_typed(), "--proxy"),
            (self.local.is_typed(), "socket options"),
            (self.trust.is_typed(), "--code, --pin, --key, --trust-new and --plain"),
        ];
        match typed.iter().find(|(is_typed, _)| *is_typed) {
            Some((_, option)) => Err(usage(format!(
                "{option}: the program makes the connection, and encrypts it if it can (see its own options): leave that out"
            ))),
            None => Ok(()),
        }
    }
}
