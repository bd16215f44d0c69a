//! A QR code on a terminal, for the camera of a phone.

use std::fmt;

use qrcodegen::{QrCode, QrCodeEcc};

use super::output::write_stderr;
use super::{Level, Report, draw};

/// The white border that the standard asks for, in modules: ISO/IEC 18004, 9.1.
const QUIET_MODULES: i32 = 4;
/// Black on white, of the fixed part of the 256 colours: on dark terminals, too, and whatever the user's palette is.
const COLOURS: &str = "\x1b[38;5;16;48;5;231m";
const NO_COLOURS: &str = "\x1b[0m";

/// A QR code as an image. A line of it has two rows of modules, which half blocks make square.
pub struct QrImage(QrCode);

impl QrImage {
    /// Creates the smallest code that has the text, with as much correction as fits into it. `None`: the text is too long.
    pub fn new(text: &str) -> Option<QrImage> {
        QrCode::encode_text(text, QrCodeEcc::Low).ok().map(QrImage)
    }

    /// Returns the width in columns.
    pub fn columns(&self) -> usize {
        usize::try_from(self.0.size() + 2 * QUIET_MODULES).unwrap_or(usize::MAX)
    }

    /// Returns the character of two modules, one below the other. What is outside of the code is white.
    fn pair(&self, x: i32, y: i32) -> char {
        match (self.0.get_module(x, y), self.0.get_module(x, y + 1)) {
            (false, false) => ' ',
            (true, false) => '\u{2580}',
            (false, true) => '\u{2584}',
            (true, true) => '\u{2588}',
        }
    }
}

impl Report {
    /// Draws a QR code of a text, if a person reads stderr on a terminal that is wide enough.
    pub fn qr_code(&self, text: &str) {
        if self.level < Level::Normal || !self.is_read_by_a_person() {
            return;
        }
        let columns = draw::columns();
        if let Some(image) = QrImage::new(text).filter(|image| image.columns() <= columns) {
            self.screen.suspend(|| {
                let _ = write_stderr(|| image.to_string());
            });
        }
    }
}

/// Writes the lines, each with its colours and its end.
impl fmt::Display for QrImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = -QUIET_MODULES..self.0.size() + QUIET_MODULES;
        for y in places.clone().step_by(2) {
            let line: String = places.clone().map(|x| self.pair(x, y)).collect();
            writeln!(f, "{COLOURS}{line}{NO_COLOURS}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The modules that a rendered code shows, true for black.
    fn shown(image: &QrImage) -> Vec<Vec<bool>> {
        let mut rows = Vec::new();
        for line in image.to_string().lines() {
            let line =
                line.strip_prefix(COLOURS).and_then(|line| line.strip_suffix(NO_COLOURS)).expect("colours");
            assert_eq!(line.chars().count(), image.columns());
            rows.push(line.chars().map(|c| "\u{2580}\u{2588}".contains(c)).collect());
            rows.push(line.chars().map(|c| "\u{2584}\u{2588}".contains(c)).collect());
        }
        rows
    }

    #[test]
    fn the_image_is_the_code_with_a_white_border() {
        for text in [
            "",
            "http://192.0.2.7:8080/",
            "http://[2001:db8::1234:5678:9abc:def0]:65535/000g40r40m30e209185gr38e1w/",
        ] {
            let image = QrImage::new(text).unwrap();
            let rows = shown(&image);
            let size = image.0.size();
            // A last row of the border makes the number of rows even.
            assert_eq!(rows.len(), image.columns() + 1);
            for (row, y) in rows.iter().zip(-QUIET_MODULES..) {
                for (&is_black, x) in row.iter().zip(-QUIET_MODULES..) {
                    let is_inside = (0..size).contains(&x) && (0..size).contains(&y);
                    assert_eq!(is_black, is_inside && image.0.get_module(x, y), "{x} {y}");
                }
            }
        }
    }

    #[test]
    fn an_address_with_a_secret_fits_a_small_terminal() {
        let image = QrImage::new("https://192.168.178.123:65535/000g40r40m30e209185gr38e1w/").unwrap();
        assert!(image.columns() <= 41 && image.to_string().lines().count() <= 21, "{}", image.columns());
        assert!(QrImage::new(&"x".repeat(3000)).is_none());
    }
}
