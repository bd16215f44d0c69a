//! The addresses of this machine's interfaces: rtnetlink(7), and /sys/class/net.

use std::net::IpAddr;

/// An address of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InterfaceAddress {
    /// The address.
    pub ip: IpAddr,
    /// True if the interface is a device of this machine that is up, or leads to one, as a bridge does: no tunnel, and no
    /// network of containers.
    pub is_physical: bool,
}

/// Returns the addresses of all interfaces, in the system's order. Empty if the system does not tell.
#[cfg(all(target_os = "linux", not(sendall_portable)))]
pub(super) fn addresses() -> Vec<InterfaceAddress> {
    let physical = devices::physical_indices();
    let found = netlink::dump().unwrap_or_default();
    let with_kind = |(index, ip)| InterfaceAddress { ip, is_physical: physical.contains(&index) };
    found.into_iter().map(with_kind).collect()
}

/// Elsewhere the system is not asked.
#[cfg(not(all(target_os = "linux", not(sendall_portable))))]
pub(super) fn addresses() -> Vec<InterfaceAddress> {
    Vec::new()
}

/// What interfaces are.
#[cfg(all(target_os = "linux", not(sendall_portable)))]
mod devices {
    use std::fs;
    use std::path::Path;

    /// How many interfaces may stand between one and its device: a VLAN on a bridge on a bond.
    const MAX_DEPTH: u32 = 4;

    /// Returns the indices of the interfaces that are up and lead to a device.
    pub(super) fn physical_indices() -> Vec<u32> {
        let all = fs::read_dir("/sys/class/net").into_iter().flatten().flatten();
        let index = |folder: &Path| fs::read_to_string(folder.join("ifindex")).ok()?.trim().parse().ok();
        let folders = all.map(|entry| entry.path());
        folders
            .filter(|folder| is_up(folder) && is_physical(folder, MAX_DEPTH))
            .filter_map(|folder| index(&folder))
            .collect()
    }

    fn is_up(folder: &Path) -> bool {
        // Drivers that do not tell say "unknown".
        fs::read_to_string(folder.join("operstate"))
            .is_ok_and(|state| matches!(state.trim(), "up" | "unknown"))
    }

    fn is_physical(folder: &Path, depth: u32) -> bool {
        if folder.join("device").exists() {
            return true;
        }
        let names = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut lower = names.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(b"lower_"));
        depth > 0 && lower.any(|entry| is_physical(&entry.path(), depth - 1))
    }
}

/// The dump of all addresses.
#[cfg(any(test, all(target_os = "linux", not(sendall_portable))))]
mod netlink {
    use std::net::IpAddr;

    const HEADER_BYTES: usize = 16;
    /// The fixed part of an address: family, length of the prefix, flags, scope, index.
    const ADDRESS_BYTES: usize = 8;
    const NEW_ADDRESS: u16 = 20;
    #[cfg(all(target_os = "linux", not(sendall_portable)))]
    const GET_ADDRESS: u16 = 22;
    /// An address whose duplicate was found, which is deprecated, or which is not yet usable.
    const UNUSABLE_FLAGS: u8 = 0x08 | 0x20 | 0x40;

    /// Asks for all addresses, with the index of the interface of each.
    #[cfg(all(target_os = "linux", not(sendall_portable)))]
    pub(super) fn dump() -> std::io::Result<Vec<(u32, IpAddr)>> {
        use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

        const REQUEST_DUMP: u16 = 1 | 0x300;
        let mut question = ((HEADER_BYTES + ADDRESS_BYTES) as u32).to_ne_bytes().to_vec();
        question.extend(GET_ADDRESS.to_ne_bytes());
        question.extend(REQUEST_DUMP.to_ne_bytes());
        // Number, port, and the family 0: all of them.
        question.extend([0; 8 + ADDRESS_BYTES]);
        // Protocol 0 is NETLINK_ROUTE.
        let socket =
            rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
        rustix::net::send(&socket, &question, SendFlags::empty())?;
        let (mut found, mut buffer) = (Vec::new(), vec![0; 32 << 10]);
        loop {
            // The kernel writes the next piece of a dump before the call returns.
            let (count, _) = rustix::net::recv(&socket, &mut buffer[..], RecvFlags::DONTWAIT)?;
            if read(buffer.get(..count).unwrap_or_default(), &mut found) {
                return Ok(found);
            }
        }
    }

    /// Reads messages of a dump. True: it was the last of them, or an error.
    pub(super) fn read(mut bytes: &[u8], found: &mut Vec<(u32, IpAddr)>) -> bool {
        while let Some((length, kind)) = header(bytes) {
            if length < HEADER_BYTES || length > bytes.len() {
                return true;
            }
            match kind {
                NEW_ADDRESS => found.extend(address(&bytes[HEADER_BYTES..length])),
                // The end of the dump, or an error.
                _ => return true,
            }
            bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        false
    }

    fn header(bytes: &[u8]) -> Option<(usize, u16)> {
        let length = u32::from_ne_bytes(*bytes.first_chunk()?);
        Some((length as usize, u16::from_ne_bytes(*bytes.get(4..)?.first_chunk()?)))
    }

    /// Reads an address that can be used: the local one, which differs from the peer's at the end of a point-to-point link.
    fn address(message: &[u8]) -> Option<(u32, IpAddr)> {
        const ADDRESS: u16 = 1;
        const LOCAL: u16 = 2;
        let (fixed, mut attributes) = message.split_at_checked(ADDRESS_BYTES)?;
        if fixed[2] & UNUSABLE_FLAGS != 0 {
            return None;
        }
        let index = u32::from_ne_bytes(*fixed.last_chunk()?);
        let (mut any, mut local) = (None, None);
        while let Some(head) = attributes.first_chunk::<4>() {
            let length = usize::from(u16::from_ne_bytes([head[0], head[1]]));
            let value = attributes.get(4..length)?;
            match u16::from_ne_bytes([head[2], head[3]]) {
                ADDRESS => any = ip(value),
                LOCAL => local = ip(value),
                _ => {}
            }
            attributes = attributes.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        Some((index, local.or(any)?))
    }

    fn ip(value: &[u8]) -> Option<IpAddr> {
        match value.len() {
            4 => <[u8; 4]>::try_from(value).ok().map(IpAddr::from),
            16 => <[u8; 16]>::try_from(value).ok().map(IpAddr::from),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message of this kind.
    fn message(kind: u16, content: &[u8]) -> Vec<u8> {
        let mut bytes = (16 + content.len() as u32).to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend([0; 10]);
        bytes.extend(content);
        bytes
    }

    /// An address with these flags, of interface 2, with the local address and the peer's.
    fn address(flags: u8, local: Option<[u8; 4]>, peer: &[u8]) -> Vec<u8> {
        let mut content = vec![2, 24, flags, 0];
        content.extend(2_u32.to_ne_bytes());
        for (kind, value) in [(1_u16, Some(peer)), (2, local.as_ref().map(|local| &local[..]))] {
            let Some(value) = value else { continue };
            content.extend((4 + value.len() as u16).to_ne_bytes());
            content.extend(kind.to_ne_bytes());
            content.extend(value);
        }
        message(20, &content)
    }

    #[test]
    fn a_dump_is_read_up_to_its_end() {
        let pieces = [
            address(0, Some([192, 0, 2, 7]), &[192, 0, 2, 8]),
            address(0x20, None, &[192, 0, 2, 9]),
            address(0, None, &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
            address(0, None, &[1, 2, 3]),
        ];
        let mut found = Vec::new();
        assert!(!netlink::read(&pieces.concat(), &mut found));
        assert!(netlink::read(&[message(3, &[0; 4]), pieces[0].clone()].concat(), &mut found));
        assert_eq!(found, [(2, "192.0.2.7".parse().unwrap()), (2, "2001:db8::1".parse().unwrap())]);
        for wrong in [message(2, &[0; 20]), vec![0; 16], vec![255; 20]] {
            assert!(netlink::read(&wrong, &mut found));
        }
        for length in 0..60 {
            netlink::read(&pieces[0][..length.min(pieces[0].len())], &mut found);
        }
    }

    #[cfg(all(target_os = "linux", not(sendall_portable)))]
    #[test]
    fn the_loopback_interface_is_none_of_a_device() {
        let loopback = InterfaceAddress { ip: "127.0.0.1".parse().unwrap(), is_physical: false };
        assert!(addresses().contains(&loopback), "{:?}", addresses());
    }
}
