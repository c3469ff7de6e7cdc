//! What the reception and the pool ask of the stage that runs them.

use http::handler::Handler;
use http::request::Request;
use http::response::Response;
use program::access_log::Logged;
use stage1_single::files::Files;
use std::time::Duration;

/// A handler that can also answer without blocking, and that is told what happens around it.
///
/// Stage 3 needs neither; the later stages fill these in.
pub trait Service: Handler + 'static {
    // ANCHOR: answer_at_once
    /// Answers at once, in the reception, past the queue; or declines, and a thread will call
    /// [`Handler::respond`]. Must not block: while it runs, no other client of this worker is
    /// attended to.
    fn answer_at_once(&self, _request: &Request<'_>) -> Option<Response> {
        None
    }
    // ANCHOR_END: answer_at_once

    /// Answers a client of the monitoring address. It gets nothing else, so its requests are never queued. Must not
    /// block.
    fn answer_monitoring(&self, _request: &Request<'_>) -> Response {
        Response::page(404, "There is nothing to watch")
    }

    /// Why no file can be served, if that is so, for `/health`. Must not block.
    fn ailment(&self) -> Option<&'static str> {
        None
    }

    /// Called for every event, by the thread that it happens in.
    fn happened(&self, _event: Event) {}
}

impl Service for Files {}

impl<H: Service> Service for Logged<H> {
    fn answer_at_once(&self, request: &Request<'_>) -> Option<Response> {
        self.inner().answer_at_once(request)
    }

    fn answer_monitoring(&self, request: &Request<'_>) -> Response {
        self.inner().answer_monitoring(request)
    }

    fn happened(&self, event: Event) {
        self.inner().happened(event);
    }
}

/// Something that happened to a connection, the queue, or a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The reception has finished a turn of its loop.
    Turned,
    /// A connection was accepted.
    Accepted,
    /// A connection was closed.
    Closed,
    /// An idle connection was closed to make room for a new one.
    Shed,
    /// The number of idle connections has grown or shrunk. Counted about four times a second.
    Idle {
        /// The change since the last count.
        more: i64,
    },
    /// A request is being put into the queue. If there is no room, [`Event::Unqueued`] follows.
    Queued,
    /// There was no room in the queue after all.
    Unqueued,
    /// A thread took a request from the queue, where it had waited for this time.
    Taken(Duration),
    /// The thread is done with it.
    Done,
    /// A request was refused with 503: the queue was full, or it had waited too long.
    Refused,
}
