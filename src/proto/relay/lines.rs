//! Line ends in the form CR LF.

/// Converts each LF without a CR into CR LF. Pieces may end anywhere.
#[derive(Debug, Default)]
pub struct Crlf {
    after_cr: bool,
}

impl Crlf {
    /// Appends `input` with converted line ends to `output`: at most twice as many bytes.
    pub fn take(&mut self, input: &[u8], output: &mut Vec<u8>) {
        for line in input.split_inclusive(|byte| *byte == b'\n') {
            if let [text @ .., b'\n'] = line {
                let has_cr = text.last().map_or(self.after_cr, |byte| *byte == b'\r');
                output.extend_from_slice(text);
                output.extend_from_slice(if has_cr { b"\n" } else { b"\r\n" });
            } else {
                output.extend_from_slice(line);
            }
            self.after_cr = line.last() == Some(&b'\r');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn in_pieces(input: &[u8], size: usize) -> Vec<u8> {
        let (mut crlf, mut output) = (Crlf::default(), Vec::new());
        input.chunks(size).for_each(|piece| crlf.take(piece, &mut output));
        output
    }

    #[test]
    fn a_bare_lf_gets_its_cr_and_a_pair_stays_one() {
        for (input, expected) in [
            (&b"a\nb\r\nc"[..], &b"a\r\nb\r\nc"[..]),
            (b"\n\n", b"\r\n\r\n"),
            (b"\r\r\n\r", b"\r\r\n\r"),
            (b"\r\n\n\r\n", b"\r\n\r\n\r\n"),
            (b"", b""),
        ] {
            for size in 1..=4 {
                assert_eq!(in_pieces(input, size), expected, "{input:?} in pieces of {size}");
            }
        }
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(input in "[a\r\n]{0,40}", size in 1usize..5) {
            let output = in_pieces(input.as_bytes(), size);
            let expected = input.replace("\r\n", "\n").replace('\n', "\r\n");
            prop_assert_eq!(String::from_utf8(output).unwrap(), expected);
        }
    }
}
