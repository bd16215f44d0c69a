//! `may_minihttp PORT`: the answer "Hello, World" by may_minihttp, on one worker.

use std::error::Error;

use may_minihttp::{HttpServer, HttpService, Request, Response};

#[derive(Clone)]
struct Greeting;

impl HttpService for Greeting {
    fn call(&mut self, _: Request, response: &mut Response) -> std::io::Result<()> {
        response.header("Content-Type: text/plain");
        response.body("Hello, World");
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let port: u16 = std::env::args().nth(1).ok_or("usage: may_minihttp PORT")?.parse()?;
    may::config().set_workers(1);
    let server = HttpServer(Greeting).start(("127.0.0.1", port))?;
    server.join().map_err(|_| "the server has failed".into())
}
