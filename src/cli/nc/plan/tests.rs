//! Tests of nc's plans.

use super::*;

fn planned(line: &str) -> Result<Plan, String> {
    let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
    plan(&Letters::parse(&words)?)
}

fn listened(line: &str) -> (String, bool) {
    match planned(line).map(|plan| plan.task) {
        Ok(NcTask::Listen { endpoint, keeps_listening, .. }) => (endpoint.to_string(), keeps_listening),
        Ok(NcTask::ListenForDatagrams { endpoint, keeps_listening, .. }) => {
            (format!("{endpoint}/udp"), keeps_listening)
        }
        Ok(NcTask::Connect(_)) => panic!("{line} connects"),
        Err(error) => panic!("{line}: {error}"),
    }
}

fn connected(line: &str) -> Box<NcConnect> {
    match planned(line).map(|plan| plan.task) {
        Ok(NcTask::Connect(plan)) => plan,
        Ok(_) => panic!("{line} listens"),
        Err(error) => panic!("{line}: {error}"),
    }
}

#[test]
fn where_to_listen_is_said_in_several_ways() {
    for (line, endpoint, keeps) in [
        ("-l 80", "0.0.0.0:80", false),
        ("-lk -p 80", "0.0.0.0:80", true),
        ("-lvnp80", "0.0.0.0:80", false),
        ("-6 -l 80", "[::]:80", false),
        ("-l localhost http", "localhost:80", false),
        ("-l -s 10.0.0.1 -p 80", "10.0.0.1:80", false),
        ("-l -s 10.0.0.1 80", "10.0.0.1:80", false),
        ("-luk 80", "0.0.0.0:80/udp", true),
        ("-lU /run/x", "unix:/run/x", false),
        ("-lU @x", "unix:@x", false),
        ("-lu -U /run/x", "unix:/run/x/udp", false),
    ] {
        assert_eq!(listened(line), (endpoint.to_owned(), keeps), "{line}");
    }
}

#[test]
fn where_to_connect_and_how_long_it_may_take() {
    let plan = connected("-zvw5 h 20-22 http");
    assert_eq!(
        (plan.ports.clone(), plan.is_scan, plan.limit),
        (vec![20, 21, 22, 80], true, Duration::from_secs(5))
    );
    assert_eq!(connected("h 1 -w 5 -G 2").limit, Duration::from_secs(2));
    assert_eq!(connected("h 1 -w 0").limit, NO_LIMIT);
    assert_eq!(connected("-U /x").ports, [0]);
    let local = |line: &str| connected(line).server.local.source.map(|source| source.to_string());
    assert_eq!(local("-s ::1 -p 9 h 1").as_deref(), Some("[::1]:9"));
    assert_eq!((local("-p 9 h 1").as_deref(), local("h 1")), (Some(":9"), None));
    let urls = |line: &str| {
        let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        proxy(&Letters::parse(&words)?)
    };
    for (line, url) in [
        ("-x p h 1", "socks5://p:1080"),
        ("-X 4 -x p:9 h 1", "socks4://p:9"),
        ("-X connect -x [::1] -P a:b h 1", "http://a%3Ab@[::1]:3128"),
    ] {
        assert_eq!(urls(line), Ok(Some(url.to_owned())), "{line}");
    }
}

#[test]
fn how_a_session_ends_is_taken_from_the_letters() {
    let options =
        |line: &str| planned(line).map(|plan| plan.options).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(options("-q -1 h 1").quit, None);
    assert_eq!(options("-q 2 h 1").quit, Some(Duration::from_secs(2)));
    assert_eq!(options("-w 0 h 1").quit, Some(Duration::ZERO));
    let idle = |line: &str| options(line).relay.idle_timeout;
    assert_eq!(
        (idle("-w 3 h 1"), idle("-lukw3 1"), idle("-w3 -e x h 1")),
        (Some(Duration::from_secs(3)), None, None)
    );
    assert_eq!(options("-W 4 h 1").max_receives, Some(4));
    let program = options("-c date -l 1").program.map(|program| program.args.clone());
    assert_eq!(program, Some(vec!["-c".into(), "date".into()]));
}

#[test]
fn letters_that_do_not_go_together_are_refused() {
    for (one, others, why) in CONFLICTS {
        for other in others.chars() {
            let value = |letter: char| {
                if "GxesTMWcqwp".contains(letter) { format!("-{letter}1") } else { format!("-{letter}") }
            };
            let line = format!("{} {} h 1", value(*one), value(other));
            let error = planned(&line).err().unwrap_or_else(|| panic!("{line}"));
            assert!(error == *why || CONFLICTS.iter().any(|(.., other)| error == *other), "{line}: {error}");
        }
    }
    for line in [
        "-k h 1",
        "-X 5 h 1",
        "-P u h 1",
        "-b h 1",
        "h",
        "",
        "-l",
        "-l a b c",
        "-l -p 1 2",
        "-U",
        "-U a b",
        "-u -T ef h 1",
        "-luk -N 1",
        "-U -s x y",
        "-W 0 h 1",
        "h 0",
        "-lU x -s y",
        "-e x h 1 2",
    ] {
        assert!(planned(line).is_err(), "{line}");
    }
}
