//! `--pty`: a process at a terminal of its own.

use std::io::Read;
use std::time::Duration;

use rustix::process::{Pid, Signal, test_kill_process};

use crate::harness::link::{Link, Net, Side, Way};
use crate::harness::{In, LIMIT, Out, wait_until};
use crate::transfer::xfer::{Place, in_parallel};

const CONNECT: Way = Way { side: Side::Connect, net: Net::Tcp };

/// What comes until the end, without the carriage returns of a terminal.
#[track_caller]
fn all(link: &mut Link) -> String {
    let mut text = String::new();
    link.read_to_string(&mut text).expect("text and the end");
    text.replace('\r', "")
}

#[test]
fn a_terminal_has_a_name_a_size_and_a_session() {
    let line = "tty | cut -c1-9; stty size; [ -t 2 ] && echo yes; ps -o sid= -p $$ | grep -qw $$ && echo leads; \
        : </dev/tty && echo controls; echo $TERM";
    let (running, mut link) = CONNECT.open(&["--pty", "--sh", line], In::Null, Out::Collect);
    link.end();
    let text = all(&mut link);
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty() && *line != "^D").collect();
    let ["/dev/pts/", "24 80", "yes", "leads", "controls", term] = lines[..] else { panic!("{text:?}") };
    assert!(!term.is_empty());
    running.finish().expect(0);
}

#[test]
fn the_peers_end_is_typed_as_control_d() {
    for (input, code) in [("one line\n", 0), ("half a line", 0), ("", 0)] {
        let options = ["--pty", "--sh", "stty -echo; echo ready; cat; echo over"];
        let (running, mut link) = CONNECT.open(&options, In::Null, Out::Collect);
        link.expect(b"ready\r\n");
        link.send(input.as_bytes());
        link.end();
        let text = all(&mut link);
        assert_eq!(text, format!("{input}over\n"), "{input:?}");
        running.finish().expect(code);
    }
}

#[test]
fn a_process_may_let_go_of_its_terminal_before_it_ends() {
    let place = Place::new();
    let line = format!("read line; exec <&- >&- 2>&-; sleep 0.3; echo $line >'{}'", place.at("worked"));
    for side in [Side::Connect, Side::Serve] {
        let options = ["--pty", "--sh", &line];
        let options =
            if side == Side::Serve { [&["--count", "1"][..], &options].concat() } else { options.into() };
        let (running, mut link) = Way { side, net: Net::Tcp }.open(&options, In::Null, Out::Collect);
        link.send(b"word\n");
        link.end();
        all(&mut link);
        running.finish().expect(0);
        place.expect("worked", b"word\n");
    }
}

#[test]
fn more_than_a_terminal_holds_goes_through_it() {
    // Lines: a terminal in its usual mode takes no more than 4095 bytes of one.
    let input: String = (0..40_000).map(|number| format!("{number}\n")).collect();
    let options = ["--pty", "--sh", "stty -echo -onlcr; echo ready; cat"];
    let (running, mut link) = CONNECT.open(&options, In::Null, Out::Collect);
    link.expect(b"ready\n");
    let (mut sender, there) = (link.try_clone(), input.clone());
    let sending = std::thread::spawn(move || {
        sender.send(there.as_bytes());
        sender.end();
    });
    assert!(all(&mut link) == input, "what came back differs");
    sending.join().expect("all sent");
    running.finish().expect(0);
}

#[test]
fn what_is_typed_is_echoed_and_control_c_interrupts() {
    let options =
        ["--pty", "--sh", "trap 'echo interrupted; exit 4' INT; echo ready; while :; do sleep 0.05; done"];
    let (running, mut link) = CONNECT.open(&options, In::Null, Out::Collect);
    link.expect(b"ready\r\n");
    link.send(b"\x03");
    assert_eq!(all(&mut link), "^Cinterrupted\n");
    link.end();
    let finished = running.finish().expect(1);
    assert!(finished.stderr.contains("exited with 4"), "{}", finished.stderr);
}

#[test]
fn a_reset_or_a_signal_hangs_up() {
    in_parallel(&[None, Some(Signal::TERM)], |signal| {
        // A shell that works at a terminal does not end with SIGTERM, but when the terminal hangs up.
        let line = "trap '' TERM; stty -echo; sleep 1000 & echo $!; echo $$; wait";
        let (running, mut link) = CONNECT.open(&["--pty", "--sh", line], In::Null, Out::Collect);
        let mut text = String::new();
        while text.matches('\n').count() < 2 {
            let mut byte = [0];
            link.read_exact(&mut byte).expect("two lines");
            text.push(char::from(byte[0]));
        }
        let processes: Vec<Pid> =
            text.lines().filter_map(|line| line.trim().parse().ok().and_then(Pid::from_raw)).collect();
        assert_eq!(processes.len(), 2, "{text:?}");
        let code = match *signal {
            None => {
                link.reset();
                5
            }
            Some(signal) => {
                running.signal(signal);
                143
            }
        };
        running.finish_within(Duration::from_secs(3)).expect(code);
        for process in processes {
            assert!(wait_until(LIMIT, || test_kill_process(process).is_err()), "{process} is left");
        }
    });
}
