//! Lines labelled with their origin, for several peers on one stream.

/// The longest line before it is broken, in bytes.
pub const LONGEST_LINE_BYTES: usize = 64 << 10;

/// Puts a label before each line of one peer, and breaks only lines over [`LONGEST_LINE_BYTES`].
#[derive(Debug)]
pub struct Labels {
    label: Vec<u8>,
    line: Vec<u8>,
}

impl Labels {
    /// Creates the labels of one peer.
    pub fn new(label: impl Into<Vec<u8>>) -> Labels {
        Labels { label: label.into(), line: Vec::new() }
    }

    /// Takes a piece and appends its complete lines with the label, each formatted by `show`.
    pub fn feed(&mut self, mut piece: &[u8], out: &mut Vec<u8>, show: impl Fn(&[u8], &mut Vec<u8>)) {
        while !piece.is_empty() {
            let part = &piece[..piece.len().min(LONGEST_LINE_BYTES - self.line.len())];
            let end = part.iter().position(|byte| *byte == b'\n');
            self.line.extend_from_slice(&part[..end.unwrap_or(part.len())]);
            piece = &piece[end.map_or(part.len(), |end| end + 1)..];
            if end.is_some() || self.line.len() == LONGEST_LINE_BYTES {
                self.flush(out, &show);
            }
        }
    }

    /// Ends the input: an incomplete line is appended as a line.
    pub fn end(&mut self, out: &mut Vec<u8>, show: impl Fn(&[u8], &mut Vec<u8>)) {
        if !self.line.is_empty() {
            self.flush(out, &show);
        }
    }

    fn flush(&mut self, out: &mut Vec<u8>, show: &impl Fn(&[u8], &mut Vec<u8>)) {
        out.extend_from_slice(&self.label);
        show(&self.line, out);
        out.push(b'\n');
        self.line = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn as_it_is(line: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(line);
    }

    fn labelled(pieces: &[&[u8]]) -> Vec<u8> {
        let (mut labels, mut out) = (Labels::new("a: "), Vec::new());
        for piece in pieces {
            labels.feed(piece, &mut out, as_it_is);
        }
        labels.end(&mut out, as_it_is);
        out
    }

    #[test]
    fn each_line_has_its_label() {
        assert_eq!(labelled(&[b"x", b"y\n\nz"]), b"a: xy\na: \na: z\n");
        assert_eq!(labelled(&[]), b"");
        let long = vec![b'x'; LONGEST_LINE_BYTES + 1];
        let out = labelled(&[&long]);
        assert_eq!(out.len(), long.len() + 2 * "a: \n".len());
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(text in "[ab\n]{0,60}", size in 1usize..4) {
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
            let lines = text.split_terminator('\n').map(|line| format!("a: {line}\n")).collect::<String>();
            prop_assert_eq!(labelled(&pieces), lines.into_bytes());
        }
    }
}
