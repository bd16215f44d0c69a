//! Servers at the other end of a program's stdin and stdout: `ssh://HOST/DIR` and `--via`.

pub(crate) mod outcome;
pub(crate) mod session;
pub(crate) mod target;
pub(crate) mod words;

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use self::target::{RemotePath, SshTarget};
use crate::net::child::{ChildStdio, Program};
use crate::net::endpoint::PeerName;

/// Options of ssh(1) that scp(1) has as well: the connection carries one stream, and nothing that the user's configuration
/// adds for a shell.
const SSH_OPTIONS: [&str; 6] = [
    "-x",
    "-oPermitLocalCommand=no",
    "-oClearAllForwardings=yes",
    "-oRemoteCommand=none",
    "-oRequestTTY=no",
    "-oForwardAgent=no",
];

/// What the server is asked to do with the folder of `ssh://HOST/DIR`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RemoteRole {
    /// Receive files into it.
    Store,
    /// Send what is in it, or a file.
    Share,
}

/// A program that leads to a server.
#[derive(Clone, Debug)]
pub(crate) struct RemoteServer {
    pub(crate) program: Program,
    /// The server's name in lines: the host, or the program.
    pub(crate) name: String,
    /// The program is ssh.
    pub(crate) is_ssh: bool,
}

impl RemoteServer {
    /// The server that these words lead to. `None` without a word.
    pub(crate) fn via(words: &[OsString]) -> Option<RemoteServer> {
        let program = program(words)?;
        let name = program.name.to_string_lossy();
        let name = name.rsplit('/').next().unwrap_or_default().to_owned();
        Some(RemoteServer { program, name, is_ssh: false })
    }

    /// The server behind `ssh`, which is started with `ssh` as its first words. `None` without a word.
    pub(crate) fn ssh(
        ssh: &[OsString],
        target: &SshTarget,
        connect_seconds: Option<u64>,
        command: Vec<u8>,
    ) -> Option<RemoteServer> {
        let mut words = ssh.to_vec();
        words.extend(SSH_OPTIONS.map(OsString::from));
        words.extend(connect_seconds.map(|seconds| format!("-oConnectTimeout={seconds}").into()));
        words.extend(
            target.port.iter().flat_map(|port| ["-p".to_owned(), port.to_string()].map(OsString::from)),
        );
        words.extend(target.user.iter().flat_map(|user| ["-l", user].map(OsString::from)));
        words.extend(["--", &target.host].map(OsString::from));
        words.push(OsString::from_vec(command));
        let program = program(&words)?;
        Some(RemoteServer { program, name: target.host.clone(), is_ssh: true })
    }

    /// The program and its arguments, for people.
    pub(crate) fn shown(&self) -> String {
        let Program { name, args, .. } = &self.program;
        let words: Vec<_> = [name].into_iter().chain(args).map(|word| word.to_string_lossy()).collect();
        words.join(" ")
    }

    /// The server as the peer of a session.
    pub(crate) fn peer_name(&self) -> PeerName {
        PeerName::from_name(&self.name)
    }
}

fn program(words: &[OsString]) -> Option<Program> {
    let (name, args) = words.split_first()?;
    Some(Program { name: name.clone(), args: args.to_vec(), stdio: ChildStdio::Socket })
}

/// The line for the remote shell: `sendall` may be several words, as in `sudo sendall`.
pub(crate) fn command_line(sendall: &str, role: RemoteRole, path: &RemotePath, is_verbose: bool) -> Vec<u8> {
    let mode = match role {
        RemoteRole::Store => "--store",
        RemoteRole::Share => "--share",
    };
    let quiet = if is_verbose { "" } else { "-q " };
    let mut line = format!("{sendall} serve {quiet}{mode} ").into_bytes();
    line.extend(path.quoted());
    line.extend(b" --once stdio:");
    line
}
