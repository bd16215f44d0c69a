//! `HOST#sha256:...` means what `--pin` means, in each command that knows a server by its key.

use clap::Parser;

use crate::cli::connect::ConnectArgs;
use crate::cli::download::DownloadArgs;
use crate::cli::upload::UploadArgs;
use crate::error::Error;
use crate::proto::secure::pin::Pin;
use crate::run::connect::ConnectTask;
use crate::run::dialer::{ConnectorPlan, ServerPlan};
use crate::run::download::DownloadPlan;
use crate::run::tls::ServerCheckPlan;

#[derive(Parser)]
enum Line {
    Connect(Box<ConnectArgs>),
    Download(DownloadArgs),
    Upload(UploadArgs),
}

const KEYS: [(char, Pin); 2] = [('K', Pin([1; 32])), ('O', Pin([2; 32]))];

/// The server of a line and its keys, of which K and O stand for two.
fn planned(line: &str) -> Result<String, String> {
    let with_keys = |line: String, (name, key): (char, Pin)| {
        line.replace(&format!("#{name}"), &format!("#{key}")).replace(&format!("={name}"), &format!("={key}"))
    };
    let words = KEYS.into_iter().fold(line.to_owned(), with_keys);
    match Line::try_parse_from(["sendall"].into_iter().chain(words.split_whitespace())) {
        Ok(line) => server(line).map(|server| shown(&server)).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

fn server(line: Line) -> Result<ConnectorPlan, Error> {
    Ok(match line {
        Line::Connect(args) => match args.plan()?.0 {
            ConnectTask::Relay(plan) => plan.server,
            ConnectTask::Probe { mut targets, .. } => targets.remove(0).server,
        },
        Line::Download(args) => match args.plan()? {
            DownloadPlan::Server(plan) => of_network(plan.server),
            DownloadPlan::Web(plan) => plan.server,
        },
        Line::Upload(args) => {
            let plan = args.plan()?;
            of_network(plan.host_and_port.unwrap_or(plan.last_word)?.server)
        }
    })
}

fn of_network(server: ServerPlan) -> ConnectorPlan {
    match server {
        ServerPlan::Network(plan) => *plan,
        ServerPlan::Remote(plan) => panic!("{plan:?} has no key"),
    }
}

fn shown(server: &ConnectorPlan) -> String {
    let pins = match (&server.tls, &server.trust) {
        (Some(tls), None) => match &tls.check {
            ServerCheckPlan::Pins(pins) => pins.clone(),
            _ => Vec::new(),
        },
        (None, Some(trust)) => trust.pins.clone(),
        _ => Vec::new(),
    };
    let names = pins.iter().map(|pin| KEYS.iter().find(|(_, key)| key == pin).map_or('?', |(name, _)| *name));
    format!("{} {}", server.endpoint, names.collect::<String>())
}

#[test]
fn the_key_of_an_endpoint_is_that_of_the_option() {
    for (line, expected) in [
        ("upload f a#K", "a:7255 K"),
        ("upload f a:1#K", "a:1 K"),
        ("upload f a#K 1", "a:1 K"),
        ("upload f a 1#K", "a:1 K"),
        ("upload f g a#K 1#K", "a:1 K"),
        ("upload f ::1#K", "[::1]:7255 K"),
        ("upload f [::1]:1#K", "[::1]:1 K"),
        ("upload --dry-run f a#K", "a:7255 K"),
        ("upload f a#K --pin=K", "a:7255 K"),
        ("upload f a --pin=K --pin=O", "a:7255 KO"),
        ("upload f a#K --code", "a:7255 K"),
        ("upload f a#K --proxy=http://b:1", "a:7255 K"),
        ("download a#K", "a:7255 K"),
        ("download a#K f", "a:7255 K"),
        ("download a:1#K 2", "a:1 K"),
        ("download a#K 1 f", "a:1 K"),
        ("download a 1#K f", "a:1 K"),
        ("download a#K f#O", "a:7255 K"),
        ("download --list a#K", "a:7255 K"),
        ("connect a:1#K --tls", "a:1 K"),
        ("connect a 1#K --tls", "a:1 K"),
        ("connect a#K 1 --starttls=smtp", "a:1 K"),
        ("connect a:http#K --code", "a:80 K"),
        ("connect a:1 --code --pin=K", "a:1 K"),
        ("connect a:1#K --code --pin=K", "a:1 K"),
        ("connect a:1#K --tls --server-name=b", "a:1 K"),
        ("upload f unix:/a#b", "unix:/a#b "),
    ] {
        assert_eq!(planned(line), Ok(expected.into()), "{line}");
    }
}

#[test]
fn where_no_key_can_be_the_error_says_what_to_type() {
    for (line, hint) in [
        ("upload f a#sha256:x", "sha256: is followed by 43 characters"),
        ("upload f a#sha256:x 1", "sha256: is followed by 43 characters"),
        ("upload f a 1#sha256:x", "sha256: is followed by 43 characters"),
        ("download a#SHA256", "sha256: and 43 characters"),
        ("download a 1#sha256:x", "sha256: is followed by 43 characters"),
        ("connect a:1#sha256:x --tls", "sha256: is followed by 43 characters"),
        ("download a#9rSu f", "key is typed as a#sha256:..."),
        ("upload f a#K --pin=O", "type one of them only"),
        ("upload f a#K --pin=K --pin=O", "type one of them only"),
        ("upload f a#K 1#O", "names two keys: type one of them"),
        ("connect a:1#K --tls --pin=O", "type one of them only"),
        ("upload f a#K --plain", "leave that out, with its #, or --plain"),
        ("download a#K --trust-new", "leave that out, with its #, or --trust-new"),
        ("connect a:1#K --tls --ca=/a", "leave that out, with its #, or --ca"),
        ("connect a:1#K --tls --insecure", "leave that out, with its #, or --insecure"),
        ("upload f unix:/a#K", "leave #sha256:... out, and type unix:/a"),
        ("download unix-seqpacket:/a#K", "leave #sha256:... out, and type unix-seqpacket:/a"),
        ("connect unix:/a#K --tls", "leave #sha256:... out, and type unix:/a"),
        ("upload --wire=text f a#K", "leave #sha256:... out"),
        ("connect a:1#K", "goes with --tls or --code"),
        ("connect a:1 --pin=K", "goes with --tls or --code"),
        ("connect --probe a:1#K", "(--tls or --code): type a:1 here"),
        ("connect --probe a#K 1", "names a server's key"),
        ("download f a#K", "type 'sendall download a#sha256:"),
        ("download f a:1#K", "type 'sendall download a:1#sha256:"),
    ] {
        let error = planned(line).expect_err(line);
        assert!(error.contains(hint), "{line}: {error}");
        assert!(!error.contains('\n'), "{line}: {error}");
    }
}
