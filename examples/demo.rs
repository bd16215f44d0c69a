//! A real upload between two processes on this machine: `cargo run --release --example demo`.
//!
//! Starts `sendall serve --store FOLDER --once 0` and uploads a file of 256 MiB to it. What both print is shown, the
//! progress bar too if this runs on a terminal. Exits with the first code that is not 0.
//!
//! The two are this program again: with arguments it is `sendall`, so that nothing has to be built a second time.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};

const SIZE_BYTES: u64 = 256 << 20;

#[path = "../src/main.rs"]
mod program;

fn main() -> ExitCode {
    if std::env::args_os().len() > 1 {
        return program::main();
    }
    // ^C reaches the two processes too: they stop, and this one removes the folder.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::default());
    match demo() {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn demo() -> Result<u8> {
    let sendall = std::env::current_exe()?;
    let folder = tempfile::tempdir_in(sendall.parent().unwrap_or(Path::new(".")))?;
    let (sent, inbox) = (folder.path().join("256MiB.bin"), folder.path().join("inbox"));
    std::fs::create_dir(&inbox)?;
    generate(&sent).context("cannot write the file to be sent")?;

    println!("$ sendall serve --store inbox --once 0 &");
    let server = Command::new(&sendall)
        .args(["serve", "--store"])
        .arg(&inbox)
        .args(["--once", "0"])
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start the server")?;
    let mut server = Server(server);
    let mut log = BufReader::new(server.0.stderr.take().context("the server has no stderr")?);
    let mut line = String::new();
    log.read_line(&mut line)?;
    print!("{line}");
    let Some(address) = line.trim_end().strip_prefix("listening on ") else {
        bail!("the server does not listen");
    };

    println!("$ sendall upload 256MiB.bin {address}");
    let upload = Command::new(&sendall).arg("upload").arg(&sent).arg(address).status()?;
    let mut rest = String::new();
    if !upload.success() {
        // A server that never had a client would wait for one.
        server.0.kill()?;
    }
    log.read_to_string(&mut rest)?;
    let served = server.0.wait()?;
    println!("$ # the server's side:\n{}", rest.trim_end());
    println!("$ # exit codes: upload {}, serve {}", code(upload), code(served));
    if !upload.success() || !served.success() {
        return Ok(if upload.success() { code(served) } else { code(upload) });
    }
    ensure!(same(&sent, &inbox.join("256MiB.bin"))?, "the files differ, and both exit codes said otherwise");
    println!("$ # the bytes have been compared: they are the same");
    Ok(0)
}

/// Bytes that no compression on the way could make fewer of: BLAKE3's output stream.
fn generate(path: &Path) -> Result<()> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let stream = blake3::Hasher::new().update(b"sendall demo").finalize_xof();
    std::io::copy(&mut stream.take(SIZE_BYTES), &mut file)?;
    Ok(file.flush()?)
}

fn same(one: &Path, other: &Path) -> Result<bool> {
    let digest = |path| -> Result<blake3::Hash> {
        let mut hasher = blake3::Hasher::new();
        std::io::copy(&mut File::open(path)?, &mut hasher)?;
        Ok(hasher.finalize())
    };
    Ok(digest(one)? == digest(other)?)
}

/// As the shell tells it.
fn code(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt;
    let signal = status.signal().map(|signal| 128 + signal);
    status.code().or(signal).and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// Does not outlive this process' interest in it.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended, as a rule.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
