//! A request that has waited too long for a thread is refused, unless its response was begun. The handler of this
//! server answers when the test lets it, so the test decides how long the other requests wait.

use e2e::{Client, eventually, pattern};
use http::handler::Handler;
use http::request::Request;
use http::response::{Body, Response};
use program::bell::EventBell;
use program::cli::{self, Start};
use program::listening::bind;
use program::settings::Settings;
use program::stop::Stop;
use stage3_queue::door::Door;
use stage3_queue::service::{Event, Service};
use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use verdict::test;

/// Larger than what the kernel's buffers between two programs hold.
const LARGE: usize = 12 << 20;

/// Long enough that the requests before those three, which find an idle thread, never wait this long.
const DELAY: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Gated {
    large: Option<Arc<File>>,
    open: Mutex<bool>,
    opened: Condvar,
    entered: AtomicUsize,
    /// Requests in the queue at this moment.
    waiting: AtomicUsize,
    refused: AtomicUsize,
}

impl Handler for Gated {
    fn respond(&self, request: &Request<'_>) -> Response {
        match (request.head.target, &self.large) {
            ("/large", Some(large)) => Response::new(200, Body::File(large.clone(), 0..LARGE as u64)),
            ("/gate", _) => {
                self.entered.fetch_add(1, Ordering::SeqCst);
                let closed = self.open.lock().expect("nobody panics here");
                drop(self.opened.wait_while(closed, |open| !*open).expect("nobody panics here"));
                Response::new(204, Body::None)
            }
            _ => Response::new(204, Body::None),
        }
    }
}

impl Service for Gated {
    fn happened(&self, event: Event) {
        match event {
            Event::Queued => self.waiting.fetch_add(1, Ordering::SeqCst),
            Event::Unqueued | Event::Taken(_) => self.waiting.fetch_sub(1, Ordering::SeqCst),
            Event::Refused => self.refused.fetch_add(1, Ordering::SeqCst),
            _ => 0,
        };
    }
}

fn settings(delay: Duration) -> Settings {
    let delay = delay.as_millis().to_string();
    let arguments = ["stage3", "--threads-per-worker", "1", "--queue-delay-ms", &delay];
    match cli::parse("stage3", "", arguments.map(Into::into), |_| None, |path| std::fs::read_to_string(path))
    {
        Ok(Start::Serve(settings)) => settings,
        other => panic!("settings, not {other:?}"),
    }
}

fn asking(address: SocketAddr, path: &str) -> Client {
    let mut client = Client::connect(address);
    client.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    client
}

/// The statuses of three requests that waited for longer than [`DELAY`], and how many were counted as refused. A
/// download that was begun before waited as long as they did.
fn statuses_of_those_who_waited(delay: Duration) -> (Vec<u16>, usize) {
    let content = pattern(LARGE);
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(&content).expect("room on the disk");
    let service = Arc::new(Gated { large: Some(Arc::new(file)), ..Gated::default() });
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
    let address = listener.local_addr().expect("a socket that is bound");
    let stop: &'static Stop = Box::leak(Box::new(Stop::new(EventBell::new().expect("a descriptor"))));
    let (serving, settings) = (service.clone(), settings(delay));
    let server = thread::spawn(move || {
        stage3_queue::serve(Door::new(listener.into()), serving, &settings, stop, || {})
    });

    let mut download = Client::connect_slowly(address, 128 << 10);
    download.send("GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n");
    download.head().expect(200);
    let mut first = asking(address, "/gate");
    eventually("the only thread is busy", || service.entered.load(Ordering::SeqCst) == 1);
    let reading = thread::spawn(move || download.take(LARGE));
    eventually("the download needs the thread", || service.waiting.load(Ordering::SeqCst) == 1);
    let waiting: Vec<Client> = (0..3).map(|_| asking(address, "/")).collect();
    eventually("the others wait behind it", || service.waiting.load(Ordering::SeqCst) == 4);
    let since = Instant::now();
    eventually("they have waited for too long", || since.elapsed() > DELAY);
    *service.open.lock().expect("nobody panics here") = true;
    service.opened.notify_all();

    first.response().expect(204);
    let statuses = waiting.into_iter().map(|mut client| client.response().status).collect();
    assert!(reading.join().expect("bytes") == content, "a response that was begun should go on");
    let refused = service.refused.load(Ordering::SeqCst);
    stop.request();
    assert!(server.join().expect("no panic").is_ok());
    (statuses, refused)
}

#[test]
fn requests_that_waited_too_long_are_refused_and_counted() {
    assert_eq!(statuses_of_those_who_waited(DELAY), (vec![503; 3], 3));
}

#[test]
fn without_a_limit_they_are_served() {
    assert_eq!(statuses_of_those_who_waited(Duration::ZERO), (vec![204; 3], 0));
}
