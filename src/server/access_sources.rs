//! Access rules as they are typed: networks, names, and files of them.

use std::path::Path;

use super::option_files::bytes_of;
use crate::error::{Error, Exit};
use crate::net::access::{Access, Rule};

/// The access rules as the user typed them: networks, names, and names of files.
#[derive(Clone, Debug, Default)]
pub(crate) struct AccessSources {
    /// The only permitted clients, if there are any rules here.
    pub(crate) allow: Vec<String>,
    /// Rejected clients.
    pub(crate) deny: Vec<String>,
}

impl AccessSources {
    /// Reads the files and resolves the names. Blocks.
    pub(crate) fn load(&self) -> Result<Access, Error> {
        let (allowed, denied) = (rules(&self.allow, "--allow")?, rules(&self.deny, "--deny")?);
        Access::new((!self.allow.is_empty()).then_some(&allowed[..]), &denied)
            .map_err(|text| Error::new(Exit::NoConnection, format!("--allow or --deny: {text}")))
    }

    /// True if loading again may give other rules: if there are files or names.
    pub(crate) fn can_change(&self) -> bool {
        let may_change =
            |word: &String| word.starts_with('@') || matches!(Rule::parse(word), Ok(Rule::Host(_)));
        self.allow.iter().chain(&self.deny).any(may_change)
    }
}

/// Parses rules and the files that `@FILE` names, for the option of this name.
pub(crate) fn rules(words: &[String], option: &str) -> Result<Vec<Rule>, Error> {
    let usage = |hint| Error::new(Exit::Usage, format!("{option}: {hint}"));
    let mut rules = Vec::new();
    for word in words {
        let Some(path) = word.strip_prefix('@') else {
            rules.push(Rule::parse(word).map_err(usage)?);
            continue;
        };
        let bytes = bytes_of(Path::new(path), option)?;
        for (line, number) in String::from_utf8_lossy(&bytes).lines().zip(1..) {
            let word = line.split('#').next().unwrap_or(line).trim();
            if !word.is_empty() {
                let rule = Rule::parse(word).map_err(|hint| usage(format!("{path}:{number}: {hint}")))?;
                rules.push(rule);
            }
        }
    }
    Ok(rules)
}
