//! A terminal with an interactive bash in it: what is typed, and what stands on the screen after it.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Child;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcgetpgrp, tcsetattr};

/// For anything that is waited for.
const LIMIT: Duration = Duration::from_secs(30);
/// The prompt: a byte that no program prints, so that the end of a command is seen.
const PROMPT: char = '\u{1e}';
const INTERRUPT: u8 = 3;
/// Of the terminal.
const COLUMNS: usize = 80;

pub(crate) struct Terminal {
    keyboard: File,
    output: Receiver<Vec<u8>>,
    bash: Child,
    /// Printed since the last command was typed.
    printed: Vec<u8>,
}

impl Terminal {
    /// Starts bash with job control in `folder`, these folders first in its PATH, and waits for its prompt.
    pub(crate) fn open(folder: &Path, programs: &[&Path]) -> Self {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        pty.resize(pty_process::Size::new(24, COLUMNS as u16)).unwrap();
        let master = OwnedFd::from(pty);
        let mut modes = tcgetattr(&master).unwrap();
        modes.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&master, OptionalActions::Now, &modes).unwrap();
        let folders = programs.iter().map(|folder| folder.display().to_string());
        let path = folders.chain(std::env::var("PATH")).collect::<Vec<_>>().join(":");
        let bash = pty_process::blocking::Command::new("bash")
            .args(["--norc", "--noprofile", "--noediting", "-i"])
            .current_dir(folder)
            .envs([
                ("PATH", path.as_str()),
                ("PS1", "\\036"),
                ("PS2", ""),
                ("TERM", "xterm"),
                ("LC_ALL", "C"),
            ])
            .envs([("HOME", folder.to_str().unwrap()), ("HISTFILE", "/dev/null")])
            .env_remove("PROMPT_COMMAND")
            .env_remove("XDG_STATE_HOME")
            .env_remove("STATE_DIRECTORY")
            .env_remove("SENDALL_CODE")
            .env_remove("SENDALL_KEY")
            .spawn(pts)
            .expect("bash, in which the examples are run");
        let keyboard = File::from(master);
        let mut screen = keyboard.try_clone().unwrap();
        let (sender, output) = mpsc::channel();
        // Ends when bash and what it started have gone: reading is an error then.
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(length @ 1..) = screen.read(&mut chunk) {
                if sender.send(chunk[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        let mut terminal = Self { keyboard, output, bash, printed: Vec::new() };
        assert!(terminal.wait(Self::has_ended), "bash shows no prompt");
        terminal
    }

    /// The last command must have ended.
    pub(crate) fn type_line(&mut self, line: &str) {
        self.printed.clear();
        self.keyboard.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// Types an answer to a question, which is shown after it.
    pub(crate) fn answer(&mut self, answer: &str) {
        self.printed.extend(format!("{answer}\r\n").as_bytes());
        self.keyboard.write_all(format!("{answer}\n").as_bytes()).unwrap();
    }

    /// The last line on the screen, which is not whole yet.
    pub(crate) fn unfinished(&self) -> String {
        rendered(&String::from_utf8_lossy(&self.printed)).pop().unwrap_or_default()
    }

    /// Presses ^C; what was printed before is forgotten.
    pub(crate) fn interrupt(&mut self) {
        self.printed.clear();
        self.keyboard.write_all(&[INTERRUPT]).unwrap();
    }

    /// True if the prompt is there.
    pub(crate) fn has_ended(&self) -> bool {
        self.printed.ends_with(PROMPT.to_string().as_bytes())
    }

    /// Waits until `is_enough`; false if the limit is over, or bash has gone.
    // A test has no reactor to ask for the time.
    #[allow(clippy::disallowed_methods)]
    pub(crate) fn wait(&mut self, is_enough: impl Fn(&Self) -> bool) -> bool {
        let deadline = Instant::now() + LIMIT;
        while !is_enough(self) {
            match self.output.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(chunk) => self.printed.extend(chunk),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return false,
            }
        }
        true
    }

    /// The whole lines on the screen after the command, without those of bash on its jobs ("[1] 4711").
    pub(crate) fn lines(&self) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.printed);
        let mut lines = rendered(text.trim_end_matches(PROMPT));
        lines.pop();
        lines.retain(|line| !is_of_a_job(line));
        lines
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let bash = Pid::from_child(&self.bash);
        if let Ok(foreground) = tcgetpgrp(&self.keyboard)
            && foreground != bash
        {
            let _ = kill_process_group(foreground, Signal::KILL);
        }
        // bash passes it on to its jobs.
        let _ = kill_process(bash, Signal::HUP);
        self.wait(|_| false);
        let _ = self.bash.kill();
        let _ = self.bash.wait();
    }
}

fn is_of_a_job(line: &str) -> bool {
    let number = line.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    number.is_some_and(|(number, _)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A line of the screen, and whether it goes on with what did not fit the one above.
type Row = (Vec<char>, bool);

/// The lines that a terminal shows of `text`: bars that were drawn and wiped out are gone. The last line is the unfinished one.
fn rendered(text: &str) -> Vec<String> {
    let (mut rows, mut row, mut column): (Vec<Row>, _, _) = (vec![Row::default()], 0_usize, 0_usize);
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\r' => column = 0,
            '\n' => row += 1,
            '\u{1b}' => {
                let sequence: Vec<char> = sequence(&mut characters);
                let count: usize =
                    sequence.iter().filter(|c| c.is_ascii_digit()).collect::<String>().parse().unwrap_or(0);
                match sequence.last() {
                    Some('A') => row = row.saturating_sub(count.max(1)),
                    Some('B') => row += count.max(1),
                    Some('G') => column = count.saturating_sub(1),
                    Some('K') if count == 2 => rows[row] = Row::default(),
                    Some('K') => rows[row].0.truncate(column),
                    _ => {}
                }
            }
            _ => {
                if column == COLUMNS {
                    (row, column) = (row + 1, 0);
                    rows.resize(rows.len().max(row + 1), Row::default());
                    rows[row].1 = true;
                }
                let line = &mut rows[row].0;
                line.resize(line.len().max(column + 1), ' ');
                line[column] = character;
                column += 1;
            }
        }
        rows.resize(rows.len().max(row + 1), Row::default());
    }
    rows.truncate(row + 1);
    let mut lines: Vec<String> = Vec::new();
    for (text, goes_on) in rows {
        match lines.last_mut() {
            Some(line) if goes_on => line.extend(text),
            _ => lines.push(String::from_iter(text)),
        }
    }
    lines
}

/// The rest of an escape sequence: `[`, parameters and a letter.
fn sequence(characters: &mut std::str::Chars) -> Vec<char> {
    let mut sequence = Vec::new();
    for character in characters.by_ref() {
        sequence.push(character);
        if character.is_ascii_alphabetic() {
            break;
        }
    }
    sequence
}

#[test]
fn the_screen_shows_what_was_not_wiped_out() {
    assert_eq!(rendered("one\r\ntwo\r\n"), ["one", "two", ""]);
    assert_eq!(rendered("10 %\r\u{1b}[2Ksent\r\n"), ["sent", ""]);
    assert_eq!(rendered("a\r\nb\r\u{1b}[2K\u{1b}[1A\r\u{1b}[2Kdone\r\n"), ["done", ""]);
    // Two bars as wide as the screen, after a line that stays and before one that is wider.
    let (bar, wide) = ("#".repeat(COLUMNS), "x".repeat(COLUMNS + 9));
    let wiped = "\u{1b}[1A\r\u{1b}[2K\u{1b}[1B\r\u{1b}[2K\u{1b}[1A";
    assert_eq!(rendered(&format!("stays\r\n{bar}{bar}{wiped}{wide}\r\n")), ["stays", &wide, ""]);
    assert!(
        is_of_a_job("[1]+  Done  sendall") && !is_of_a_job("[127.0.0.1:9] hello") && !is_of_a_job("[] x")
    );
}
