//! Lines of socat, as lines of sendall.

/// An address of socat, as far as it is understood.
struct Address<'a> {
    /// In capitals.
    kind: String,
    /// What follows the kind, split at colons.
    parts: Vec<&'a str>,
    options: Vec<(&'a str, &'a str)>,
}

/// What an address is for sendall.
enum End {
    Stdio,
    Listen(Vec<String>, String),
    Connect(Vec<String>, String),
    /// The same of datagrams.
    Receive(String),
    Send(String),
    Process(Vec<String>),
    Echo,
    File(String),
}

/// True for a word that can only be an address of socat.
pub(super) fn is_address(word: &str) -> bool {
    parse(word).is_some_and(|address| end(&address).is_some_and(|end| !matches!(end, End::Stdio)))
}

/// The line as words of sendall. A word that begins with `<` or `>` is a redirection.
pub(super) fn translate(words: &[String]) -> Option<Vec<String>> {
    let (mut addresses, mut line, mut one_way, mut linger) = (Vec::new(), Vec::new(), false, None);
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        match word {
            "-u" => one_way = true,
            "-d" | "-dd" | "-ddd" => {}
            "-v" => line.push("--verbose".to_owned()),
            "-x" => line.extend(["--hex-dump", "-"].map(str::to_owned)),
            "-t" => linger = Some(words.next()?),
            _ => addresses.push(parse(word)?),
        }
    }
    let [first, second] = &addresses[..] else { return None };
    let forks = first.has("fork") || second.has("fork");
    let mut joined = join(end(first)?, end(second)?, one_way, forks)?;
    if let Some(seconds) = linger.filter(|_| joined.first().is_some_and(|verb| verb == "connect")) {
        line.extend(["--linger".to_owned(), format!("{seconds}s")]);
    }
    // After the command.
    joined.splice(1..1, line);
    Some(joined)
}

impl Address<'_> {
    fn has(&self, option: &str) -> bool {
        self.options.iter().any(|(name, _)| *name == option)
    }
}

fn parse(word: &str) -> Option<Address<'_>> {
    let mut pieces = word.split(',');
    let first = pieces.next()?;
    let options = pieces.map(|option| option.split_once('=').unwrap_or((option, ""))).collect();
    if first == "-" {
        return Some(Address { kind: "STDIO".into(), parts: Vec::new(), options });
    }
    if first.starts_with("/dev/tty") {
        return Some(Address { kind: "OPEN".into(), parts: vec![first], options });
    }
    let (kind, rest) = first.split_once(':').map_or((first, None), |(kind, rest)| (kind, Some(rest)));
    let is_kind = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if kind.is_empty() || !kind.chars().all(is_kind) {
        return None;
    }
    let kind = kind.to_ascii_uppercase();
    let parts = match kind.as_str() {
        // A command line has commas and colons of its own.
        "EXEC" | "SYSTEM" | "SHELL" => rest.into_iter().collect(),
        _ => rest.map_or_else(Vec::new, colons),
    };
    Some(Address { kind, parts, options })
}

/// Splits at the colons outside of brackets.
fn colons(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0_u8);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'[' => depth = 1,
            b']' => depth = 0,
            b':' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn end(address: &Address<'_>) -> Option<End> {
    let parts = &address.parts[..];
    let options = options(address)?;
    let joined = |parts: &[&str]| parts.join(":");
    Some(match (address.kind.as_str(), parts) {
        ("STDIO", []) => End::Stdio,
        ("TCP-LISTEN" | "TCP-L" | "TCP4-LISTEN" | "TCP4-L" | "TCP6-LISTEN" | "TCP6-L", [port]) => {
            let bind = address.options.iter().find(|(name, _)| *name == "bind");
            End::Listen(options, format!("{}:{port}", bind.map_or("", |(_, host)| host)))
        }
        ("TCP" | "TCP-CONNECT" | "TCP4" | "TCP4-CONNECT" | "TCP6" | "TCP6-CONNECT", [_, _]) => {
            End::Connect(options, joined(parts))
        }
        ("UNIX-LISTEN" | "UNIX-L", [path]) => End::Listen(options, format!("unix:{path}")),
        ("UNIX" | "UNIX-CONNECT" | "UNIX-CLIENT", [path]) => End::Connect(options, format!("unix:{path}")),
        ("UNIX-SENDTO", [path]) => End::Send(format!("unix-dgram:{path}")),
        ("ABSTRACT-LISTEN", [name]) => End::Listen(options, format!("unix:@{name}")),
        ("ABSTRACT-CONNECT" | "ABSTRACT-CLIENT", [name]) => End::Connect(options, format!("unix:@{name}")),
        ("VSOCK-LISTEN" | "VSOCK-L", [port]) => End::Listen(options, format!("vsock::{port}")),
        ("VSOCK" | "VSOCK-CONNECT", [cid, port]) => End::Connect(options, format!("vsock:{cid}:{port}")),
        ("UDP-RECVFROM" | "UDP-RECV" | "UDP-LISTEN" | "UDP-L" | "UDP4-RECVFROM" | "UDP4-LISTEN", [port]) => {
            End::Receive(format!(":{port}"))
        }
        (
            "UDP" | "UDP4" | "UDP-CONNECT" | "UDP-SENDTO" | "UDP4-SENDTO" | "UDP-DATAGRAM" | "UDP4-DATAGRAM",
            [_, _],
        ) => End::Send(joined(parts)),
        ("EXEC", [line]) => {
            let words = line.trim_matches(['"', '\'']).split_whitespace().map(str::to_owned);
            let exec = if address.has("nofork") { "--exec-socket" } else { "--exec" };
            let pty = address.has("pty").then(|| "--pty".to_owned());
            End::Process(
                std::iter::once(exec.to_owned()).chain(pty).chain(["--".into()]).chain(words).collect(),
            )
        }
        ("SYSTEM" | "SHELL", [line]) => {
            End::Process(vec!["--sh".into(), line.trim_matches(['"', '\'']).to_owned()])
        }
        ("PIPE" | "ECHO", []) => End::Echo,
        ("OPEN" | "FILE" | "CREATE" | "GOPEN", [path]) if path.starts_with("/dev/tty") => {
            let speed = address.options.iter().find_map(|(name, _)| {
                let digits = name.strip_prefix('b')?;
                digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| format!(",{name}"))
            });
            End::Connect(Vec::new(), format!("tty:{path}{}", speed.unwrap_or_default()))
        }
        ("PTY", []) => {
            let link = address.options.iter().find(|(name, _)| matches!(*name, "link" | "symbolic-link"))?;
            End::Connect(Vec::new(), format!("pty:{}", link.1))
        }
        ("OPEN" | "FILE" | "CREATE" | "GOPEN", [path]) if !address.has("append") => {
            End::File((*path).to_owned())
        }
        _ => return encrypted_or_proxied(address, options),
    })
}

/// An address with TLS or a proxy.
fn encrypted_or_proxied(address: &Address<'_>, options: Vec<String>) -> Option<End> {
    let parts = &address.parts[..];
    Some(match (address.kind.as_str(), parts) {
        ("OPENSSL" | "SSL" | "OPENSSL-CONNECT", [_, _]) => {
            let mut options = options;
            options.insert(0, "--tls".into());
            End::Connect(options, parts.join(":"))
        }
        ("OPENSSL-LISTEN" | "OPENSSL-L" | "SSL-L", [port]) => {
            let mut options = options;
            options.insert(0, "--tls".into());
            End::Listen(options, format!(":{port}"))
        }
        ("SOCKS4" | "SOCKS4A", [proxy, host, port]) => End::Connect(
            through(address, options, "socks4", (proxy, "socksport", "1080")),
            format!("{host}:{port}"),
        ),
        ("SOCKS5" | "SOCKS5-CONNECT", [proxy, proxy_port, host, port]) => {
            let url = format!("socks5://{proxy}:{proxy_port}");
            End::Connect([options, vec!["--proxy".into(), url]].concat(), format!("{host}:{port}"))
        }
        ("PROXY" | "PROXY-CONNECT", [proxy, host, port]) => End::Connect(
            through(address, options, "http", (proxy, "proxyport", "8080")),
            format!("{host}:{port}"),
        ),
        _ => return None,
    })
}

fn through(
    address: &Address<'_>,
    mut options: Vec<String>,
    scheme: &str,
    proxy: (&str, &str, &str),
) -> Vec<String> {
    let (host, option, default) = proxy;
    let port = address.options.iter().find(|(name, _)| *name == option).map_or(default, |(_, port)| port);
    options.extend(["--proxy".to_owned(), format!("{scheme}://{host}:{port}")]);
    options
}

/// The options of sendall; `None` if one has no counterpart.
fn options(address: &Address<'_>) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let kind = address.kind.as_str();
    let (is_v4, is_v6) = (kind.starts_with("TCP4") || kind.starts_with("UDP4"), kind.starts_with("TCP6"));
    words.extend(is_v4.then(|| "-4".to_owned()));
    words.extend(is_v6.then(|| "-6".to_owned()));
    let is_file = matches!(kind, "OPEN" | "FILE" | "CREATE" | "GOPEN" | "PTY");
    for (name, value) in &address.options {
        let (option, value) = match *name {
            "range" => ("--allow", (*value).to_owned()),
            "max-children" => ("--max-clients", (*value).to_owned()),
            "retry" => ("--retry", (*value).to_owned()),
            "interval" => ("--retry-delay", format!("{value}s")),
            "connect-timeout" => ("--timeout", format!("{value}s")),
            "cafile" => ("--ca", (*value).to_owned()),
            "cert" => ("--cert", (*value).to_owned()),
            "key" => ("--cert-key", (*value).to_owned()),
            "crlf" | "crnl" => ("--crlf", String::new()),
            "verify" if *value == "0" && kind.ends_with('L') && !kind.ends_with("-L") => {
                ("--insecure", String::new())
            }
            "verify" if *value == "0" => continue,
            "fork" | "reuseaddr" | "bind" | "pty" | "nofork" | "socksport" | "proxyport" | "setsid"
            | "ctty" | "stderr" | "nodelay" => continue,
            _ if is_file => continue,
            _ => return None,
        };
        words.push(option.to_owned());
        words.extend(Some(value).filter(|value| !value.is_empty()));
    }
    Some(words)
}

fn join(first: End, second: End, one_way: bool, forks: bool) -> Option<Vec<String>> {
    let line = |parts: &[&[String]]| Some(parts.concat());
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let serve = || words(if forks { "serve" } else { "serve --count 1" });
    match (first, second) {
        (End::Listen(options, here), End::Connect(target, there)) if !one_way => {
            let (mut options, mut prefix) = (options, "");
            for word in target {
                match word.as_str() {
                    "--tls" => prefix = "tls:",
                    "--insecure" => options.push("--target-insecure".into()),
                    "-4" | "-6" => options.push(word),
                    _ => return None,
                }
            }
            line(&[&serve(), &options, &["--forward".into(), format!("{prefix}{there}"), here]])
        }
        (End::Listen(options, here), End::Process(program)) => line(&[&serve(), &options, &[here], &program]),
        (End::Listen(options, here), End::Echo) => line(&[&serve(), &["--echo".into()], &options, &[here]]),
        (End::Listen(options, here), End::File(path)) if one_way && !forks => {
            line(&[&words("serve --recv-only"), &options, &[here, format!(">{path}")]])
        }
        (End::Listen(options, here), End::Stdio) if one_way && !forks => {
            line(&[&words("serve --recv-only"), &options, &[here]])
        }
        (End::Stdio, End::Listen(options, here)) | (End::Listen(options, here), End::Stdio)
            if !forks && !one_way =>
        {
            line(&[&words("serve"), &options, &[here]])
        }
        (End::Stdio, End::Connect(options, there)) if one_way => {
            line(&[&words("connect --send-only"), &options, &[there]])
        }
        (End::Connect(options, there), End::Stdio) if one_way => {
            line(&[&words("connect --recv-only"), &options, &[there]])
        }
        (End::Stdio, End::Connect(options, there)) | (End::Connect(options, there), End::Stdio) => {
            line(&[&words("connect"), &options, &[there]])
        }
        (End::File(path), End::Connect(options, there)) if one_way => {
            line(&[&words("connect --send-only"), &options, &[there, format!("<{path}")]])
        }
        (End::Connect(options, there), End::File(path)) if one_way => {
            line(&[&words("connect --recv-only"), &options, &[there, format!(">{path}")]])
        }
        (End::Connect(options, there), End::Process(program))
        | (End::Process(program), End::Connect(options, there)) => {
            line(&[&words("connect"), &options, &[there], &program])
        }
        (End::Receive(here), End::Send(there)) if forks && !one_way => {
            let there = if there.starts_with("unix-dgram:") { there } else { format!("udp:{there}") };
            line(&[&words("serve --forward"), &[there, format!("udp:{here}")]])
        }
        (End::Receive(here), End::Stdio) | (End::Stdio, End::Receive(here)) => {
            line(&[&words("udp-listen"), &[here]])
        }
        (End::Receive(here), End::Process(program)) if forks => {
            line(&[&words("udp-listen"), &[here], &program])
        }
        (End::Stdio, End::Send(there)) | (End::Send(there), End::Stdio) => {
            line(&[&words("udp-send"), &[there]])
        }
        _ => None,
    }
}
