//! A small web server that does as it is told, also what no server should.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use crate::harness::LIMIT;

/// A request.
#[derive(Clone, Debug, Default)]
pub(super) struct Request {
    pub(super) target: String,
    /// The fields, with names in small letters.
    fields: Vec<(String, String)>,
}

impl Request {
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn path(&self) -> &str {
        self.target.split('?').next().expect("a path")
    }

    pub(super) fn is_for_tree(&self) -> bool {
        self.target.ends_with("?b3tree")
    }

    /// The first byte and the one after the last that are asked for, of `size` bytes.
    pub(super) fn range(&self, size: usize) -> Option<(usize, usize)> {
        let (first, last) = self.field("range")?.strip_prefix("bytes=")?.split_once('-')?;
        let end = last.parse::<usize>().map_or(size, |last| (last + 1).min(size));
        Some((first.parse().ok()?, end))
    }
}

type Handler = dyn Fn(&Request, &mut TcpStream) -> bool + Send + Sync;

/// A server with a thread for each connection. The handler returns whether the connection stays.
pub(super) struct Server {
    pub(super) port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub(super) fn new(handler: impl Fn(&Request, &mut TcpStream) -> bool + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
        let port = listener.local_addr().expect("an address").port();
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let (seen, handler): (_, Arc<Handler>) = (Arc::clone(&requests), Arc::new(handler));
        // It ends with the process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, handler) = (Arc::clone(&seen), Arc::clone(&handler));
                std::thread::spawn(move || serve(stream, &seen, &*handler));
            }
        });
        Server { port, requests }
    }

    /// A server of one file.
    pub(super) fn of(file: WebFile) -> Server {
        Server::new(move |request, stream| file.answer(request, stream))
    }

    /// A server with this answer to everything, after which it ends the connection.
    pub(super) fn saying(answer: impl Into<Vec<u8>>) -> Server {
        let answer = answer.into();
        Server::new(move |_, stream| {
            let _ = stream.write_all(&answer);
            false
        })
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    /// The requests for the content so far.
    pub(super) fn requests(&self) -> Vec<Request> {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.iter().filter(|request| !request.is_for_tree()).cloned().collect()
    }
}

fn serve(stream: TcpStream, seen: &Mutex<Vec<Request>>, handler: &Handler) {
    let mut reader = BufReader::new(stream.try_clone().expect("a descriptor"));
    let mut stream = stream;
    loop {
        let (mut request, mut line) = (Request::default(), String::new());
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        request.target = line.split(' ').nth(1).unwrap_or_default().to_owned();
        loop {
            line.clear();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            match line.trim_end().split_once(": ") {
                Some((name, value)) => request.fields.push((name.to_ascii_lowercase(), value.to_owned())),
                None => break,
            }
        }
        seen.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
        if !handler(&request, &mut stream) {
            // What the client still sends must not become a reset.
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = std::io::copy(&mut reader.by_ref().take(1 << 20), &mut std::io::sink());
            return;
        }
    }
}

/// Two servers, of which the first answers for content only after the second has done so.
pub(super) fn one_after_the_other(first: WebFile, second: WebFile) -> (Server, Server) {
    let (sender, receiver) = std::sync::mpsc::channel();
    let (sender, receiver) = (Mutex::new(sender), Mutex::new(receiver));
    let second = Server::new(move |request, stream| {
        let stays = second.answer(request, stream);
        if !request.is_for_tree() {
            let _ = sender.lock().unwrap_or_else(PoisonError::into_inner).send(());
        }
        stays
    });
    let has_waited = std::sync::atomic::AtomicBool::new(false);
    let first = Server::new(move |request, stream| {
        if !request.is_for_tree() && !has_waited.swap(true, std::sync::atomic::Ordering::SeqCst) {
            let _ = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(LIMIT);
        }
        first.answer(request, stream)
    });
    (first, second)
}

/// A file, and what its server can do.
#[derive(Clone, Default)]
pub(super) struct WebFile {
    pub(super) content: Vec<u8>,
    pub(super) etag: Option<&'static str>,
    pub(super) has_ranges: bool,
    /// What `?b3tree` answers; without it, the file.
    pub(super) tree: Option<String>,
    /// Bodies are cut after so many bytes.
    pub(super) cut_at: Option<usize>,
    /// Bodies come in chunks.
    pub(super) is_chunked: bool,
    /// The byte that is another than it should be.
    pub(super) wrong_at: Option<usize>,
}

impl WebFile {
    pub(super) fn new(content: &[u8]) -> WebFile {
        WebFile { content: content.to_vec(), ..WebFile::default() }
    }

    /// With ranges and this entity tag.
    pub(super) fn tagged(content: &[u8], etag: &'static str) -> WebFile {
        WebFile { etag: Some(etag), has_ranges: true, ..WebFile::new(content) }
    }

    /// With ranges and `?b3tree`.
    pub(super) fn with_tree(content: &[u8]) -> WebFile {
        WebFile { tree: Some(tree_of(content)), has_ranges: true, ..WebFile::new(content) }
    }

    pub(super) fn answer(&self, request: &Request, stream: &mut TcpStream) -> bool {
        if let (true, Some(tree)) = (request.is_for_tree(), &self.tree) {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", tree.len());
            return stream.write_all(&[head.as_bytes(), tree.as_bytes()].concat()).is_ok();
        }
        let size = self.content.len();
        let tag = self.etag.map(|tag| format!("ETag: {tag}\r\n")).unwrap_or_default();
        let is_same = request.field("if-range").is_none_or(|tag| Some(tag) == self.etag);
        let range = request.range(size).filter(|_| self.has_ranges && is_same);
        let mut content = self.content.clone();
        if let Some(at) = self.wrong_at {
            content[at] ^= 1;
        }
        let (first, end) = range.unwrap_or((0, size));
        if first >= size && range.is_some() {
            let head =
                format!("HTTP/1.1 416 R\r\nContent-Range: bytes */{size}\r\nContent-Length: 0\r\n\r\n");
            return stream.write_all(head.as_bytes()).is_ok();
        }
        let body = &content[first..end];
        let range = match range {
            Some(_) => format!("206 P\r\nContent-Range: bytes {first}-{}/{size}", end - 1),
            None => "200 OK".into(),
        };
        let length = match self.is_chunked {
            true => "Transfer-Encoding: chunked".into(),
            false => format!("Content-Length: {}", body.len()),
        };
        let modified = "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT";
        let mut bytes = format!("HTTP/1.1 {range}\r\n{length}\r\n{tag}{modified}\r\n\r\n").into_bytes();
        if self.is_chunked {
            for chunk in body.chunks(100_000) {
                bytes.extend(format!("{:x};x=y\r\n", chunk.len()).into_bytes());
                bytes.extend_from_slice(chunk);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"0\r\nTrailer: x\r\n\r\n");
        } else {
            bytes.extend_from_slice(body);
        }
        // The question for a tree is answered as it is.
        match self.cut_at.filter(|_| !request.is_for_tree()) {
            Some(at) => {
                let _ = stream.write_all(&bytes[..at.min(bytes.len())]);
                false
            }
            None => stream.write_all(&bytes).is_ok(),
        }
    }
}

const BLOCK_BYTES: usize = 4 << 20;

/// The answer to `?b3tree`, written from its description alone.
pub(super) fn tree_of(content: &[u8]) -> String {
    use blake3::hazmat::HasherExt;
    let mut text = format!("b3tree 1 {BLOCK_BYTES} {} {}\n", content.len(), blake3::hash(content));
    if content.len() > BLOCK_BYTES {
        for (index, block) in content.chunks(BLOCK_BYTES).enumerate() {
            let mut hasher = blake3::Hasher::new();
            hasher.set_input_offset((index * BLOCK_BYTES) as u64);
            let value = blake3::Hash::from(hasher.update(block).finalize_non_root());
            text += &format!("{value}\n");
        }
    }
    text
}
