//! What a hit costs, in system calls. Their number is the same on every machine, however busy it is.

use super::PROGRAM;
use e2e::{Ending, Gate, Site, libc};
use verdict::test;

/// Enough that occasional calls, such as the look at a file every half second, are less than one per request.
const REQUESTS: usize = 100;

/// Calls that a worker may make for a client. epoll_wait(2) and accept4(2) are not among them, because how many clients
/// share one is chance; nor are those that a gate needs itself.
const CALLS: [(&str, libc::c_long); 8] = [
    ("epoll_ctl", libc::SYS_epoll_ctl),
    ("futex", libc::SYS_futex),
    ("openat2", libc::SYS_openat2),
    ("recvfrom", libc::SYS_recvfrom),
    ("sendfile", libc::SYS_sendfile),
    ("sendto", libc::SYS_sendto),
    ("shutdown", libc::SYS_shutdown),
    ("writev", libc::SYS_writev),
];

/// How often each call is made for one request, rounded down, if it is made at all.
fn price(ask: impl Fn(&e2e::Server)) -> Vec<(&'static str, usize)> {
    let site = Site::new().file("page.html", vec![b'x'; 1024]);
    let gate = Gate::before(&CALLS.map(|(_, call)| call));
    let server = PROGRAM.launch().site(&site).flags(&["--num-workers", "1"]).through(&gate).start();
    // From here on the page is in the cache.
    server.get("/page.html").expect(200);
    let count = || CALLS.map(|(_, call)| gate.asked(call, ""));
    let before = count();
    ask(&server);
    let made = count().into_iter().zip(before).map(|(after, before)| (after - before) / REQUESTS);
    CALLS.iter().zip(made).filter(|(_, count)| *count > 0).map(|((name, _), count)| (*name, count)).collect()
}

#[test]
fn a_hit_on_a_connection_that_stays_is_one_receive_and_one_send() {
    let made = price(|server| {
        let mut client = server.client();
        (0..REQUESTS).for_each(|_| drop(client.get("/page.html").expect(200)));
    });
    assert_eq!(made, [("recvfrom", 1), ("sendto", 1)]);
}

#[test]
fn a_hit_on_a_connection_of_its_own_costs_no_more() {
    let made = price(|server| {
        for _ in 0..REQUESTS {
            let mut client = server.client();
            client.ask("GET", "/page.html", &["Connection: close"]).expect(200);
            assert_eq!(client.ending(), Ending::Closed);
        }
    });
    assert_eq!(made, [("recvfrom", 1), ("sendto", 1)]);
}

#[test]
fn a_connection_that_stays_is_watched_by_one_call() {
    let made = price(|server| {
        for _ in 0..REQUESTS {
            let mut client = server.client();
            (0..3).for_each(|_| drop(client.get("/page.html").expect(200)));
        }
    });
    // The last receive finds the end of the stream, which may come after the count.
    assert_eq!(made.into_iter().find(|(name, _)| *name == "epoll_ctl"), Some(("epoll_ctl", 1)));
}
