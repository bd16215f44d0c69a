//! The offers of the completions, in the shells that are installed.

use std::process::Command;

/// The words that a shell's script prints. `None`, and a line, if there is no such shell.
fn offered(shell: &str, script: &str) -> Option<Vec<String>> {
    let run = Command::new(shell).args(["-c", script]).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let Ok(output) = run else {
        let must_run = std::env::var_os("SENDALL_MUST_RUN").is_some_and(|value| value == "1");
        assert!(!must_run, "SENDALL_MUST_RUN=1, but {shell} is not installed");
        println!("skipped: {shell} is not installed");
        return None;
    };
    assert!(output.status.success(), "{shell}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap().split_whitespace().map(str::to_owned).collect())
}

fn in_bash(words: &[&str]) -> Option<Vec<String>> {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let last = words.len() - 1;
    let script = format!(
        "source completions/sendall.bash; COMP_WORDS=({}); COMP_CWORD={last}; \
         _sendall sendall {} {}; echo \"${{COMPREPLY[@]}}\"",
        quoted.join(" "),
        quoted[last],
        quoted[last - 1],
    );
    offered("bash", &script)
}

#[test]
fn bash_leaves_arguments_to_files_and_offers_options_after_a_dash() {
    for words in [
        &["sendall", "upload", ""][..],
        &["sendall", "upload", "f", ""],
        &["sendall", "connect", "unix", ":", ""],
    ] {
        let Some(offered) = in_bash(words) else { return };
        assert_eq!(offered, [""; 0], "{words:?}");
    }
    for (words, due) in [
        (&["sendall", ""][..], "upload"),
        (&["sendall", "up"], "upload"),
        (&["sendall", "upload", "--fo"], "--force"),
        (&["sendall", "help", ""], "serve"),
    ] {
        let offered = in_bash(words).unwrap();
        assert!(offered.iter().any(|word| word == due), "{words:?}: {offered:?}");
    }
}

#[test]
fn fish_offers_commands_after_help_and_no_files() {
    let script = "source completions/sendall.fish; complete -C 'sendall help '";
    let Some(offered) = offered("fish", script) else { return };
    assert!(offered.iter().any(|word| word == "serve"), "{offered:?}");
    assert!(!offered.iter().any(|word| word.starts_with("Cargo.")), "{offered:?}");
}
