//! Telnet as a plain stream: options are refused, commands are removed, the byte 255 is escaped (RFC 854, 855).

const IAC: u8 = 255;
const DONT: u8 = 254;
const DO: u8 = 253;
const WONT: u8 = 252;
const WILL: u8 = 251;
const SB: u8 = 250;
const SE: u8 = 240;

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Data,
    /// After IAC.
    Command,
    /// After IAC and this verb: the option comes.
    Option(u8),
    /// After IAC SB.
    Subnegotiation,
    /// In a subnegotiation, after IAC.
    SubnegotiationCommand,
}

/// Parses the stream of a Telnet peer.
#[derive(Debug, Default)]
pub struct TelnetParser {
    state: State,
}

impl TelnetParser {
    /// Appends data to `data`, and the necessary replies to `replies`: at most as many bytes as in `input` and two.
    ///
    /// `DO` is answered by `WONT` and `WILL` by `DONT`. `WONT` and `DONT` report a state and are not answered, so that
    /// no two sides answer each other without end. Other commands have no meaning without a terminal.
    pub fn take(&mut self, input: &[u8], data: &mut Vec<u8>, replies: &mut Vec<u8>) {
        let mut used = 0;
        while let Some(&byte) = input.get(used) {
            self.state = match (self.state, byte) {
                (State::Data, IAC) => State::Command,
                (State::Data, _) => {
                    let rest = &input[used..];
                    let count = rest.iter().position(|byte| *byte == IAC).unwrap_or(rest.len());
                    data.extend_from_slice(&rest[..count]);
                    used += count;
                    continue;
                }
                (State::Command, IAC) => {
                    data.push(IAC);
                    State::Data
                }
                (State::Command, WILL..=DONT) => State::Option(byte),
                (State::Command, SB) => State::Subnegotiation,
                (State::Command, _) => State::Data,
                (State::Option(verb), option) => {
                    if let Some(refusal) = refusal(verb) {
                        replies.extend_from_slice(&[IAC, refusal, option]);
                    }
                    State::Data
                }
                (State::Subnegotiation, IAC) => State::SubnegotiationCommand,
                (State::SubnegotiationCommand, SE) => State::Data,
                (State::Subnegotiation | State::SubnegotiationCommand, _) => State::Subnegotiation,
            };
            used += 1;
        }
    }
}

fn refusal(verb: u8) -> Option<u8> {
    match verb {
        DO => Some(WONT),
        WILL => Some(DONT),
        _ => None,
    }
}

/// Appends `input` to `output` as data: each byte 255 twice.
pub fn escape(input: &[u8], output: &mut Vec<u8>) {
    for part in input.split_inclusive(|byte| *byte == IAC) {
        output.extend_from_slice(part);
        output.extend(part.last().filter(|byte| **byte == IAC));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn in_pieces(input: &[u8], size: usize) -> (Vec<u8>, Vec<u8>) {
        let (mut telnet, mut data, mut replies) = (TelnetParser::default(), Vec::new(), Vec::new());
        for piece in input.chunks(size) {
            telnet.take(piece, &mut data, &mut replies);
        }
        (data, replies)
    }

    #[test]
    fn options_are_refused_and_the_rest_is_taken_out() {
        for (input, data, replies) in [
            (&b"login: "[..], &b"login: "[..], &b""[..]),
            (b"\xff\xfd\x18a\xff\xfb\x01b", b"ab", b"\xff\xfc\x18\xff\xfe\x01"),
            // Answers to what was never asked; an option numbered 255.
            (b"\xff\xfc\x01\xff\xfe\x03x\xff\xfd\xff", b"x", b"\xff\xfc\xff"),
            (b"a\xff\xffb\xff\xff\xff\xff", b"a\xffb\xff\xff", b""),
            // NOP, GA, AYT; an IAC SE that ends nothing.
            (b"a\xff\xf1\xff\xf9\xff\xf6b\xff\xf0c", b"abc", b""),
            // A subnegotiation, with an escaped 255, SE as a plain byte, and what looks like a DO.
            (b"1\xff\xfa\x18\x00\xff\xff\xf0\xff\xfd\x01x\xff\xf02", b"12", b""),
            // Ended within a command.
            (b"x\xff", b"x", b""),
            (b"\xff\xfa\x18hidden", b"", b""),
        ] {
            for size in 1..=5 {
                assert_eq!(in_pieces(input, size), (data.to_vec(), replies.to_vec()), "{input:?} by {size}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_escaped_comes_through(data in prop::collection::vec(prop_oneof![Just(255u8), any::<u8>()], 0..60),
                                         size in 1usize..4) {
            let mut escaped = Vec::new();
            data.chunks(size).for_each(|piece| escape(piece, &mut escaped));
            prop_assert_eq!(in_pieces(&escaped, size), (data, Vec::new()));
        }
    }
}
