//! What a process has said so far.

use std::io::Read;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// The bytes of a stream so far, collected by a thread.
#[derive(Clone)]
pub(crate) struct Collector(Arc<(Mutex<Collected>, Condvar)>);

#[derive(Default)]
struct Collected {
    bytes: Vec<u8>,
    ended: bool,
}

impl Collector {
    pub(crate) fn new(mut source: impl Read + Send + 'static) -> Collector {
        let shared = Arc::new((Mutex::<Collected>::default(), Condvar::new()));
        let collector = Collector(Arc::clone(&shared));
        std::thread::spawn(move || {
            let mut buffer = vec![0; 64 << 10];
            loop {
                let count = source.read(&mut buffer).unwrap_or(0);
                let mut collected = shared.0.lock().expect("a lock");
                collected.bytes.extend_from_slice(&buffer[..count]);
                collected.ended = count == 0;
                shared.1.notify_all();
                if collected.ended {
                    return;
                }
            }
        });
        collector
    }

    /// Waits until `is_enough`, which sees the bytes and whether they have ended.
    pub(crate) fn wait(&self, limit: Duration, is_enough: impl Fn(&[u8], bool) -> bool) -> bool {
        let guard = self.0.0.lock().expect("a lock");
        let missing = |state: &mut Collected| !is_enough(&state.bytes, state.ended);
        let (_guard, timeout) = self.0.1.wait_timeout_while(guard, limit, missing).expect("a lock");
        !timeout.timed_out()
    }

    /// A copy of the bytes so far.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.0.lock().expect("a lock").bytes.clone()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }
}
