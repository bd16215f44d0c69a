//! A line split into the words of a program and its arguments, as a shell would, without running one.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// Characters that mean something to a shell, and would be mere arguments here.
const OF_A_SHELL: &[u8] = b"|&;<>()$`*?[#~\n";

/// Splits `line` at blanks. `'...'`, `"..."` and `\` quote as in sh(1); nothing is expanded.
///
/// # Errors
/// A quote without its end, nothing at all, or what only a shell can do. The error says what to type instead.
pub(crate) fn split(line: &std::ffi::OsStr) -> Result<Vec<OsString>, String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<Vec<u8>>, None);
    let mut bytes = line.as_bytes().iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match (byte, quote) {
            (_, Some(open)) if byte == open => quote = None,
            (b'\\', None | Some(b'"')) => {
                let Some(next) = bytes.next() else { return Err("it ends with a backslash".to_owned()) };
                let word = word.get_or_insert_default();
                // In double quotes it quotes these only.
                if quote.is_some() && !b"\"\\$`".contains(&next) {
                    word.push(b'\\');
                }
                word.push(next);
            }
            (b'$' | b'`', Some(b'"')) => return Err(for_a_shell(byte)),
            (_, Some(_)) => word.get_or_insert_default().push(byte),
            (b'\'' | b'"', None) => {
                quote = Some(byte);
                word.get_or_insert_default();
            }
            (b' ' | b'\t', None) => words.extend(word.take()),
            // In the middle of a word they mean themselves.
            (b'#' | b'~', None) if word.is_some() => word.get_or_insert_default().push(byte),
            (_, None) if OF_A_SHELL.contains(&byte) => return Err(for_a_shell(byte)),
            (_, None) => word.get_or_insert_default().push(byte),
        }
    }
    if let Some(open) = quote {
        return Err(format!("a {} has no end", open as char));
    }
    words.extend(word);
    if words.first().is_none_or(Vec::is_empty) {
        return Err("it names no program".to_owned());
    }
    Ok(words.into_iter().map(OsString::from_vec).collect())
}

fn for_a_shell(byte: u8) -> String {
    let shown = (byte as char).escape_default();
    format!("no shell runs it, and {shown} means nothing here: quote it, or type sh -c 'LINE'")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    #[test]
    fn words_are_split_as_by_a_shell() {
        for (line, due) in [
            ("docker exec -i c sendall", &["docker", "exec", "-i", "c", "sendall"][..]),
            ("  a \t b  ", &["a", "b"]),
            ("sh -c 'a | b \"c\" $d'", &["sh", "-c", "a | b \"c\" $d"]),
            ("a\"b c\"'d e'f\\ g", &["ab cd ef g"]),
            ("a \"\" ''", &["a", "", ""]),
            (r#"a "\"\\\x\$" \$x"#, &["a", r#""\\x$"#, "$x"]),
            ("a b#c d~e x=~", &["a", "b#c", "d~e", "x=~"]),
            ("'*' \\* '#'", &["*", "*", "#"]),
        ] {
            let due: Vec<OsString> = due.iter().map(OsString::from).collect();
            assert_eq!(split(OsStr::new(line)), Ok(due), "{line}");
        }
        for (line, hint) in [
            ("", "no program"),
            (" ", "no program"),
            ("''", "no program"),
            ("a 'b", "a ' has no end"),
            ("a \"b", "a \" has no end"),
            ("a \\", "backslash"),
            ("a | b", "sh -c 'LINE'"),
            ("a >b", "sh -c 'LINE'"),
            ("a $b", "sh -c 'LINE'"),
            ("a \"$b\"", "sh -c 'LINE'"),
            ("a `b`", "sh -c 'LINE'"),
            ("~/bin/x", "sh -c 'LINE'"),
            ("a *", "sh -c 'LINE'"),
            ("a\nb", "sh -c 'LINE'"),
        ] {
            let error = split(OsStr::new(line)).expect_err(line);
            assert!(error.contains(hint), "{line}: {error}");
        }
    }
}
