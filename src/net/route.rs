//! Whether an address leads back to this machine, as its routes say: rtnetlink(7).
//!
//! An address can be this machine's without being one of its interfaces': `ip -6 route add local`.

use std::io;
use std::net::IpAddr;

/// True if this machine's routes deliver to `address` within the machine. False if there is no route.
///
/// # Errors
/// The system does not tell.
#[cfg(all(target_os = "linux", not(sendall_portable)))]
pub(super) fn is_local(address: IpAddr) -> io::Result<bool> {
    use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

    // Protocol 0 is NETLINK_ROUTE.
    let socket =
        rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    rustix::net::send(&socket, &question(address), SendFlags::empty())?;
    // The kernel has answered before the call returns.
    let mut answer = [0; 4096];
    let (count, _) = rustix::net::recv(&socket, &mut answer, RecvFlags::DONTWAIT)?;
    answer.get(..count).and_then(route_is_local).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Elsewhere it is not asked.
#[cfg(not(all(target_os = "linux", not(sendall_portable))))]
pub(super) fn is_local(_address: IpAddr) -> io::Result<bool> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(any(test, all(target_os = "linux", not(sendall_portable))))]
const HEADER_BYTES: usize = 16;

/// `RTM_GETROUTE` for one address: a header, a route, and the address as its attribute.
#[cfg(any(test, all(target_os = "linux", not(sendall_portable))))]
fn question(address: IpAddr) -> Vec<u8> {
    const GET_ROUTE: u16 = 26;
    const REQUEST: u16 = 1;
    const DESTINATION: u16 = 1;
    const ROUTE_BYTES: usize = 12;
    let (family, octets) = match address {
        IpAddr::V4(v4) => (rustix::net::AddressFamily::INET, v4.octets().to_vec()),
        IpAddr::V6(v6) => (rustix::net::AddressFamily::INET6, v6.octets().to_vec()),
    };
    let length = (HEADER_BYTES + ROUTE_BYTES + 4 + octets.len()) as u32;
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(GET_ROUTE.to_ne_bytes());
    bytes.extend(REQUEST.to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend([family.as_raw() as u8, (octets.len() * 8) as u8]);
    bytes.extend([0; ROUTE_BYTES - 2]);
    bytes.extend((4 + octets.len() as u16).to_ne_bytes());
    bytes.extend(DESTINATION.to_ne_bytes());
    bytes.extend(octets);
    bytes
}

/// Reads the answer: a route, or an error where there is none.
#[cfg(any(test, all(target_os = "linux", not(sendall_portable))))]
fn route_is_local(answer: &[u8]) -> Option<bool> {
    const ERROR: u16 = 2;
    const NEW_ROUTE: u16 = 24;
    /// The route's type, and two of its values: delivered here, alone or as one of several.
    const TYPE_AT: usize = HEADER_BYTES + 7;
    const LOCAL: u8 = 2;
    const ANYCAST: u8 = 4;
    match u16::from_ne_bytes([*answer.get(4)?, *answer.get(5)?]) {
        NEW_ROUTE => answer.get(TYPE_AT).map(|kind| matches!(*kind, LOCAL | ANYCAST)),
        ERROR => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_has_the_length_that_it_names() {
        for (address, length) in [("127.0.0.1", 36), ("::1", 48)] {
            let bytes = question(address.parse().unwrap());
            assert_eq!(bytes.len(), length);
            assert_eq!(bytes[..4], (length as u32).to_ne_bytes());
        }
    }

    #[test]
    fn an_answer_is_a_route_or_an_error() {
        let mut answer = [0; 28];
        answer[4..6].copy_from_slice(&24_u16.to_ne_bytes());
        assert_eq!(route_is_local(&answer), Some(false));
        answer[23] = 2;
        assert_eq!(route_is_local(&answer), Some(true));
        answer[4..6].copy_from_slice(&2_u16.to_ne_bytes());
        assert_eq!(route_is_local(&answer), Some(false));
        assert_eq!((route_is_local(&answer[..5]), route_is_local(&[0; 28])), (None, None));
    }

    #[cfg(all(target_os = "linux", not(sendall_portable)))]
    #[test]
    fn loopback_is_local() {
        assert!(is_local("127.0.0.1".parse().unwrap()).unwrap());
        assert!(!is_local("192.0.2.1".parse().unwrap()).unwrap());
    }
}
