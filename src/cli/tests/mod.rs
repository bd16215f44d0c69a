//! Tests of the command line: every option of a command in every way to use the command.

mod connect;
mod download;
mod pinned;
mod pure;
mod serve;
mod upload;

/// Ways to use a command: the name and the groups of each, and the words that request it.
type Ways = [(&'static str, &'static [&'static str])];
/// Options, each with a value, and the names or groups of the ways that use it.
type Options = [(&'static str, &'static str)];

/// The name of a way, without its groups.
fn name(way: &'static str) -> &'static str {
    way.split_whitespace().next().unwrap_or(way)
}

/// Asserts that each option is accepted where it is used, and refused elsewhere.
fn assert_used_or_refused(options: &Options, ways: &Ways, is_taken: fn(&[&str], &str) -> bool) {
    for (options, used) in options {
        for (name, way) in ways {
            let is_used =
                used.split_whitespace().any(|used| name.split_whitespace().any(|name| name == used));
            assert_eq!(is_taken(way, options), is_used, "{options} with {name}");
        }
    }
}

/// Asserts that the tables have every option of the command.
fn assert_all_known(command: &clap::Command, options: &Options, ways: &Ways) {
    let is_known = |long: &str| {
        let is_it =
            |word: &str| word.strip_prefix("--").is_some_and(|word| word.split('=').next() == Some(long));
        options.iter().flat_map(|(options, _)| options.split_whitespace()).any(is_it)
            || ways.iter().flat_map(|(_, way)| way.iter().copied()).any(is_it)
    };
    for long in command.get_arguments().filter_map(clap::Arg::get_long) {
        assert!(is_known(long) || ["exec", "help"].contains(&long), "--{long}: where is it used?");
    }
}
