//! Media types by the ends of names, and whether a browser shows a file or saves it.

/// What a browser does with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presentation {
    /// It shows it.
    Inline,
    /// It saves it.
    Attachment,
}

/// The files that are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Site {
    /// Files of anybody, perhaps uploaded ones: what could run in a browser is saved, as bytes of no type.
    Share,
    /// A web site, whose pages are to run: real types, all shown.
    Trusted,
}

/// The type of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileType {
    /// The value of `Content-Type`.
    pub media_type: &'static str,
    /// Whether it is shown.
    pub presentation: Presentation,
}

/// Returns the value of `Content-Security-Policy` for a file of this type in a share: nothing in it runs, and nothing is loaded.
/// Browsers show images and media in a page that they make, which has a style. That page loads media again, which
/// works from the same origin only; without `allow-scripts` it does not matter.
pub fn policy(media_type: &str) -> &'static str {
    match media_type.split('/').next() {
        Some("image") => "default-src 'none'; style-src 'unsafe-inline'; sandbox",
        Some("audio" | "video") => {
            "default-src 'none'; media-src 'self'; style-src 'unsafe-inline'; sandbox allow-same-origin"
        }
        _ => "default-src 'none'; sandbox",
    }
}

/// The type of any bytes.
const BYTES: &str = "application/octet-stream";
const TEXT: &str = "text/plain; charset=utf-8";

/// Returns the type of a file by its name. It is not `text/html` in a share: `wget -r` would follow the links of such files.
pub fn file_type(name: &[u8], site: Site) -> FileType {
    let name = name.rsplit(|&byte| byte == b'/').next().unwrap_or_default().to_ascii_lowercase();
    let dot = name.iter().rposition(|&byte| byte == b'.');
    let extension = dot.map(|at| &name[at + 1..]);
    let is = |table: &[&str]| extension.is_some_and(|extension| has(table, extension));
    let found = |table: &[(&str, &'static str)]| {
        let row = table.iter().find(|(key, _)| extension == Some(key.as_bytes()))?;
        Some(row.1)
    };
    let inline = |media_type| FileType { media_type, presentation: Presentation::Inline };
    if let Some(media_type) = found(SHOWN) {
        return inline(media_type);
    }
    if is(TEXTS) || (dot.is_none() && has(TEXT_NAMES, &name)) {
        return inline(TEXT);
    }
    match (site, found(RUN), found(SAVED)) {
        (Site::Trusted, Some(media_type), _) => inline(media_type),
        (Site::Share, None, Some(media_type)) => {
            FileType { media_type, presentation: Presentation::Attachment }
        }
        (Site::Trusted, None, media_type) => inline(media_type.unwrap_or(BYTES)),
        // A type that a browser may run is not even named.
        (Site::Share, _, _) => FileType { media_type: BYTES, presentation: Presentation::Attachment },
    }
}

fn has(table: &[&str], word: &[u8]) -> bool {
    table.iter().any(|known| known.as_bytes() == word)
}

/// Extensions of what browsers show and do not run.
const SHOWN: &[(&str, &str)] = &[
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("png", "image/png"),
    ("gif", "image/gif"),
    ("webp", "image/webp"),
    ("avif", "image/avif"),
    ("bmp", "image/bmp"),
    ("ico", "image/x-icon"),
    ("apng", "image/apng"),
    ("jxl", "image/jxl"),
    ("heic", "image/heic"),
    ("heif", "image/heif"),
    ("tif", "image/tiff"),
    ("tiff", "image/tiff"),
    ("mp3", "audio/mpeg"),
    ("m4a", "audio/mp4"),
    ("aac", "audio/aac"),
    ("ogg", "audio/ogg"),
    ("oga", "audio/ogg"),
    ("opus", "audio/ogg"),
    ("flac", "audio/flac"),
    ("wav", "audio/wav"),
    ("weba", "audio/webm"),
    ("mp4", "video/mp4"),
    ("m4v", "video/mp4"),
    ("webm", "video/webm"),
    ("ogv", "video/ogg"),
    ("mov", "video/quicktime"),
    ("mkv", "video/x-matroska"),
    ("avi", "video/x-msvideo"),
    ("mpg", "video/mpeg"),
    ("mpeg", "video/mpeg"),
    ("pdf", "application/pdf"),
    ("json", "application/json"),
];

/// Extensions of plain text, shown as such: prose, tables, settings, and source text that no browser runs.
const TEXTS: &[&str] = &[
    "txt", "text", "md", "markdown", "rst", "adoc", "org", "tex", "log", "csv", "tsv", "nfo", "srt", "vtt",
    "diff", "patch", "ini", "conf", "cfg", "toml", "yaml", "yml", "ndjson", "jsonl", "sql", "c", "h", "cc",
    "cpp", "cxx", "hpp", "rs", "go", "py", "rb", "pl", "lua", "java", "kt", "swift", "cs", "hs", "ml", "el",
    "sh", "bash", "zsh", "fish", "awk", "sed", "mk", "cmake", "gradle", "nix", "proto", "asc", "pem", "b3",
    "md5", "sha1", "sha256", "sha512",
];

/// Names of plain text that have no extension.
const TEXT_NAMES: &[&str] = &[
    "readme",
    "license",
    "copying",
    "authors",
    "changelog",
    "changes",
    "news",
    "todo",
    "install",
    "notice",
    "makefile",
    "dockerfile",
    "sha256sums",
    "sha512sums",
    "md5sums",
    "b3sums",
];

/// Extensions of what browsers run, or apply to a page.
const RUN: &[(&str, &str)] = &[
    ("html", "text/html; charset=utf-8"),
    ("htm", "text/html; charset=utf-8"),
    ("xhtml", "application/xhtml+xml"),
    ("svg", "image/svg+xml"),
    ("xml", "application/xml"),
    ("xsl", "application/xslt+xml"),
    ("rss", "application/rss+xml"),
    ("atom", "application/atom+xml"),
    ("js", "text/javascript; charset=utf-8"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("wasm", "application/wasm"),
    ("webmanifest", "application/manifest+json"),
];

/// Extensions of what browsers save anyway, and of fonts.
const SAVED: &[(&str, &str)] = &[
    ("zip", "application/zip"),
    ("tar", "application/x-tar"),
    ("gz", "application/gzip"),
    ("tgz", "application/gzip"),
    ("bz2", "application/x-bzip2"),
    ("xz", "application/x-xz"),
    ("zst", "application/zstd"),
    ("7z", "application/x-7z-compressed"),
    ("epub", "application/epub+zip"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    ("odt", "application/vnd.oasis.opendocument.text"),
    ("ods", "application/vnd.oasis.opendocument.spreadsheet"),
    ("odp", "application/vnd.oasis.opendocument.presentation"),
    ("apk", "application/vnd.android.package-archive"),
    ("woff", "font/woff"),
    ("woff2", "font/woff2"),
    ("ttf", "font/ttf"),
    ("otf", "font/otf"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, site: Site) -> (&'static str, Presentation) {
        let FileType { media_type, presentation } = file_type(name.as_bytes(), site);
        (media_type, presentation)
    }

    #[test]
    fn what_could_run_is_saved_as_bytes() {
        for name in [
            "a.html", "a.HTM", "a.xhtml", "a.svg", "x/a.Svg", "a.xml", "a.js", "a.mjs", "a.css", "a.xsl",
            "a.wasm", "a.shtml", "a.mht", "a.php", "a.swf", "a.svgz", "a.hta", "a", "a.", ".html", "a.pdf ",
            "a.png\0", "a.txt/", "",
        ] {
            assert_eq!(of(name, Site::Share), (BYTES, Presentation::Attachment), "{name:?}");
        }
        assert_eq!(of("a.zip", Site::Share), ("application/zip", Presentation::Attachment));
    }

    #[test]
    fn what_is_harmless_is_shown() {
        for (name, media_type) in [
            ("a.JPG", "image/jpeg"),
            ("a.svg.png", "image/png"),
            ("b/a.mp4", "video/mp4"),
            ("a.pdf", "application/pdf"),
            ("a.txt", TEXT),
            ("README", TEXT),
            ("a.json", "application/json"),
        ] {
            assert_eq!(of(name, Site::Share), (media_type, Presentation::Inline), "{name}");
        }
    }

    #[test]
    fn no_policy_lets_a_script_run() {
        let policy = |name: &str| policy(file_type(name.as_bytes(), Site::Share).media_type);
        assert_eq!(policy("a.html"), "default-src 'none'; sandbox");
        assert_eq!(policy("a.pdf"), "default-src 'none'; sandbox");
        assert!(policy("a.mp4").contains("media-src 'self'"));
        for (extension, _) in [SHOWN, RUN, SAVED].concat() {
            let policy = policy(&format!("a.{extension}"));
            assert!(
                policy.starts_with("default-src 'none'; ") && policy.contains("; sandbox"),
                "{extension}"
            );
            assert!(!policy.contains("script") && !policy.contains("form"), "{extension}");
        }
    }

    #[test]
    fn a_site_has_real_types() {
        assert_eq!(of("index.html", Site::Trusted).0, "text/html; charset=utf-8");
        assert_eq!(of("a.js", Site::Trusted).0, "text/javascript; charset=utf-8");
        assert_eq!(of("a.unknown", Site::Trusted), (BYTES, Presentation::Inline));
        assert_eq!(of("a.woff2", Site::Trusted), ("font/woff2", Presentation::Inline));
    }

    #[test]
    fn no_extension_has_two_types() {
        let with_types = [SHOWN, RUN, SAVED].concat();
        let mut all: Vec<&str> = with_types.iter().map(|row| row.0).chain(TEXTS.iter().copied()).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
        assert!(all.iter().all(|extension| *extension == extension.to_ascii_lowercase()));
    }
}
