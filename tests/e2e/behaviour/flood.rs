//! More work than the threads can do, kept up for as long as a test needs it.

use crate::overload::{answer, request};
use e2e::{Client, Server, Site};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

/// A site with a file that takes long to send.
pub fn site() -> Site {
    Site::new().sparse("huge.bin", 1 << 30)
}

/// Clients that download huge.bin as fast as they are served. Each time one has emptied its socket the response must
/// go on, for which it needs a thread: with more clients than threads and places in the queue, the queue is full
/// nearly all the time.
pub struct Flood {
    over: Arc<AtomicBool>,
    refused: Arc<AtomicU64>,
    clients: Vec<JoinHandle<()>>,
}

impl Flood {
    /// Begins, and returns when every client is downloading.
    pub fn begin(server: &Server) -> Flood {
        let (over, refused) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let clients = (0..4).map(|_| {
            let mut client = admitted(server, &refused);
            let over = over.clone();
            thread::spawn(move || while !over.load(Ordering::Relaxed) && !client.take(1 << 20).is_empty() {})
        });
        let clients = clients.collect();
        Flood { over, refused, clients }
    }

    /// Ends it. Returns how many of its requests were refused.
    pub fn end(mut self) -> u64 {
        self.stop();
        self.refused.load(Ordering::Relaxed)
    }

    fn stop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for client in self.clients.drain(..) {
            // One that failed has said why, and its test looks at what the server says.
            let _ = client.join();
        }
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A client whose download has begun. The queue may be full already, so it tries again when it is refused.
fn admitted(server: &Server, refused: &AtomicU64) -> Client {
    loop {
        let mut client = server.client();
        client.send("GET /huge.bin HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let head = client.head();
        if head.status == 200 {
            return client;
        }
        head.expect(503);
        refused.fetch_add(1, Ordering::Relaxed);
    }
}

/// Asks for a page. `true` if that was refused.
#[track_caller]
pub fn is_refused(server: &Server, path: &str) -> bool {
    let mut client = server.client();
    client.send(request(path));
    answer(client)
}
