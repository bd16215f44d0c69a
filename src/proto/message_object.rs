//! A message of any bytes as a JSON object in a line: its fields `text` or `base64` hold the content. `connect --frame-out
//! json` and `udp-listen --each json` write such objects, with more fields; `--each json` reads them.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;

#[derive(Deserialize)]
struct MessageObject {
    text: Option<String>,
    base64: Option<String>,
}

/// Parses a line, without its line end. Returns the message.
///
/// # Errors
/// Why it is none, and what to type.
pub fn parse(line: &[u8]) -> Result<Vec<u8>, String> {
    let wrong = |why: &str| format!(r#"{why}; type {{"text":"..."}} or {{"base64":"..."}}"#);
    match serde_json::from_slice(line) {
        Ok(MessageObject { text: Some(text), base64: None }) => Ok(text.into_bytes()),
        Ok(MessageObject { text: None, base64: Some(code) }) => {
            BASE64_STANDARD.decode(code).map_err(|_| wrong("it is not base64"))
        }
        Ok(_) => Err(wrong("it has neither or both of text and base64")),
        Err(_) => Err(wrong("it is not such an object")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_read_or_explained() {
        let parsed = |line: &str| parse(line.as_bytes());
        assert_eq!(parsed(r#"{"peer":"x","length":3,"text":"a\nb","base64":null}"#), Ok(b"a\nb".to_vec()));
        assert_eq!(parsed(r#"{"base64":"/wA="}"#), Ok(vec![0xff, 0]));
        assert_eq!(parsed(r#" {"text":""} "#), Ok(Vec::new()));
        for (line, why) in [
            ("", "not such an object"),
            ("[1]", "not such an object"),
            (r#"{"text":"a""#, "not such an object"),
            (r#"{"text":"a"} x"#, "not such an object"),
            (r#"{"base64":"*"}"#, "not base64"),
            (r#"{"text":"a","base64":"YQ=="}"#, "neither or both"),
            (r#"{"length":0}"#, "neither or both"),
        ] {
            assert!(parsed(line).is_err_and(|hint| hint.contains(why)), "{line}");
        }
    }
}
