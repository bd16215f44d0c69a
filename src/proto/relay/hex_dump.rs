//! A stream in hexadecimal, for people.

use std::fmt::Write;
use std::time::Duration;

use super::lane::Direction;

const BYTES_PER_LINE: usize = 16;

/// Dumps both directions of one connection.
#[derive(Debug, Default)]
pub struct HexDump {
    sent_bytes: u64,
    received_bytes: u64,
}

impl HexDump {
    /// Formats `bytes`, which were moved `elapsed` after the connection's start. Each line has the `label`, a mark (`>`
    /// sent, `<` received), seconds, the offset in its direction, up to 16 bytes, and those of them that are printable
    /// ASCII.
    pub fn lines(&mut self, label: &str, direction: Direction, elapsed: Duration, bytes: &[u8]) -> String {
        let (mark, offset) = match direction {
            Direction::Sent => ('>', &mut self.sent_bytes),
            Direction::Received => ('<', &mut self.received_bytes),
        };
        let mut lines = String::with_capacity((bytes.len() / BYTES_PER_LINE + 1) * 100);
        let seconds = elapsed.as_secs_f64();
        for line in bytes.chunks(BYTES_PER_LINE) {
            // Writing to a String cannot fail.
            let _ = write!(lines, "{label}{mark} {seconds:11.6} {offset:08x}");
            for column in 0..BYTES_PER_LINE {
                lines.push_str(if column % 8 == 0 { "  " } else { " " });
                let _ = match line.get(column) {
                    Some(byte) => write!(lines, "{byte:02x}"),
                    None => write!(lines, "  "),
                };
            }
            lines.push_str("  |");
            lines.extend(line.iter().map(|byte| match byte {
                b' '..=b'~' => char::from(*byte),
                _ => '.',
            }));
            lines.push_str("|\n");
            *offset += line.len() as u64;
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_direction_counts_for_itself() {
        let mut dump = HexDump::default();
        let bytes: Vec<u8> = (b'A'..).take(18).collect();
        let expected = concat!(
            ">    0.001500 00000000  41 42 43 44 45 46 47 48  49 4a 4b 4c 4d 4e 4f 50  |ABCDEFGHIJKLMNOP|\n",
            ">    0.001500 00000010  51 52                                             |QR|\n",
        );
        assert_eq!(dump.lines("", Direction::Sent, Duration::from_micros(1500), &bytes), expected);
        let line = dump.lines("", Direction::Received, Duration::from_secs(61), b"\x00\x1b~\x7f\xff");
        let shown = "<   61.000000 00000000  00 1b 7e 7f ff                                    |..~..|\n";
        assert_eq!(line, shown);
        let line = dump.lines("[::1]:9 ", Direction::Sent, Duration::ZERO, b"x");
        assert!(line.starts_with("[::1]:9 >    0.000000 00000012  78 "));
    }
}
