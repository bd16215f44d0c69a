//! QR codes, as a camera reads them.

use std::process::Command;

use sendall::report::QrImage;

use crate::harness::skips::skip;

/// The pixels of a module, in each direction.
const PIXELS: usize = 4;

/// Draws what a terminal shows as an image (PGM), which keeps the border that was written, and no more.
fn photograph(shown: &str) -> Vec<u8> {
    let mut rows = Vec::new();
    for line in shown.lines() {
        let line = line.strip_prefix("\x1b[38;5;16;48;5;231m").expect("black on white");
        let line = line.strip_suffix("\x1b[0m").expect("the end of the colours");
        for blacks in ["\u{2580}\u{2588}", "\u{2584}\u{2588}"] {
            let pixel = |c| if blacks.contains(c) { [0; PIXELS] } else { [255; PIXELS] };
            let row: Vec<u8> = line.chars().flat_map(pixel).collect();
            rows.extend(std::iter::repeat_n(row, PIXELS));
        }
    }
    let head = format!("P5 {} {} 255\n", rows[0].len(), rows.len());
    [head.into_bytes(), rows.concat()].concat()
}

#[test]
fn a_camera_reads_the_url() {
    let folder = tempfile::tempdir().expect("a folder");
    for url in ["http://192.0.2.7:8080/", "http://[2001:db8::1]:65535/000g40r40m30e209185gr38e1w/"] {
        let picture = folder.path().join("code.pgm");
        std::fs::write(&picture, photograph(&QrImage::new(url).expect("a code").to_string()))
            .expect("a picture");
        let Ok(read) = Command::new("zbarimg").args(["--raw", "--quiet"]).arg(&picture).output() else {
            return skip("zbarimg is not installed");
        };
        assert_eq!(String::from_utf8_lossy(&read.stdout).trim_end(), url);
    }
}
