//! Third-party programs that tests run, where they are installed.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use socket2::{Domain, Socket, Type};

use crate::harness::skips::skip;
use crate::harness::{In, LIMIT, Out, Running, start, wait_until};

/// The path of a program; `None` if it is not installed, which is noted as a skip.
pub(crate) fn installed(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let found = folders.map(|folder| folder.join(program)).find(|path| path.is_file());
    if found.is_none() {
        skip(format_args!("{program} is not installed"));
    }
    found
}

/// True if a network namespace can be made, with these flags of unshare(1); else a skip is noted.
pub(crate) fn may_have_a_network(flags: &str) -> bool {
    let may = start("unshare", &[flags, "ip", "link"], In::Null, Out::Collect).finish().code == 0;
    if !may {
        skip("not permitted to make a network namespace");
    }
    may
}

/// A port that is free on each address: third-party programs do not report which port the system has chosen, and some
/// listen on all addresses. It is below the ephemeral ports, so that no connection of another test takes it.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id().wrapping_mul(64);
    loop {
        let port = 10_000 + (start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000) as u16;
        if is_free(port).expect("a socket") {
            return port;
        }
    }
}

/// True if the port can be bound. Does not listen: a process that another test starts has a copy of the socket until
/// its exec, and one that listened would keep the port.
fn is_free(port: u16) -> std::io::Result<bool> {
    for ip in [IpAddr::from(Ipv4Addr::UNSPECIFIED), IpAddr::from(Ipv6Addr::UNSPECIFIED)] {
        let address = SocketAddr::new(ip, port);
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        match socket.bind(&address.into()) {
            Err(error) if error.kind() == ErrorKind::AddrInUse => return Ok(false),
            bound => bound?,
        }
    }
    Ok(true)
}

/// Starts a server and waits until it accepts on that port; `None` if it is not installed.
pub(crate) fn server(program: &str, args: &[&str], port: u16) -> Option<Running> {
    let program = installed(program)?;
    let running = start(program.to_str().expect("UTF-8"), args, In::Null, Out::Collect);
    let answers = || TcpStream::connect(("127.0.0.1", port)).is_ok();
    assert!(wait_until(LIMIT, answers), "{}: {}", program.display(), running.stderr.text());
    Some(running)
}

/// Starts nginx with `block` as its server block and `before` in front of it. Its files are in the folder. Returns its
/// port, too.
pub(crate) fn nginx(folder: &Path, before: &str, block: &str) -> Option<(Running, u16)> {
    let (port, at) = (free_port(), folder.display());
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|name| format!("{name}_temp_path {at}/{name};\n"))
        .collect();
    let text = format!(
        "daemon off; master_process off; pid {at}/pid; error_log {at}/errors;\nevents {{ }}\nhttp {{ access_log off; {temporary}
        {before}
        server {{ listen 127.0.0.1:{port}; {block} }} }}\n"
    );
    let file = folder.join("conf");
    std::fs::write(&file, text).expect("written");
    Some((server("nginx", &["-c", file.to_str().expect("UTF-8")], port)?, port))
}
