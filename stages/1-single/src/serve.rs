//! One thread, one connection: serving it to its end, asleep in poll(2) whenever the client is slow.
//!
//! The client keeps the thread for as long as it likes, up to the time limits. This is the flaw that the first two
//! stages show and the third removes.

use http::closing::Progress;
use http::connection::{Connection, Received};
use http::framing::Refusal;
use http::handler::Handler;
use http::request::Request;
use http::response::Response;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use program::bell::poll_timeout;
use program::stop::Stop;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// How long an idle connection may still send a request once a stop was requested. Closing it at once would cut
/// off a request that is on its way.
pub const FAREWELL: Duration = Duration::from_secs(1);

// ANCHOR: serve
/// Serves every request of one connection, in order.
pub fn serve(connection: &mut Connection, handler: &dyn Handler, timeout: Duration, stop: &Stop) {
    loop {
        let answer = |request: &Request<'_>| Some(respond(request, handler, stop));
        let progress = match connection.receive(answer) {
            Received::Closed => return,
            Received::Incomplete => match wait(connection, PollFlags::POLLIN, timeout, stop) {
                Waited::Ready => continue,
                Waited::TooLong if connection.owes_timeout_response() => {
                    connection.refuse(Refusal::timed_out());
                    send(connection, handler, timeout, stop)
                }
                Waited::TooLong => return,
            },
            Received::Refused(refusal) => {
                connection.refuse(refusal);
                send(connection, handler, timeout, stop)
            }
            Received::Answered | Received::Declined => send(connection, handler, timeout, stop),
        };
        match progress {
            Progress::Done => {}
            Progress::Lingering => return linger(connection, timeout, stop),
            Progress::Blocked | Progress::Closed => return,
        }
    }
}
// ANCHOR_END: serve

// ANCHOR: last_response
/// The response to a request. Once a stop is requested, it is the last one of its connection.
pub fn respond(request: &Request<'_>, handler: &dyn Handler, stop: &Stop) -> Response {
    let mut response = handler.respond(request);
    response.close |= stop.is_requested();
    response
}
// ANCHOR_END: last_response

fn send(connection: &mut Connection, handler: &dyn Handler, timeout: Duration, stop: &Stop) -> Progress {
    loop {
        match connection.send(handler) {
            Progress::Blocked => match wait(connection, PollFlags::POLLOUT, timeout, stop) {
                Waited::Ready => {}
                Waited::TooLong if connection.takes_enough(timeout, Instant::now()) => {}
                Waited::TooLong => {
                    connection.give_up(handler);
                    return Progress::Closed;
                }
            },
            other => return other,
        }
    }
}

fn linger(connection: &mut Connection, timeout: Duration, stop: &Stop) {
    while connection.linger() != Progress::Closed {
        match wait(connection, PollFlags::POLLIN, timeout, stop) {
            Waited::Ready => {}
            Waited::TooLong => return,
        }
    }
}

enum Waited {
    Ready,
    TooLong,
}

// ANCHOR: wait
/// Sleeps until the socket is ready or the connection's time is up. A stop shortens the time of an idle
/// connection.
fn wait(connection: &Connection, for_what: PollFlags, timeout: Duration, stop: &Stop) -> Waited {
    let mut deadline = connection.deadline(timeout);
    let mut told = false;
    loop {
        let now = Instant::now();
        if stop.is_requested() && !told {
            told = true;
            if connection.is_idle() {
                deadline = deadline.min(now + FAREWELL);
            }
        }
        let Some(left) = deadline.checked_duration_since(now).filter(|left| !left.is_zero()) else {
            return Waited::TooLong;
        };
        let client = PollFd::new(connection.as_fd(), for_what);
        let bell = PollFd::new(stop.bell().as_fd(), PollFlags::POLLIN);
        let mut waiting = [client, bell];
        // The bell stays readable once rung, so poll(2) with it would never sleep again.
        let watched = if told { &mut waiting[..1] } else { &mut waiting[..] };
        match poll(watched, poll_timeout(left)) {
            Ok(_) if watched[0].any() == Some(true) => return Waited::Ready,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return Waited::TooLong,
        }
    }
}
// ANCHOR_END: wait
