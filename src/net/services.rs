//! Names of services in the place of ports: services(5).

const FILE: &str = "/etc/services";

/// For systems without that file: small containers.
const COMMON: &str = "ftp 21/tcp\nssh 22/tcp\ntelnet 23/tcp\nsmtp 25/tcp mail\ndomain 53/udp dns\ntftp 69/udp\n\
    http 80/tcp www\npop3 110/tcp\nntp 123/udp\nimap2 143/tcp imap\nsnmp 161/udp\nldap 389/tcp\nhttps 443/tcp\n\
    syslog 514/udp\n";

/// The port of a service, by its name or an alias; over TCP and UDP it is the same one.
pub fn port_of(name: &str) -> Option<u16> {
    if name.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let file = std::fs::read(FILE);
    find(file.as_deref().map_or(COMMON.into(), String::from_utf8_lossy).as_ref(), name)
}

/// Lines of `NAME PORT/PROTOCOL ALIAS...`, with comments after `#`.
/// The name of a port, for `tcp` or `udp`.
pub fn name_of(port: u16, protocol: &str) -> Option<String> {
    let file = std::fs::read(FILE);
    let text = file.as_deref().map_or(COMMON.into(), String::from_utf8_lossy);
    let wanted = format!("{port}/{protocol}");
    text.lines().find_map(|line| {
        let mut words = line.split('#').next().unwrap_or(line).split_whitespace();
        let (name, number) = (words.next()?, words.next()?);
        (number == wanted).then(|| name.to_owned())
    })
}

fn find(text: &str, name: &str) -> Option<u16> {
    text.lines().find_map(|line| {
        let mut words = line.split('#').next().unwrap_or(line).split_whitespace();
        let (official, number) = (words.next()?, words.next()?);
        let (port, protocol) = number.split_once('/')?;
        let is_it = official == name || words.any(|alias| alias == name);
        (is_it && matches!(protocol, "tcp" | "udp"))
            .then(|| port.parse().ok())
            .flatten()
            .filter(|port| *port > 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_aliases_are_found() {
        let text = "# all of them\n\nrtmp\t1/ddp\t# not over IP\nbad line/tcp\nzero 0/tcp\nhttp\t80/tcp www # Web\n\
            domain 53/udp\nrtmp 1935/tcp\nx-y.z_1 7/tcp";
        let found = |name| find(text, name);
        assert_eq!((found("http"), found("www"), found("domain")), (Some(80), Some(80), Some(53)));
        assert_eq!((found("rtmp"), found("x-y.z_1")), (Some(1935), Some(7)));
        for missing in ["Web", "#", "bad", "zero", "HTTP", "tcp", "", "80"] {
            assert_eq!(found(missing), None, "{missing}");
        }
        assert_eq!(find(COMMON, "imap"), Some(143));
        assert_eq!((port_of("http"), port_of("80"), port_of("")), (Some(80), None, None));
    }
}
