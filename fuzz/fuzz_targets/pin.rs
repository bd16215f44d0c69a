//! Arbitrary text as a pin, and as an endpoint with one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sendall::proto::secure::pin::{Pin, split};

fuzz_target!(|text: &str| {
    if let Ok(pin) = text.parse::<Pin>() {
        assert_eq!(pin.to_string().parse(), Ok(pin));
        assert_eq!(split(&format!("a:1#{text}")), Ok(("a:1", Some(pin))));
    }
    if let Ok((endpoint, pin)) = split(text) {
        assert!(text.starts_with(endpoint));
        assert_eq!(pin.is_none(), endpoint.len() == text.len());
    }
});
