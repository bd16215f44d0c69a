//! Options that several commands share, and the parsers of their values.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, ValueEnum, ValueHint};

use crate::error::{Error, Exit};
use crate::net::rate::MIN_RATE;
use crate::proto::relay::ending::EndWhen;
use crate::proto::relay::message::Framing;
use crate::relay::options::{InputSplit, OutputFormat, RecordOptions, RelayOptions, ToolOptions};

const MAX_DURATION: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Reads a duration such as `10s`, `250ms` or `1m 30s`.
pub fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        // The clock may not reach that far.
        Ok(duration) if duration > MAX_DURATION => {
            Err("a limit is at most 100 years: leave the option out".into())
        }
        Ok(duration) if !duration.is_zero() => Ok(duration),
        Ok(_) => Err("a limit is longer than 0: leave the option out for the default".into()),
        Err(_) => Err("type a number and a unit, as in 10s, 250ms or '1m 30s'".into()),
    }
}

/// Reads the length of a silence: a duration that is not 0.
fn silence(text: &str) -> Result<Duration, String> {
    // humantime accepts a 0 without a unit.
    match humantime::parse_duration(text) {
        Ok(duration) if duration.is_zero() => {
            Err("to wait for no answer type --end-when input instead".into())
        }
        _ => duration(text),
    }
}

/// Reads a size in bytes such as `64KiB` or `10MB`.
pub fn size(text: &str) -> Result<u64, String> {
    let read = text.parse::<bytesize::ByteSize>();
    read.map(|size| size.as_u64()).map_err(|_| "type a number and a unit, as in 4096, 64KiB or 10MB".into())
}

/// Reads a rate in bytes per second such as `500KiB` or `10MB/s`.
pub fn rate(text: &str) -> Result<u64, String> {
    let size = text.strip_suffix("/s").unwrap_or(text).trim_end().parse::<bytesize::ByteSize>();
    match size.map(|size| size.as_u64()) {
        Ok(rate) if rate >= MIN_RATE => Ok(rate),
        Ok(_) => Err("a rate is at least 1KiB per second".into()),
        Err(_) => Err("type a size per second, as in 500KiB or 10MB".into()),
    }
}

/// The default maximum of entries in one session.
pub const MAX_ENTRIES: u32 = 10_000_000;

/// Options of a relay between a peer and stdin and stdout.
#[derive(Args, Clone, Debug)]
pub struct RelayArgs {
    /// Give up when nothing is sent or received for this long [default: no limit]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub idle_timeout: Option<Duration>,

    /// Limit the bytes sent and received per second on each connection, for example 500KiB or 10MB
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub limit_rate: Option<u64>,

    /// Send only: discard what the peer sends (one line says so), and end when all input is acknowledged
    #[arg(long, conflicts_with_all = ["recv_only", "end_when"])]
    pub send_only: bool,

    /// Receive only: do not read stdin
    #[arg(long)]
    pub recv_only: bool,

    /// Choose which end of file ends the command [default: both; peer if stdin is a terminal]
    #[arg(long, value_name = "END", value_enum)]
    pub end_when: Option<EndWhen>,

    /// Pass the end of stdin on only after the peer has ended [default: when the peer pauses]
    #[arg(long)]
    pub no_half_close: bool,

    /// End with 0 when stdin has ended and the peer is silent for this long
    #[arg(long, value_name = "DURATION", value_parser = silence, conflicts_with = "send_only")]
    pub linger: Option<Duration>,

    /// Do not read stdin before the peer has sent something
    #[arg(long, conflicts_with = "recv_only")]
    pub wait_greeting: bool,

    /// Tools on the stream.
    #[command(flatten)]
    pub tools: ToolArgs,
}

/// Options of tools that change or record a stream.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Lines and messages")]
#[command(group = ArgGroup::new("records").args(["tee_in", "tee_out", "hex_dump"]).multiple(true))]
pub struct ToolArgs {
    /// Send each line end of stdin as CR LF
    #[arg(long, conflicts_with = "recv_only")]
    pub crlf: bool,

    /// Wait for this long before sending each line of stdin
    #[arg(long, value_name = "DURATION", value_parser = duration, conflicts_with = "recv_only")]
    pub line_delay: Option<Duration>,

    /// Speak to a Telnet server: refuse each option it negotiates, and remove its commands from the output
    #[arg(long)]
    pub telnet: bool,

    /// Send each line of stdin as a message, and write each message from the peer as a line; FRAME marks where messages end
    #[arg(long, value_enum, value_name = "FRAME", conflicts_with_all = ["crlf", "telnet"])]
    pub frame: Option<Framing>,

    /// With --frame: split stdin at each line, not at all (all), after SIZE bytes, at each object of --frame-out json (json),
    /// or at each message of a FRAME [default: line]
    #[arg(long, value_name = "line|all|SIZE|json|FRAME", value_parser = frame_in, requires = "frame",
        conflicts_with_all = ["recv_only", "crlf", "telnet"])]
    pub each: Option<InputSplit>,

    /// With --frame: choose how messages from the peer are written
    #[arg(long, value_enum, value_name = "FORM", default_value_t = OutputFormat::Line, requires = "frame",
        conflicts_with_all = ["send_only", "crlf", "telnet"])]
    pub frame_out: OutputFormat,

    /// With --frame: refuse longer messages, in both directions
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "1MiB", requires = "frame",
        conflicts_with_all = ["crlf", "telnet"])]
    pub max_message: u64,

    /// Write everything received to this file as it arrives
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub tee_in: Option<PathBuf>,

    /// Write everything sent to this file as it leaves
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub tee_out: Option<PathBuf>,

    /// Append to the files of --tee-in, --tee-out and --hex-dump instead of emptying them
    #[arg(long, requires = "records")]
    pub tee_append: bool,

    /// Write both directions to this file in hexadecimal, with times and offsets; - is stderr
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub hex_dump: Option<PathBuf>,
}

fn frame_in(text: &str) -> Result<InputSplit, String> {
    match text {
        "line" => return Ok(InputSplit::Lines),
        "all" => return Ok(InputSplit::All),
        "json" => return Ok(InputSplit::Json),
        _ => {}
    }
    if let Ok(choice) = Framing::from_str(text, false) {
        return Ok(InputSplit::Framed(choice));
    }
    match size(text) {
        Ok(0) => Err("a message has at least one byte".into()),
        Ok(size) => Ok(InputSplit::Blocks(size)),
        Err(_) => {
            Err("type line, all, json, a size in bytes such as 512, or a value of --frame such as u16be"
                .into())
        }
    }
}

/// The options that record a stream: they apply to any stream.
pub(crate) const RECORDS: &[&str] = &["--tee-in", "--tee-out", "--tee-append", "--hex-dump"];

impl RelayArgs {
    /// Converts them to the options of a relay.
    pub(crate) fn options(&self) -> RelayOptions {
        let tools = &self.tools;
        RelayOptions {
            idle_timeout: self.idle_timeout,
            limit_rate: self.limit_rate,
            send_only: self.send_only,
            recv_only: self.recv_only,
            end_when: self.end_when,
            no_half_close: self.no_half_close,
            linger: self.linger,
            wait_greeting: self.wait_greeting,
            tools: ToolOptions {
                crlf: tools.crlf,
                line_delay: tools.line_delay,
                telnet: tools.telnet,
                frame: tools.frame,
                input_split: tools.each,
                output_format: tools.frame_out,
                max_message: tools.max_message,
            },
            records: RecordOptions {
                tee_in: tools.tee_in.clone(),
                tee_out: tools.tee_out.clone(),
                tee_append: tools.tee_append,
                hex_dump: tools.hex_dump.clone(),
            },
        }
    }

    /// Fails if an option was typed that only makes sense between one peer and stdin and stdout, unless it is `allowed`.
    pub(crate) fn reject_relay_options_except(&self, mode: &str, allowed: &[&str]) -> Result<(), Error> {
        let given = [
            ("--send-only", self.send_only),
            ("--recv-only", self.recv_only),
            ("--end-when", self.end_when.is_some()),
            ("--no-half-close", self.no_half_close),
            ("--linger", self.linger.is_some()),
            ("--wait-greeting", self.wait_greeting),
            ("--crlf", self.tools.crlf),
            ("--line-delay", self.tools.line_delay.is_some()),
            ("--telnet", self.tools.telnet),
            ("--frame", self.tools.frame.is_some()),
            ("--tee-in", self.tools.tee_in.is_some()),
            ("--tee-out", self.tools.tee_out.is_some()),
            ("--hex-dump", self.tools.hex_dump.is_some()),
        ];
        match given.iter().find(|(option, is_given)| *is_given && !allowed.contains(option)) {
            Some((option, _)) => {
                let text = format!("{option} is about stdin and stdout: leave it out with {mode}");
                Err(Error::new(Exit::Usage, text))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_are_read_or_explained() {
        assert_eq!(duration("1m 30s"), Ok(Duration::from_secs(90)));
        assert!(duration("0s").is_err_and(|hint| hint.contains("longer than 0")));
        assert!(duration("100000000000y").is_err() && duration("1000y").is_err());
        assert!(duration("10").is_err_and(|hint| hint.contains("10s")));
        assert!(silence("0").is_err_and(|hint| hint.contains("--end-when input")));
        assert_eq!(silence("1s"), Ok(Duration::from_secs(1)));
        assert_eq!(size("64KiB"), Ok(65_536));
        assert_eq!(size("10MB"), Ok(10_000_000));
        assert_eq!(size("0"), Ok(0));
        assert!(size("-1").is_err());
        assert_eq!((rate("1MB"), rate("10 MiB/s"), rate("1024")), (Ok(1_000_000), Ok(10 << 20), Ok(1024)));
        assert!(rate("1023").is_err_and(|hint| hint.contains("1KiB")));
        assert!(rate("fast").is_err_and(|hint| hint.contains("10MB")));
        assert!(size("10 parsecs").is_err_and(|hint| hint.contains("64KiB")));
    }
}
