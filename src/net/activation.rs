//! Socket activation: listening sockets that this process has inherited (sd_listen_fds(3)), and its state reported to the
//! service manager (sd_notify(3)).

use std::io;
#[cfg(target_os = "linux")]
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;

use super::endpoint::{FIRST_INHERITED, Inherited};

/// The purpose of an inherited socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// To take connections.
    Connections,
    /// To receive datagrams.
    Datagrams,
}

/// Takes the listening sockets that an endpoint stands for; each can be taken once. They are made non-blocking:
/// services that share them rely on that.
#[cfg(target_os = "linux")]
pub(super) fn take(inherited: &Inherited, purpose: Use) -> io::Result<Vec<socket2::Socket>> {
    let owned = |number| own(number, purpose).map_err(|why| failed(number, &why));
    descriptors(inherited)?.into_iter().map(owned).collect()
}

/// The addresses of the sockets that an endpoint stands for. None is taken.
#[cfg(target_os = "linux")]
pub(super) fn addresses(inherited: &Inherited) -> io::Result<Vec<socket2::SockAddr>> {
    let address = |number| {
        check_inherited(number).map_err(|why| failed(number, why))?;
        let copy: OwnedFd =
            uapi::fcntl_dupfd_cloexec(number, FIRST_INHERITED).map_err(io::Error::from)?.into();
        socket2::Socket::from(copy).local_addr().map_err(|_| failed(number, "is not a socket"))
    };
    descriptors(inherited)?.into_iter().map(address).collect()
}

#[cfg(target_os = "linux")]
fn descriptors(inherited: &Inherited) -> io::Result<Vec<i32>> {
    match inherited {
        Inherited::Descriptor(number) => Ok(vec![*number]),
        Inherited::Stdio => Err(io::Error::other("it is for 'serve --store' and 'serve --share'")),
        Inherited::Systemd(name) => {
            let variable = |name: &str| std::env::var(name).ok();
            let variables = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"].map(variable);
            let [pid, count, names] = variables.each_ref().map(Option::as_deref);
            select(name.as_deref(), [pid, count, names], std::process::id()).map_err(io::Error::other)
        }
    }
}

#[cfg(target_os = "linux")]
fn failed(number: i32, why: &str) -> io::Error {
    io::Error::other(format!("descriptor {number} {why}"))
}

#[cfg(target_os = "linux")]
fn check_inherited(number: i32) -> Result<(), &'static str> {
    // What this process has opened itself closes on exec, and what it has inherited does not, or would not be there.
    match uapi::fcntl_getfd(number) {
        Err(_) => Err("is not open"),
        Ok(flags) if flags & uapi::c::FD_CLOEXEC != 0 => Err("was not passed on, or was taken before"),
        Ok(_) => Ok(()),
    }
}

/// Takes one descriptor over.
#[cfg(target_os = "linux")]
fn own(number: i32, purpose: Use) -> Result<socket2::Socket, String> {
    check_inherited(number)?;
    let owned: OwnedFd = uapi::OwnedFd::new(number).into();
    let socket = socket2::Socket::from(owned);
    match (socket.r#type(), socket.is_listener()) {
        (Ok(socket2::Type::DGRAM), _) if purpose == Use::Datagrams => {}
        (Ok(_), _) if purpose == Use::Datagrams => {
            return Err("is not for datagrams: a unit needs ListenDatagram=".into());
        }
        (Ok(socket2::Type::STREAM | socket2::Type::SEQPACKET), Ok(true)) => {}
        (Ok(socket2::Type::STREAM | socket2::Type::SEQPACKET), _) => {
            return Err("is a connection, not a listening socket: a unit needs Accept=no".into());
        }
        (Ok(_), _) => return Err("takes no connections: a unit needs ListenStream=".into()),
        (Err(_), _) => return Err("is not a socket".into()),
    }
    socket
        .set_cloexec(true)
        .and_then(|()| socket.set_nonblocking(true))
        .map_err(|error| error.to_string())?;
    Ok(socket)
}

/// Another descriptor for the same open file as one that this process was started with, to be written to.
///
/// # Errors
/// If it is not open, not one of those, or open for reading only.
#[cfg(target_os = "linux")]
pub fn duplicate(number: i32) -> io::Result<OwnedFd> {
    let is_ours = |flags| number > 2 && flags & uapi::c::FD_CLOEXEC != 0;
    if uapi::fcntl_getfd(number).map_or(true, is_ours) {
        return Err(io::Error::other(format!("descriptor {number} is not open")));
    }
    let copy: OwnedFd = uapi::fcntl_dupfd_cloexec(number, FIRST_INHERITED).map_err(io::Error::from)?.into();
    if uapi::fcntl_getfl(number).map_err(io::Error::from)? & uapi::c::O_ACCMODE == uapi::c::O_RDONLY {
        return Err(io::Error::other(format!(
            "cannot be written: descriptor {number} is open for reading only"
        )));
    }
    Ok(copy)
}

/// There is no such thing here.
///
/// # Errors
/// Always.
#[cfg(not(target_os = "linux"))]
pub fn duplicate(_: i32) -> io::Result<std::os::fd::OwnedFd> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "type a file"))
}

/// There is no such thing here.
#[cfg(not(target_os = "linux"))]
pub(super) fn take(_: &Inherited, _: Use) -> io::Result<Vec<socket2::Socket>> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system passes no sockets on"))
}

/// There is no such thing here.
#[cfg(not(target_os = "linux"))]
pub(super) fn addresses(_: &Inherited) -> io::Result<Vec<socket2::SockAddr>> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system passes no sockets on"))
}

/// The descriptors that the variables `LISTEN_PID`, `LISTEN_FDS` and `LISTEN_FDNAMES` give a process: all, or those of a
/// name. The error says what is wrong with them.
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only Linux has systemd"))]
fn select(name: Option<&str>, variables: [Option<&str>; 3], process: u32) -> Result<Vec<i32>, String> {
    let [pid, count, names] = variables;
    let (Some(pid), Some(count)) = (pid, count) else {
        return Err("no sockets were passed on: LISTEN_PID and LISTEN_FDS are not set".into());
    };
    if pid.parse() != Ok(process) {
        return Err(format!("the sockets are for process {pid}, and this is {process} (LISTEN_PID)"));
    }
    let count: i32 = match count.parse() {
        Ok(count @ 1..=65_536) => count,
        _ => return Err(format!("LISTEN_FDS is '{count}', which is no number of sockets")),
    };
    let all = FIRST_INHERITED..FIRST_INHERITED + count;
    let Some(name) = name else { return Ok(all.collect()) };
    let names: Vec<&str> = names.map(|names| names.split(':').collect()).unwrap_or_default();
    let named = all.zip(&names).filter(|(_, given)| **given == name);
    match named.map(|(number, _)| number).collect::<Vec<i32>>() {
        found if found.is_empty() => Err(format!(
            "no socket of that name was passed on, but '{}' (LISTEN_FDNAMES)",
            names.join("', '")
        )),
        found => Ok(found),
    }
}

/// Tells a service manager that the process serves, and when dropped that it ends.
pub struct Ready(());

impl Ready {
    /// It serves from now on. Does nothing unless `NOTIFY_SOCKET` is set.
    ///
    /// # Errors
    /// If there is no service manager to notify.
    pub fn notify() -> io::Result<Ready> {
        notify("READY=1").map(|()| Ready(()))
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        // A manager that is gone need not hear it.
        let _ = notify("STOPPING=1");
    }
}

fn notify(state: &str) -> io::Result<()> {
    let Some(address) = std::env::var_os("NOTIFY_SOCKET").filter(|address| !address.is_empty()) else {
        return Ok(());
    };
    let socket = UnixDatagram::unbound()?;
    match address.to_str().and_then(|address| address.strip_prefix('@')) {
        Some(name) => socket.send_to_addr(state.as_bytes(), &super::abstract_name::address(name)?)?,
        None => socket.send_to(state.as_bytes(), &address)?,
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_selected_by_the_rules_of_sd_listen_fds() {
        let set = |pid, count, names| [Some(pid), Some(count), names];
        assert_eq!(select(None, set("7", "2", None), 7), Ok(vec![3, 4]));
        let names = Some("http:admin:http");
        assert_eq!(select(Some("http"), set("7", "3", names), 7), Ok(vec![3, 5]));
        assert_eq!(select(Some("admin"), set("7", "3", names), 7), Ok(vec![4]));
        for (name, variables, hint) in [
            (None, [None, None, None], "not set"),
            (None, [Some("7"), None, None], "not set"),
            (None, set("8", "1", None), "process 8"),
            (None, set("", "1", None), "LISTEN_PID"),
            (None, set("7", "0", None), "LISTEN_FDS"),
            (None, set("7", "-1", None), "LISTEN_FDS"),
            (None, set("7", "99999999999", None), "LISTEN_FDS"),
            (Some("x"), set("7", "3", names), "'http', 'admin', 'http'"),
            (Some("x"), set("7", "1", None), "LISTEN_FDNAMES"),
            // Names without a socket.
            (Some("x"), set("7", "1", Some("y:x")), "LISTEN_FDNAMES"),
        ] {
            let error = select(name, variables, 7).expect_err(hint);
            assert!(error.contains(hint), "{error}");
        }
    }
}
