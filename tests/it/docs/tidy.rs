//! The rules of the source tree, as ARCHITECTURE.md states them.

use std::path::{Path, PathBuf};

const MOST_LINES: usize = 400;

/// A rule: in files below `within` (and not below `except`), none of `words` may stand.
struct Rule {
    why: &'static str,
    within: &'static [&'static str],
    except: &'static [&'static str],
    words: &'static [&'static str],
}

const RULES: &[Rule] = &[
    Rule {
        why: "proto knows no socket, file, clock or terminal",
        within: &["src/proto/"],
        except: &[],
        words: &[
            "std::net",
            "std::fs",
            "std::env",
            "std::process",
            "std::thread",
            "std::os",
            "mio",
            "socket2",
            "rustix",
            "Instant::now",
            "SystemTime::now",
            "println!",
            "eprintln!",
            "stderr()",
            "stdout()",
            "crate::net",
            "crate::store",
            "crate::report",
            "crate::commands",
            "crate::error",
            "crate::cli",
        ],
    },
    Rule {
        why: "net alone names sockets, readiness and signals (but for the wait of the one writer of standard streams)",
        within: &["src/"],
        except: &["src/net/", "src/report/output.rs"],
        words: &[
            "mio::",
            "socket2::",
            "quinn_udp::",
            "signal_hook",
            "rustix::net",
            "rustix::pipe",
            "rustix::event",
            "TcpStream",
            "TcpListener",
            "UnixListener",
            "UnixStream",
            "UdpSocket",
            "rustix::stdio",
            "ctor::",
            "uapi::",
        ],
    },
    Rule {
        why: "store alone opens, renames and removes files (a File that it has opened may be handed on)",
        within: &["src/"],
        except: &["src/store/", "src/net/"],
        words: &["File::", "OpenOptions", "rustix::fs", "fs::", "remove_file", "openat"],
    },
    Rule {
        why: "net touches no files but standard streams, /proc, /dev/tty, /etc/services and the names of Unix sockets",
        within: &["src/net/"],
        except: &[
            "src/net/bind.rs",
            "src/net/services.rs",
            "src/net/signals.rs",
            "src/net/stdio.rs",
            "src/net/zero_copy.rs",
        ],
        words: &["std::fs", "fs::File", "OpenOptions", "rustix::fs", "remove_file", "openat"],
    },
    Rule {
        why: "only report and main print",
        within: &["src/"],
        except: &["src/report/", "src/main.rs"],
        words: &["println!", "print!", "stderr()", "io::stdout", "dbg!", "indicatif"],
    },
    Rule {
        why: "the clock is read by the reactor, and passed down",
        within: &["src/"],
        except: &["src/net/reactor.rs"],
        words: &["Instant::now", "thread::sleep"],
    },
    Rule {
        why: "what time of day it is, one place asks",
        within: &["src/"],
        except: &["src/net/wall.rs"],
        words: &["SystemTime::now"],
    },
    Rule {
        why: "main -> cli -> commands: nothing below names what stands above",
        within: &["src/net/", "src/store/", "src/proto/", "src/report/", "src/error.rs", "src/commands/"],
        except: &[],
        words: &["crate::cli"],
    },
    Rule {
        why: "commands stand above net, store, report and error",
        within: &["src/net/", "src/store/", "src/proto/", "src/report/", "src/error.rs"],
        except: &[],
        words: &["crate::commands"],
    },
    Rule {
        why: "net -> proto's lane and delivery, and error",
        within: &["src/net/"],
        except: &[],
        words: &["crate::store", "crate::report"],
    },
    Rule {
        why: "store -> nothing",
        within: &["src/store/"],
        except: &[],
        words: &["crate::net", "crate::report", "crate::error", "crate::proto"],
    },
    Rule {
        why: "report -> error only",
        within: &["src/report/"],
        except: &[],
        words: &["crate::net", "crate::store", "crate::proto"],
    },
    Rule {
        why: "nothing is left to be written",
        within: &["src/", "tests/"],
        except: &["tests/it/tidy.rs"],
        words: &["todo!", "unimplemented!", "FIXME"],
    },
    Rule {
        why: "unsafe is forbidden: rustix and socket2 give safe forms",
        within: &["src/", "tests/"],
        except: &["tests/it/tidy.rs"],
        words: &["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "allow(unsafe_code)"],
    },
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below `folder`, as a path from the root.
fn sources(folder: &str) -> Vec<String> {
    let (mut found, mut folders) = (Vec::new(), vec![root().join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path: PathBuf = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let path = path.strip_prefix(root()).expect("below the root");
                found.push(path.to_str().expect("UTF-8").to_owned());
            }
        }
    }
    found.sort();
    assert!(!found.is_empty());
    found
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).expect(path)
}

fn is_test_file(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs")
}

/// How the tests of a file begin.
const TESTS: &str = "\nmod tests {\n";

/// The code without comments and without its tests, line by line, numbered from 1. Tests stand at a file's end.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let end = text.find(TESTS).unwrap_or(text.len());
    let lines = text[..end].lines().zip(1..);
    lines.map(|(line, number)| (number, line.split("//").next().unwrap_or(line)))
}

/// True if `word` stands in `line` and is not the end of a longer name.
fn stands_in(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

#[test]
fn every_folder_names_only_what_it_may() {
    let mut broken = Vec::new();
    for path in sources("src").into_iter().chain(sources("tests")) {
        let below = |folders: &[&str]| folders.iter().any(|folder| path.starts_with(folder));
        let rules = RULES.iter().filter(|rule| below(rule.within) && !below(rule.except));
        let rules: Vec<&Rule> =
            rules.filter(|_| !is_test_file(&path) || path.starts_with("tests/")).collect();
        let text = read(&path);
        for (number, line) in code(&text).filter(|(_, line)| line.trim() != "use std::fs::File;") {
            for rule in &rules {
                for word in rule.words.iter().filter(|word| stands_in(line, word)) {
                    broken.push(format!("{path}:{number}: '{word}': {}", rule.why));
                }
            }
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn net_names_nothing_of_proto_but_the_lane_and_what_is_known_of_delivery() {
    for path in sources("src/net") {
        let text = read(&path);
        for (number, line) in code(&text) {
            let others = line.match_indices("crate::proto::").any(|(at, name)| {
                let rest = &line[at + name.len()..];
                !rest.starts_with("lane") && !rest.starts_with("farewell::Delivery")
            });
            assert!(!others, "{path}:{number}: {line}");
        }
    }
}

#[test]
fn tests_stand_at_the_end_of_a_file() {
    for path in sources("src") {
        let text = read(&path);
        if let Some(at) = text.find(TESTS) {
            let tests = &text[at + TESTS.len()..];
            assert_eq!(
                tests.find("\n}\n"),
                Some(tests.len() - "\n}\n".len()),
                "{path}: code stands behind its tests"
            );
        }
    }
}

#[test]
fn no_file_is_longer_than_400_lines() {
    for path in sources("src").into_iter().chain(sources("tests")) {
        let count = read(&path).lines().count();
        assert!(count <= MOST_LINES, "{path} has {count} lines");
    }
}

#[test]
fn every_command_has_a_test_file() {
    for entry in std::fs::read_dir(root().join("src/commands")).expect("the commands") {
        let entry = entry.expect("an entry");
        let path = entry.path();
        // A folder with Args is a command: others hold what commands share.
        let module = path.join("mod.rs");
        if !std::fs::read_to_string(module).is_ok_and(|text| text.contains("#[derive(Args")) {
            continue;
        }
        let name = entry.file_name().into_string().expect("UTF-8");
        let test = root().join("tests/it").join(&name);
        assert!(test.with_extension("rs").is_file() || test.is_dir(), "tests/it/{name}.rs is missing");
    }
}

#[test]
fn every_module_begins_with_what_it_is() {
    for path in sources("src").into_iter().chain(sources("tests")) {
        assert!(read(&path).starts_with("//!"), "{path} does not say what it is");
    }
}

/// The names of a map: words that are no words of a language.
fn names(map: &str) -> impl Iterator<Item = &str> {
    map.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '.' | '/'))
        .map(|name| name.trim_end_matches('.').trim_start_matches('/'))
        .filter(|name| name.ends_with(".rs") || name.ends_with('/'))
}

#[test]
fn the_map_of_the_house_names_every_file_and_no_other() {
    let text = read("ARCHITECTURE.md");
    let from = text.find("## The house").expect("the map");
    let map = &text[from..from + text[from..].find("Arrows go one way").expect("its end")];
    let files: Vec<String> = ["src", "tests", "examples"].into_iter().flat_map(sources).collect();
    for file in files.iter().filter(|file| file.starts_with("src/") && !is_test_file(file)) {
        let folder = file.strip_suffix("mod.rs");
        let is_named = |name: &str| match folder {
            Some(folder) => name.ends_with('/') && format!("/{folder}").ends_with(&format!("/{name}")),
            None => format!("/{file}").ends_with(&format!("/{name}")),
        };
        assert!(names(map).any(is_named), "{file} is not in the map of ARCHITECTURE.md");
    }
    for name in names(map).filter(|name| name.ends_with(".rs")) {
        let name = format!("/{name}");
        assert!(files.iter().any(|file| format!("/{file}").ends_with(&name)), "{name} does not exist");
    }
}
