//! Requests of arbitrary bytes about an upload: their `Host` and `Origin`, the fields about the upload, and what becomes
//! of it. Whatever they say, an upload only grows, and within its limits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sendall::proto::http::{Exchange, ParseEvent, no_fields, path};
use sendall::proto::web::origin::{Arrival, HostName, Hosts};
use sendall::proto::web::secret::{SecretPath, Token};
use sendall::proto::web::upload::{UploadBody, UploadFault, UploadFields, UploadLimits, UploadState, replies};

const LIMITS: UploadLimits = UploadLimits { max_size: Some(1 << 20), max_age_seconds: Some(60) };

fuzz_target!(|bytes: &[u8]| {
    let (mut exchange, mut rest) = (Exchange::new(u64::MAX), bytes);
    let mut state = UploadState { offset: 0, length: None, is_complete: false };
    let (mut upload, secret) = (None::<UploadBody>, SecretPath::new(&[0; 16]));
    let token = Token::parse(b"s3cret-of-mine").expect("a token");
    loop {
        let mut fields = no_fields();
        let (used, event) = exchange.next_event(rest, &mut fields);
        match event {
            ParseEvent::Head(head) => {
                check_names(&head, secret.strip(path(head.target)).is_some());
                for field in head.fields.iter().filter(|field| field.name == "Authorization") {
                    assert!(!token.is_in(field.value) || field.value.len() > 14);
                }
                let said = UploadFields::of(head.fields);
                assert!(said.offset.max(said.length) < Some(1_000_000_000_000_000));
                let decision = UploadBody::append(&state, &said, &LIMITS);
                if let Err(fault) = decision {
                    let reply = replies::refusal(said.interop, fault, &LIMITS);
                    assert!((400..500).contains(&reply.status) && !reply.body.contains('\r'));
                }
                upload = decision.ok();
                // A request that is read to its end has nothing more to say before its body.
                if !head.has_body {
                    finish(&mut state, upload.take());
                }
            }
            ParseEvent::Body(content) => {
                if let Some(body) = &mut upload {
                    match body.admit(content.len()) {
                        Ok(()) => state = UploadState { offset: body.offset(), length: body.length(), ..state },
                        Err(fault) => {
                            assert!(matches!(fault, UploadFault::Length | UploadFault::TooLarge(_)));
                            return;
                        }
                    }
                }
            }
            ParseEvent::End => finish(&mut state, upload.take()),
            ParseEvent::Skipped => {}
            ParseEvent::More | ParseEvent::Rewritten(_) | ParseEvent::Refused(_) => return,
        }
        rest = &rest[used..];
    }
});

fn finish(state: &mut UploadState, upload: Option<UploadBody>) {
    let Some(after) = upload.and_then(|upload| upload.finish().ok()) else { return };
    assert!(after.offset >= state.offset && after.offset <= 1 << 20);
    assert!(!state.is_complete || after == *state);
    assert!(after.length.is_none_or(|length| after.offset <= length));
    *state = after;
}

fn check_names(head: &sendall::proto::http::RequestHead<'_, '_>, has_secret: bool) {
    let given = vec![HostName::parse("files.example").expect("a host")];
    let at = Some("127.0.0.1:8080".parse().expect("an address"));
    let result = Hosts::new("box", given).check(head, Arrival { at, has_tls: false, has_secret });
    let text = |name: &str| {
        let field = head.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name));
        field.map(|field| String::from_utf8_lossy(field.value).to_ascii_lowercase())
    };
    if let (Ok(()), Some(host), true) = (result, text("host"), head.target.starts_with('/')) {
        let own = ["127.0.0.1", "localhost", "box", "files.example", "[::ffff:"];
        assert!(own.iter().any(|own| host.starts_with(own)), "{host}");
        if let (Some(origin), "PUT" | "POST" | "PATCH" | "DELETE") = (text("origin"), head.method_text) {
            let named = origin.split_once("://").map_or("", |(_, named)| named);
            assert!(origin == "null" || own.iter().any(|own| named.starts_with(own)), "{origin}");
        }
    }
}
