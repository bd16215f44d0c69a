//! `--exec`, `--sh` and `--exec-socket`: the command that is run for a connection.

use std::ffi::OsString;

use clap::{Args, ValueHint};

use super::options::{RECORDS, RelayArgs};
use crate::error::{Error, Exit};
use crate::net::child::{ChildStdio, Program};
use crate::proto::relay::ending::EndWhen;
use crate::relay::exec::ExecRules;

/// The command in the place of stdin and stdout.
#[derive(Args, Clone, Debug)]
pub(crate) struct ExecArgs {
    /// Run a process for each connection: --exec -- CMD ARG...
    #[arg(long)]
    exec: bool,

    /// Run a shell command for each connection: /bin/sh -c LINE
    #[arg(long, value_name = "LINE", value_hint = ValueHint::CommandString, conflicts_with = "exec")]
    sh: Option<OsString>,

    /// With --exec or --sh: give the process a terminal of 24 lines and 80 columns instead of pipes
    #[arg(long)]
    pty: bool,

    /// Command and arguments, after --
    #[arg(last = true, value_name = "CMD", value_hint = ValueHint::CommandWithArguments)]
    command: Vec<OsString>,
}

impl ExecArgs {
    /// Returns the program, if one was requested.
    pub(crate) fn plan(&self) -> Result<Option<Program>, Error> {
        let stdio = if self.pty { ChildStdio::Terminal } else { ChildStdio::Pipes };
        match program(self.exec, self.sh.as_ref(), &self.command, stdio)? {
            None if self.pty => {
                Err(Error::new(Exit::Usage, "--pty goes with --exec -- CMD ARG... or --sh LINE"))
            }
            program => Ok(program),
        }
    }
}

/// Returns the program of `--exec` or `--sh`, if one was requested.
pub(crate) fn program(
    exec: bool,
    sh: Option<&OsString>,
    command: &[OsString],
    stdio: ChildStdio,
) -> Result<Option<Program>, Error> {
    let wrong = |hint: &str| Err(Error::new(Exit::Usage, hint));
    match (exec, sh, command.split_first()) {
        (true, _, None) => wrong("--exec takes its command after --: type --exec -- CMD ARG..."),
        (true, _, Some((name, args))) => Ok(Some(Program { name: name.clone(), args: args.to_vec(), stdio })),
        (false, _, Some(_)) => wrong("the words after -- are a command: type --exec -- CMD ARG..."),
        (false, Some(line), None) => {
            let args = vec!["-c".into(), line.clone()];
            Ok(Some(Program { name: "/bin/sh".into(), args, stdio }))
        }
        (false, None, None) => Ok(None),
    }
}

/// The command for a stream, which may get the connection itself.
#[derive(Args, Clone, Debug)]
pub(crate) struct StreamExecArgs {
    #[command(flatten)]
    exec: ExecArgs,

    /// Run a process with the connection itself as stdin and stdout, as inetd does: --exec-socket -- CMD ARG...
    #[arg(long, conflicts_with_all = ["exec", "sh", "pty"])]
    exec_socket: bool,
}

impl StreamExecArgs {
    /// Returns the program, if one was requested.
    pub(crate) fn plan(&self) -> Result<Option<Program>, Error> {
        match (self.exec_socket, self.exec.command.split_first()) {
            (false, _) => self.exec.plan(),
            (true, None) => {
                let text = "--exec-socket takes its command after --: type --exec-socket -- CMD ARG...";
                Err(Error::new(Exit::Usage, text))
            }
            (true, Some((name, args))) => {
                let (name, args) = (name.clone(), args.to_vec());
                Ok(Some(Program { name, args, stdio: ChildStdio::Socket }))
            }
        }
    }
}

impl RelayArgs {
    /// Returns the rules of the relay between a program and its peer. Fails for options that make no sense there.
    pub(crate) fn exec_rules(&self, program: &Program) -> Result<ExecRules, Error> {
        if program.stdio == ChildStdio::Socket {
            self.reject_relay_options_except("--exec-socket", RECORDS)?;
            let given = [
                ("--tee-in", self.tools.tee_in.is_some()),
                ("--tee-out", self.tools.tee_out.is_some()),
                ("--hex-dump", self.tools.hex_dump.is_some()),
                ("--limit-rate", self.limit_rate.is_some()),
                ("--idle-timeout", self.idle_timeout.is_some()),
            ];
            if let Some((option, _)) = given.iter().find(|(_, is_given)| *is_given) {
                let text = format!(
                    "{option}: with --exec-socket the bytes do not pass through sendall; leave it out, or type --exec"
                );
                return Err(Error::new(Exit::Usage, text));
            }
        }
        self.reject_relay_options_except("--exec and --sh", &[&["--crlf", "--end-when"], RECORDS].concat())?;
        if self.end_when == Some(EndWhen::Input) {
            let text = "--end-when input: with --exec and --sh the process decides when to end; leave the option out, or type peer";
            return Err(Error::new(Exit::Usage, text));
        }
        Ok(ExecRules { crlf: self.tools.crlf, ends_with_peer: self.end_when == Some(EndWhen::Peer) })
    }
}
