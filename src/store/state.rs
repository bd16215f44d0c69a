//! Where the files of this user's keys are, by the environment.

use std::env::var_os;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The variables that say where keys are; unset and empty ones are alike.
#[derive(Debug, Clone, Default)]
pub struct StatePlaces {
    /// `SENDALL_KEY`: the file of the key.
    pub sendall_key: Option<OsString>,
    /// `STATE_DIRECTORY`: set by systemd (`StateDirectory=`, systemd.exec(5)). Of several folders the first counts.
    pub state_directory: Option<OsString>,
    /// `XDG_STATE_HOME`, of the XDG Base Directory Specification.
    pub xdg_state_home: Option<OsString>,
    /// `HOME`.
    pub home: Option<OsString>,
}

/// The file of the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPlace {
    /// Its path.
    pub path: PathBuf,
    /// The user has named it: where it cannot be made, another key will not do.
    pub is_explicit: bool,
}

impl StatePlaces {
    /// What the environment of this process says.
    pub fn of_this_process() -> StatePlaces {
        StatePlaces {
            sendall_key: var_os("SENDALL_KEY"),
            state_directory: var_os("STATE_DIRECTORY"),
            xdg_state_home: var_os("XDG_STATE_HOME"),
            home: var_os("HOME"),
        }
    }

    /// The file of the key: `option`, else `SENDALL_KEY`, else `key` in the [folder](Self::folder). `None`: nowhere.
    pub fn key(&self, option: Option<&Path>) -> Option<KeyPlace> {
        let named = option.map(Path::to_owned).or_else(|| filled(&self.sendall_key).map(PathBuf::from));
        match named {
            Some(path) => Some(KeyPlace { path, is_explicit: true }),
            None => Some(KeyPlace { path: self.folder()?.join("key"), is_explicit: false }),
        }
    }

    /// The file of the known hosts: `known` in the [folder](Self::folder). `None`: nowhere.
    pub fn known(&self) -> Option<PathBuf> {
        Some(self.folder()?.join("known"))
    }

    /// The folder of this program's state: `STATE_DIRECTORY`, else `sendall` in `XDG_STATE_HOME`, else in `~/.local/state`.
    /// A relative path in a variable is ignored, as the specification of the XDG folders asks.
    pub fn folder(&self) -> Option<PathBuf> {
        let absolute =
            |value: &Option<OsString>| filled(value).map(PathBuf::from).filter(|path| path.is_absolute());
        let first = filled(&self.state_directory).and_then(|value| std::env::split_paths(value).next());
        let state_home = || absolute(&self.xdg_state_home);
        let below_home = || Some(absolute(&self.home)?.join(".local/state"));
        first
            .filter(|path| path.is_absolute())
            .or_else(|| Some(state_home().or_else(below_home)?.join("sendall")))
    }
}

fn filled(value: &Option<OsString>) -> Option<&OsString> {
    value.as_ref().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(values: [&str; 4]) -> StatePlaces {
        let [sendall_key, state_directory, xdg_state_home, home] =
            values.map(|value| (value != "-").then(|| value.into()));
        StatePlaces { sendall_key, state_directory, xdg_state_home, home }
    }

    #[test]
    fn the_first_variable_that_is_set_counts() {
        for (values, key, known) in [
            (["-", "-", "-", "-"], None, None),
            (["", "", "", ""], None, None),
            (
                ["-", "-", "-", "/h"],
                Some("/h/.local/state/sendall/key"),
                Some("/h/.local/state/sendall/known"),
            ),
            (["-", "-", "/x", "/h"], Some("/x/sendall/key"), Some("/x/sendall/known")),
            (["", "", "/x", "-"], Some("/x/sendall/key"), Some("/x/sendall/known")),
            (["-", "/s:/t", "/x", "/h"], Some("/s/key"), Some("/s/known")),
            (
                ["-", "s", "x", "/h"],
                Some("/h/.local/state/sendall/key"),
                Some("/h/.local/state/sendall/known"),
            ),
            (["-", "-", "-", "h"], None, None),
        ] {
            let places = places(values);
            let expected = key.map(|path| KeyPlace { path: path.into(), is_explicit: false });
            assert_eq!(places.key(None), expected, "{values:?}");
            assert_eq!(places.known(), known.map(PathBuf::from), "{values:?}");
        }
    }

    #[test]
    fn a_key_that_is_named_is_that_one() {
        let named = |path: &str| Some(KeyPlace { path: path.into(), is_explicit: true });
        let places = places(["k", "/s", "/x", "/h"]);
        assert_eq!(places.key(None), named("k"));
        assert_eq!(places.key(Some(Path::new("o"))), named("o"));
        assert_eq!(places.known(), Some("/s/known".into()));
        assert_eq!(StatePlaces::default().key(Some(Path::new("o"))), named("o"));
    }
}
