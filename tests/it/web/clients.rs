//! Programs that people have: they resume downloads, and mirror folders by the links of the page.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::Web;
use crate::harness::others::installed;
use crate::harness::skips::skip;
use crate::harness::{LIMIT, payload, wait_until};
use crate::transfer::xfer::{Place, is_slow_wanted};

/// The output of a program that has ended well, in a folder; `None` if it is not installed.
#[track_caller]
fn run(program: &str, args: &[&str], folder: &Place) -> Option<String> {
    let path = installed(program)?;
    let mut command = Command::new(path);
    // Nothing of the machine's own settings.
    command.args(args).current_dir(folder.root()).env("HOME", folder.root()).stdin(Stdio::null());
    for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env_remove(name);
    }
    let output = command.output().expect("started");
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {} {text}", output.status);
    Some(text)
}

/// A folder with names that need escapes, and this many plain files in folders below it.
fn tree(count: usize) -> Place {
    let place = if count > 1000 { Place::in_memory() } else { Place::new() };
    for name in [
        "plain.txt",
        "a b.txt",
        "größe.bin",
        "#hash",
        "50%.txt",
        "a&b;c=d'e.txt",
        "q?x=1.bin",
        "page.html",
        "a+b",
        "x~",
        "[1]",
        ".hidden",
        "colon:name",
        "*star",
    ] {
        place.write(name, name.as_bytes());
    }
    place.write("empty", b"");
    place.write("large", &payload(300_000));
    for number in 0..count {
        if number % 100 == 0 {
            place.folder(&format!("f {number}/in"));
        }
        place.write(&format!("f {}/in/{number}", number / 100 * 100), format!("file {number}").as_bytes());
    }
    fs::File::open(place.path("large")).and_then(|file| file.set_modified(old_time())).expect("an old time");
    place
}

fn old_time() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_000_000_000)
}

/// The paths of all files below a folder, and their contents.
fn files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let content = fs::read(&path).expect("a file");
                    found.insert(path.strip_prefix(root).expect("below").to_owned(), content);
                }
            }
        }
    }
    found
}

#[track_caller]
fn expect_same(copy: &Path, original: &Place) {
    let (copy, original) = (files(copy), files(original.root()));
    let differs = |path: &&PathBuf| copy.get(*path) != original.get(*path);
    let different: BTreeSet<_> = original.keys().chain(copy.keys()).filter(differs).collect();
    assert!(different.is_empty(), "{different:?}");
}

#[test]
fn rclone_copies_a_folder() {
    rclone(300);
}

#[test]
fn rclone_copies_ten_thousand_files() {
    if is_slow_wanted("rclone with 10000 files") {
        rclone(10_000);
    }
}

fn rclone(count: usize) {
    // It asks for the sizes of eight files in each of eight folders at once.
    let web = Web::start(tree(count), &["--share"], &["--max-per-source", "100"]);
    let here = if count > 1000 { Place::in_memory() } else { Place::new() };
    let url = web.url("/");
    let is_settled = || web.ask("HEAD", "/large", &[]).field("Last-Modified").is_some();
    assert!(count < 1000 || wait_until(LIMIT, is_settled), "a time");
    let args = ["copy", ":http:", "copy", "--http-url", &url, "--transfers", "8", "--checkers", "8", "-q"];
    if run("rclone", &args, &here).is_none() {
        return;
    }
    expect_same(&here.path("copy"), &web.place);
    if count > 1000 {
        let modified = here.path("copy/large").metadata().and_then(|meta| meta.modified()).expect("a time");
        assert_eq!(modified, old_time());
    }
}

#[test]
fn wget_and_lftp_mirror_a_folder() {
    let web = Web::start(tree(20), &["--share"], &[]);
    let here = Place::new();
    let url = web.url("/");
    let args = ["-q", "-r", "-np", "-nH", "-P", "wget", "--restrict-file-names=unix,nocontrol", &url];
    if run("wget", &args, &here).is_some() {
        // It keeps the pages, too.
        for folder in ["", "f 0/", "f 0/in/"] {
            let page = here.path(format!("wget/{folder}index.html"));
            assert!(fs::read_to_string(&page).expect("a page").contains("<!doctype html>"));
            fs::remove_file(page).expect("removed");
        }
        expect_same(&here.path("wget"), &web.place);
    }
    let script = format!("set net:max-retries 1; set cmd:fail-exit true; mirror --parallel=4 {url} lftp");
    if run("lftp", &["-c", &script], &here).is_some() {
        expect_same(&here.path("lftp"), &web.place);
    }
}

/// The size of the file that is fetched in parts.
const SIZE_BYTES: usize = 9 << 20;

/// A server with a large file, and a place that has the beginning of it.
fn interrupted() -> (Web, Place, Vec<u8>) {
    let (web, here, content) = (Web::sharing(&["--log", "json"]), Place::new(), payload(SIZE_BYTES));
    web.place.write("large", &content);
    here.write("large", &content[..4_000_000]);
    (web, here, content)
}

/// The lines of the access log about a file, when they are about so many bytes.
#[track_caller]
fn logged(web: &Web, target: &str, sent_bytes: u64) -> Vec<Value> {
    let output = web.server.output.as_ref().expect("collected");
    let mut lines = Vec::new();
    let is_there = || {
        let text = String::from_utf8(output.bytes()).expect("UTF-8");
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let all = whole.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        lines = all.filter(|line| line["target"] == target).collect();
        lines.iter().filter_map(|line| line["bytes"].as_u64()).sum::<u64>() >= sent_bytes
    };
    assert!(wait_until(LIMIT, is_there), "{lines:?}");
    lines
}

#[test]
fn curl_and_wget_continue_a_download() {
    for (program, args) in [
        ("curl", &["-fsS", "-C", "-", "-o", "large"][..]),
        ("curl", &["-fsS", "-C", "-", "-O", "--compressed", "-R"]),
        ("wget", &["-q", "-c"]),
    ] {
        let (web, here, content) = interrupted();
        let url = web.url("/large");
        if run(program, &[args, &[&url]].concat(), &here).is_none() {
            continue;
        }
        here.expect("large", &content);
        let rest = SIZE_BYTES as u64 - 4_000_000;
        let lines = logged(&web, "/large", rest);
        assert!(lines.len() == 1 && lines[0]["bytes"] == rest, "{program}: {lines:?}");
        // It is whole: the same again changes nothing.
        if program == "wget" {
            run(program, &[args, &[&url]].concat(), &here);
            here.expect("large", &content);
        }
    }
}

#[test]
fn aria2c_fetches_a_file_over_many_connections() {
    let (web, here, content) = interrupted();
    let url = web.url("/large");
    let args = ["-q", "-x16", "-s16", "-k1M", "--no-conf", "--file-allocation=none", "-o", "new", &url];
    if run("aria2c", &args, &here).is_some() {
        here.expect("new", &content);
        let lines = logged(&web, "/large", SIZE_BYTES as u64);
        assert!(lines.iter().filter(|line| line["status"] == 206).count() >= 8, "{lines:?}");
    }
}

#[test]
fn python_reads_files_and_listings() {
    let web = Web::start(tree(3), &["--share"], &[]);
    let script = "
import http.client, json, sys, urllib.parse, urllib.request
host, = sys.argv[1:]
c = http.client.HTTPConnection(host, timeout=20)
def ask(path, method='GET', **fields):
    c.request(method, path, headers={k.replace('_', '-'): v for k, v in fields.items()})
    r = c.getresponse()
    return r, r.read()
def fields(r): return {k: v for k, v in r.headers.items() if k != 'Date'}
seen = 0
for line in ask('/?json')[1].splitlines():
    entry = json.loads(line)
    if entry['kind'] != 'file': continue
    r, body = ask('/' + entry['href'])
    assert r.status == 200 and len(body) == entry['size'] == int(r.headers['Content-Length']), entry
    if body and entry['name'] != 'large': assert body.decode() == entry['name'], entry
    h, none = ask('/' + entry['href'], 'HEAD')
    # In between it may have become old enough for a tag.
    assert none == b'' and ('ETag' in h.headers or fields(h) == fields(r)), entry
    seen += 1
assert seen == 16, seen
assert ask('/large', Range='bytes=-5')[1] == ask('/large')[1][-5:]
assert urllib.request.urlopen('http://' + host + '/f%200').geturl().endswith('/f%200/')
try:
    import requests
except ImportError:
    print('no requests')
    sys.exit()
s = requests.Session()
s.trust_env = False
r = s.get('http://' + host + '/large', stream=True)
assert sum(map(len, r.iter_content(1000))) == 300000
r = s.get('http://' + host + '/f 0')
assert r.status_code == 200 and [p.status_code for p in r.history] == [301]
assert s.get('http://' + host + '/none').status_code == 404
print('ok')
";
    if let Some(text) = run("python3", &["-c", script, &format!("127.0.0.1:{}", web.port)], &Place::new()) {
        if text == "no requests\n" {
            return skip("the package requests is not installed for Python");
        }
        assert_eq!(text, "ok\n");
    }
}
