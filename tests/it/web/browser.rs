//! The page in headless Chromium, which `tests/peer/browser.py` drives.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use super::Web;
use crate::harness::others::installed;
use crate::harness::{In, Out, payload, start};
use crate::transfer::xfer::{Place, is_slow_wanted};

/// What these lines print, if there is a browser.
#[track_caller]
fn browse(lines: &[String]) -> Option<Vec<Value>> {
    installed("chromium")?;
    installed("python3")?;
    let profile = tempfile::tempdir().expect("a folder");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peer/browser.py");
    let input = In::file((lines.join("\n") + "\n").as_bytes());
    let profile = profile.path().to_str().expect("UTF-8");
    let done = start("python3", &[script, profile], input, Out::Collect).finish_within(LONGEST).expect(0);
    let values = done.stdout.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    Some(values.map(|line| serde_json::from_slice(line).expect("JSON")).collect())
}

/// Everything that a browser does here.
const LONGEST: Duration = Duration::from_secs(60);
/// True when all uploads have ended.
const ENDED: &str = "until document.querySelector('#said').textContent";
const SAID: &str = "eval document.querySelector('#said').textContent";
const NAMES: &str =
    "eval [...document.querySelectorAll('tbody tr')].map(row => row.cells[0].textContent).join()";
/// The states of all uploads, with their names.
const STATES: &str = "eval [...document.querySelectorAll('#jobs li')].map(row => row.innerText.replace('\\n', ': ')).sort().join()";

/// Lines with what differs each time.
fn lines(lines: &[&str], web: &Web, outside: &Place) -> Vec<String> {
    let fill = |line: &&str| line.replace("URL", &web.url("")).replace("OUT", outside.arg());
    lines.iter().map(fill).collect()
}

#[test]
fn chromium_lists_a_folder_and_uploads_by_drag_and_drop() {
    let (web, outside) = (Web::storing(&[]), Place::new());
    let hostile = "<img src=x onerror=document.title='hacked'>.txt";
    for name in ["b2", "b10", hostile] {
        web.place.write(name, b"content");
    }
    let large = payload(1_500_000);
    outside.write("large ü#%.bin", &large);
    outside.write("b2", b"another");
    outside.write("form 1.txt", b"by a form");
    let steps = [
        "scripts off",
        "goto URL/",
        "html",
        "choose OUT/form 1.txt|OUT/b2",
        "submit #up button",
        "html",
        "scripts on",
        "goto URL/",
        "eval document.querySelectorAll('th button')[0].click()",
        NAMES,
        "drop OUT/large ü#%.bin|OUT/b2",
        ENDED,
        SAID,
        STATES,
        "until document.querySelector('tr.new')",
        "eval document.querySelector('tr.new a').textContent + document.title",
        "faults",
        // The policy is that of the header, and violations are seen.
        "eval document.head.append(Object.assign(document.createElement('script'), { text: 'document.title = 1' }))",
        "faults",
    ];
    let Some(values) = browse(&lines(&steps, &web, &outside)) else { return };
    let [html, form, _, names, said, states, new, faults, _, violations] = &values[..] else {
        panic!("{values:?}")
    };
    let html = html.as_str().expect("a page");
    assert!(html.contains("<a href=\"b10\">b10</a>") && !html.contains("<img"), "without script: {html}");
    let form = form.as_str().expect("a page");
    assert!(form.contains("<b>form 1.txt</b>") && form.contains("<b>b2</b>"), "without script: {form}");
    assert_eq!(*names, format!("{hostile},b2,b10,form 1.txt"), "as people sort");
    assert_eq!(*said, "1 of 2 files arrived. One did not: see below.");
    let states = states.as_str().expect("states");
    assert!(states.starts_with("b2: Another file with this name is there: nothing was changed"), "{states}");
    assert!(states.ends_with("large ü#%.bin: Arrived"), "{states}");
    let title = web.place.root().file_name().expect("a name").to_str().expect("UTF-8");
    assert_eq!(*new, format!("large ü#%.bin{title}"));
    assert_eq!(*faults, Value::Array(Vec::new()));
    assert!(
        violations[0].as_str().is_some_and(|text| text.contains("Content Security Policy")),
        "{violations}"
    );
    // What the page's two buttons ask for.
    assert_eq!(web.get("/?zip=").expect(200).field("Content-Type"), Some("application/zip"));
    assert_eq!(web.get("/?tar=").expect(200).field("Content-Type"), Some("application/x-tar"));
    web.place.expect("large ü#%.bin", &large);
    web.place.expect("b2", b"content");
    web.place.expect("form 1.txt", b"by a form");
}

#[test]
fn chromium_uploads_folders() {
    if !is_slow_wanted("folders by drag and drop") {
        return;
    }
    let (web, outside) = (Web::storing(&["--max-size", "2MB"]), Place::new());
    let names =
        ["in/plain", "in/a b/c d", "in/größe/大", "in/semi;type=a", "in/a:b", "in/<i>&amp;", "in/50%"];
    for folder in ["in/a b", "in/größe", "in/empty"] {
        outside.folder(folder);
    }
    for name in names {
        outside.write(name, name.as_bytes());
    }
    outside.write("in/large", &payload(3_000_000));
    let steps = [
        "size 360",
        "goto URL/",
        "eval document.documentElement.scrollWidth",
        "drop OUT/in",
        ENDED,
        SAID,
        "faults",
        "goto URL/in/",
        NAMES,
        "eval document.querySelector('#left').hidden",
        // By keyboard: the way back, two archives, two buttons, three columns.
        "press Tab",
        "eval document.activeElement.textContent",
        "press Tab",
        "press Tab",
        "press Tab",
        "press Tab",
        "press Tab",
        "press Tab",
        "press Enter",
        "eval document.activeElement.textContent + document.querySelectorAll('th')[1].getAttribute('aria-sort')",
    ];
    let Some(values) = browse(&lines(&steps, &web, &outside)) else { return };
    let [width, said, faults, listed, is_left_hidden, back, sorted] = &values[..] else {
        panic!("{values:?}")
    };
    assert_eq!(*width, 360, "nothing is wider than the window");
    assert_eq!(*said, "7 of 8 files arrived. One did not: see below. Empty folders were not sent.");
    assert_eq!(*faults, Value::Array(Vec::new()));
    assert_eq!(*listed, "a b/,größe/,50%,<i>&amp;,a:b,plain,semi;type=a");
    assert_eq!((is_left_hidden, back), (&Value::Bool(true), &web_title(&web)));
    assert_eq!(*sorted, "Sizedescending");
    for name in names {
        web.place.expect(name, name.as_bytes());
    }
    assert!(fs::metadata(web.place.path("in/large")).is_err());
}

#[test]
fn chromium_resumes_after_a_reload_and_a_kill() {
    if !is_slow_wanted("uploads that are cut") {
        return;
    }
    let (web, outside) = (Web::storing(&["--limit-rate", "4MB"]), Place::new());
    let bytes = payload(24_000_000);
    outside.write("large", &bytes);
    let steps = [
        "goto URL/",
        "drop OUT/large",
        "until document.querySelector('#jobs progress').value > 0.3",
        // The page asks whether it may be left.
        "goto URL/",
        "until document.querySelector('#left').innerText.includes('% is there')",
        "eval document.querySelector('#left p').textContent",
        "eval document.querySelector('tbody')",
        "drop OUT/large",
        "until document.querySelector('#jobs progress').value > 0.6",
        "eval document.querySelector('#left').hidden",
        "kill",
        "goto URL/",
        "eval { const send = XMLHttpRequest.prototype.send; window.sent = []; XMLHttpRequest.prototype.send = \
         function (body) { sent.push(body.size); return send.call(this, body); } }",
        "drop OUT/large",
        ENDED,
        SAID,
        "eval sent.join()",
        "eval localStorage.getItem('sendall left /')",
        "faults",
    ];
    let Some(values) = browse(&lines(&steps, &web, &outside)) else { return };
    let [left, list, is_left_hidden, _, said, sent, remembered, faults] = &values[..] else {
        panic!("{values:?}")
    };
    assert_eq!(*left, "1 upload is not finished. Choose or drop the same again, and only the rest is sent.");
    assert_eq!((list, is_left_hidden), (&Value::Null, &Value::Bool(true)), "no name before it is whole");
    assert_eq!(*said, "The file has arrived.");
    // The last request: those before it were early if the server was still reading what the killed browser had sent.
    // What a browser calls sent may still be in the kernel's buffers, so how much was there is not known here.
    let last = sent.as_str().and_then(|sent| sent.rsplit(',').next()?.parse::<usize>().ok());
    assert!(last.is_some_and(|last| last < bytes.len()), "only the rest: {sent}");
    assert_eq!((remembered, faults), (&Value::Null, &Value::Array(Vec::new())));
    web.place.expect("large", &bytes);
    web.place.expect_names(&["large"]);
}

fn web_title(web: &Web) -> Value {
    Value::from(web.place.root().file_name().and_then(|name| name.to_str()))
}
