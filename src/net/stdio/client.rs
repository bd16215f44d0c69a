//! Stdin and stdout as the connection of one client, as with inetd, `ssh` and `docker exec`.

use std::env;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::BorrowedFd;

use rustix::stdio;

use super::{Stdio, check_stdin, check_stdout, kind_of};
use crate::error::{Error, Exit};
use crate::net::endpoint::{Endpoint, Inherited, PeerName};
use crate::net::reactor::IoHandle;
use crate::net::stream::FdKind;

impl Stdio {
    /// Registers stdin and stdout, which must lead to a client: a pipe or a stream socket each.
    ///
    /// # Errors
    /// They are closed, or something else: a terminal, a file.
    pub(crate) fn of_client(io: &IoHandle) -> Result<Stdio, Error> {
        check_stdin()?;
        check_stdout()?;
        for (fd, what) in [(stdio::stdin(), "stdin"), (stdio::stdout(), "stdout")] {
            check(fd, what)?;
            // For pipes only: a socket refuses.
            #[cfg(all(target_os = "linux", not(sendall_portable)))]
            crate::net::pipes::enlarge(fd);
        }
        Stdio::open(io)
    }
}

fn check(fd: BorrowedFd<'_>, what: &str) -> Result<(), Error> {
    let is = match kind_of(fd) {
        Ok(FdKind::Pipe | FdKind::Socket) => return Ok(()),
        Ok(FdKind::Terminal) => "a terminal",
        Ok(FdKind::File) => "a file",
        Ok(FdKind::Null) => "/dev/null",
        Ok(FdKind::Other) | Err(_) => "something else",
    };
    let text = format!(
        "stdio: is for a program that speaks through stdin and stdout, and {what} is {is}: it is what 'sendall upload' and \
         'download' run, by ssh://HOST/DIR or --via 'CMD ARG...'"
    );
    Err(Error::new(Exit::Usage, text))
}

/// The name of the client at the other end of stdin: the address of a socket, or that of `ssh`'s client.
pub(crate) fn client_name() -> PeerName {
    let of_socket = rustix::net::getpeername(stdio::stdin()).ok().flatten();
    let of_socket = of_socket.and_then(|peer| SocketAddr::try_from(peer).ok());
    let address = of_socket.or_else(|| of_ssh(&env::var("SSH_CONNECTION").ok()?));
    match address {
        Some(address) => PeerName::from_ip(Some(address)),
        None => PeerName::from_endpoint(&Endpoint::Inherited(Inherited::Stdio)),
    }
}

/// The client's address in `SSH_CONNECTION`: address and port of the client, then those of the server, ssh(1).
fn of_ssh(connection: &str) -> Option<SocketAddr> {
    let mut words = connection.split_whitespace();
    let (ip, port) = (words.next()?.parse::<IpAddr>().ok()?, words.next()?.parse().ok()?);
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_of_ssh_is_named() {
        let named = |text| of_ssh(text).map(|address| address.to_string());
        assert_eq!(named("192.0.2.1 50022 192.0.2.2 22").as_deref(), Some("192.0.2.1:50022"));
        assert_eq!(named("2001:db8::1 50022 ::1 22").as_deref(), Some("[2001:db8::1]:50022"));
        assert_eq!((named(""), named("x 1"), named("::1")), (None, None, None));
    }
}
