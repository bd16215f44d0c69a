//! A plan is made of the words alone: no file is looked at, opened or read.

use clap::Parser;

use crate::cli::connect::ConnectArgs;
use crate::cli::download::DownloadArgs;
use crate::cli::serve::ServeArgs;
use crate::cli::upload::UploadArgs;
use crate::error::Error;

#[derive(Parser)]
enum Line {
    Connect(Box<ConnectArgs>),
    Download(DownloadArgs),
    Serve(Box<ServeArgs>),
    Upload(UploadArgs),
}

fn plan(words: &str) -> Result<(), Error> {
    match Line::try_parse_from(["sendall"].into_iter().chain(words.split_whitespace())).expect(words) {
        Line::Connect(args) => args.plan().map(drop),
        Line::Download(args) => args.plan().map(drop),
        Line::Serve(args) => args.plan().map(drop),
        Line::Upload(args) => args.plan().map(drop),
    }
}

#[test]
fn files_that_do_not_exist_are_not_looked_at() {
    let passwords = "--proxy http://ann@a:1 --proxy-password-file /no/such/file";
    for words in [
        format!("connect b:1 {passwords}"),
        format!("connect --probe b:1-3 {passwords}"),
        format!("download b {passwords} -o /no/such/folder/x --digests /no/such/folder/y"),
        format!("upload /no/such/file b {passwords} --digests /no/such/folder/y"),
        "upload --wire text /no/such/file b".into(),
        "serve 0 --store /no/such/folder --digests /no/such/folder/y --allow @/no/such/file".into(),
        "serve 0 --share /no/such/folder".into(),
        "serve 0 --reply @/no/such/file --tee-in /no/such/folder/x".into(),
        "serve 0 --socks --socks-users /no/such/file --deny-target @/no/such/file".into(),
        "serve 0 --exec -- /no/such/program".into(),
    ] {
        let planned = plan(&words).map_err(|error| error.to_string());
        assert_eq!(planned, Ok(()), "{words}");
    }
}

#[test]
fn files_that_exist_are_not_looked_at() {
    for words in
        ["upload x Cargo.toml", "upload Cargo.toml b:1 src", "upload x src 7255", "serve --store / src"]
    {
        let planned = plan(words).map_err(|error| error.to_string());
        assert_eq!(planned, Ok(()), "{words}");
    }
}
