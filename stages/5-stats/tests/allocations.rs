//! A request that is answered from memory: how often it asks the allocator, and that nothing stays behind.

use http::closing::Progress;
use http::connection::{Connection, Received};
use http::handler::Handler;
use http::request::Request;
use parts::stats::SharedStats;
use program::cli::{self, Start};
use program::listening::bind;
use program::settings::Settings;
use program::start;
use stage1_single::accept::{self, Accepted};
use stage3_queue::service::Service;
use stage5_stats::Site;
use stage5_stats::observed::Seated;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use verdict::test;

struct Counting;

thread_local! {
    /// Allocations of this thread, and those of them that it has not given back.
    static COUNTS: Cell<(i64, i64)> = const { Cell::new((0, 0)) };
}

fn count(made: i64, held: i64) {
    // At its very end a thread has no counts any more.
    let _ = COUNTS.try_with(|counts| counts.set((counts.get().0 + made, counts.get().1 + held)));
}

#[allow(unsafe_code)]
// SAFETY: everything is the system's allocator's work; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, 1);
        // SAFETY: the caller keeps the contract of the same function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(0, -1);
        // SAFETY: the caller keeps the contract of the same function.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn settings(root: &str) -> Settings {
    match cli::parse(
        "stage5",
        "",
        ["stage5", "--document-root", root].map(Into::into),
        |_| None,
        |path| std::fs::read_to_string(path),
    ) {
        Ok(Start::Serve(settings)) => settings,
        other => panic!("settings, not {other:?}"),
    }
}

/// A request and its answer, all on this thread.
fn exchange(client: &mut TcpStream, connection: &mut Connection, site: &Site) {
    client
        .write_all(b"GET /page.html?q HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n")
        .expect("a socket");
    let answered = loop {
        match connection.receive(|request: &Request<'_>| {
            site.answer_at_once(request).or_else(|| Some(site.respond(request)))
        }) {
            Received::Incomplete => {}
            other => break other,
        }
    };
    assert_eq!((answered, connection.send(site)), (Received::Answered, Progress::Done));
    assert_eq!(connection.receive(|_| None), Received::Incomplete, "the connection is idle again");
    let mut response = [0; 2048];
    let length = client.read(&mut response).expect("a response");
    assert!(response[..length].ends_with(b"a page"), "the page, from memory");
}

#[test]
fn a_hit_allocates_nothing() {
    let root = tempfile::tempdir().expect("a folder");
    std::fs::write(root.path().join("page.html"), "a page").expect("a page");
    let seated = Seated::take(Arc::new(SharedStats::new(1).expect("a mapping")), 0, 0);
    let settings = settings(&root.path().to_string_lossy());
    let site = stage5_stats::site(start::open_root(&settings).expect("a root"), None, &settings, seated);
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
    let mut client = TcpStream::connect(listener.local_addr().expect("its address")).expect("a connection");
    let Ok(Accepted::Client(mut connection)) = accept::accept(&listener) else { panic!("a client waits") };
    for _ in 0..10 {
        exchange(&mut client, &mut connection, &site);
    }
    let before = COUNTS.get();
    for _ in 0..1000 {
        exchange(&mut client, &mut connection, &site);
    }
    let after = COUNTS.get();
    assert_eq!(after.1, before.1, "a request that is over should keep nothing");
    let made = after.0 - before.0;
    // Now and then the date is spelled again.
    assert!(made < 100, "1000 requests made {made} allocations, and should make none");
}
