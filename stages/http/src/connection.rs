//! A connection that never blocks.
//!
//! [`Connection`] is a socket with what [has come](Incoming) from the client and what is [on its way](Outgoing) to it.
//! Its methods do what can be done now and return what to wait for. How to wait is the stage's business: in stages 1
//! and 2 a thread sleeps in poll(2), in later stages one epoll loop does all the waiting.
//!
//! ```text
//!       receive(), respond()            send()
//!   Receiving -------------> Sending -----------> Receiving (keep-alive)
//!        \______________________\--------------> Lingering --> Closed
//! ```

use crate::closing::{self, LINGER, Progress, Then};
use crate::framing::Refusal;
use crate::handler::{Exchange, Handler};
use crate::incoming::{Advanced, Current, Incoming, ReadResult};
use crate::outgoing::{Outgoing, Sent, say_continue};
use crate::request::Request;
use crate::response::Response;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// A client's connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    incoming: Incoming,
    outgoing: Outgoing,
    phase: Phase,
    /// When the client began what the deadline is for: to be idle, to send a request, to take a response; while a
    /// response is being sent, when the client was last seen to take some.
    since: Instant,
    /// When bytes last came. Once a request is complete, this is when it became so.
    came_at: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// A request is awaited, or is complete and has no response yet.
    Receiving,
    /// The response is being sent.
    Sending(Then),
    /// The last response is sent; what the client still sends is read and dropped.
    Lingering,
    /// Nothing more to do.
    Closed,
}

/// What [`Connection::receive`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// A request is complete, and its response has begun: continue with [`Connection::send`].
    Answered,
    /// A request is complete, and `answer` had no response: get it with [`Connection::request`], answer with
    /// [`Connection::respond`].
    Declined,
    /// Not yet: wait until the socket is readable.
    Incomplete,
    /// The request cannot be served: answer with [`Connection::refuse`].
    Refused(Refusal),
    /// The client is gone.
    Closed,
}

impl Connection {
    /// Takes an accepted socket, which must not block, and should send without delay.
    pub fn new(stream: TcpStream, peer: SocketAddr, now: Instant) -> Connection {
        Connection {
            stream,
            peer,
            incoming: Incoming::default(),
            outgoing: Outgoing::new(now),
            phase: Phase::Receiving,
            since: now,
            came_at: now,
        }
    }

    /// Reads what has come, until a request is complete or nothing is left to read. Asks `answer` for the response to a
    /// complete request; `None` leaves it to another thread.
    // ANCHOR: receive
    pub fn receive(&mut self, answer: impl Fn(&Request<'_>) -> Option<Response>) -> Received {
        loop {
            match self.incoming.advance(&answer) {
                Ok(Advanced::Incomplete) => {}
                Ok(Advanced::ExpectsContinue) => {
                    if let Err(refusal) = say_continue(&self.stream) {
                        return Received::Refused(self.incoming.refuse(refusal));
                    }
                }
                Ok(Advanced::Complete(current, response)) => {
                    self.came_at = self.came_at.max(self.since);
                    let Some(response) = response else { return Received::Declined };
                    self.begin(current, response, self.came_at);
                    return Received::Answered;
                }
                Err(refusal) => return Received::Refused(refusal),
            }
            let was_idle = self.incoming.is_idle();
            match self.incoming.read(&self.stream) {
                ReadResult::Some => {
                    self.came_at = Instant::now();
                    if was_idle {
                        self.since = self.came_at;
                    }
                }
                ReadResult::Nothing => return self.incomplete(),
                ReadResult::End => return Received::Closed,
            }
        }
    }
    // ANCHOR_END: receive

    /// Call this when the socket was reported readable: a short read may have missed something, such as the end of the
    /// stream.
    pub fn expect_more(&mut self) {
        self.incoming.expect_more();
    }

    fn incomplete(&mut self) -> Received {
        if self.is_idle() {
            self.incoming.rest();
            self.outgoing.rest();
        }
        Received::Incomplete
    }

    /// The complete request that is not answered yet.
    ///
    /// # Errors
    /// The refusal to answer with, for a target that cannot be resolved.
    pub fn request(&self) -> Result<Request<'_>, Refusal> {
        Ok(Request::parse(self.incoming.head())?)
    }

    /// Begins the response to the current request.
    pub fn respond(&mut self, response: Response) {
        match self.incoming.current() {
            Some(current) => self.begin(current, response, Instant::now()),
            None => self.refuse_with(response),
        }
    }

    fn begin(&mut self, current: Current, response: Response, now: Instant) {
        let then = match current.keep_alive {
            _ if response.close => Then::Linger,
            true => Then::KeepAlive,
            false => Then::Close,
        };
        self.start(response, current.is_head, then, now);
    }

    /// Begins the response to a request that cannot be served. The connection closes after it, because nothing says
    /// where the next request begins.
    pub fn refuse(&mut self, refusal: Refusal) {
        self.refuse_with(Response::page(refusal.status, refusal.why));
    }

    fn refuse_with(&mut self, response: Response) {
        let now = Instant::now();
        if self.incoming.current().is_none() {
            self.came_at = now;
        }
        let is_head = self.incoming.head().trim_ascii_start().starts_with(b"HEAD ");
        self.start(response, is_head, Then::Linger, now);
    }

    fn start(&mut self, response: Response, is_head: bool, then: Then, now: Instant) {
        self.outgoing.start(response, is_head, then != Then::KeepAlive, now);
        self.phase = Phase::Sending(then);
        self.since = now;
    }

    /// Sends what the socket takes now, and tells the handler when the response is over.
    pub fn send(&mut self, handler: &dyn Handler) -> Progress {
        let Phase::Sending(then) = self.phase else { return Progress::Closed };
        match self.outgoing.send(&self.stream) {
            Ok(Sent::Blocked) => Progress::Blocked,
            Ok(Sent::All) => {
                let now = Instant::now();
                self.report(handler, true, now);
                self.incoming.next();
                self.since = now;
                self.after(then)
            }
            Err(_) => {
                self.abandon(handler);
                Progress::Closed
            }
        }
    }

    /// Gives the response up, because the client is gone.
    pub fn abandon(&mut self, handler: &dyn Handler) {
        if self.is_sending() {
            self.report(handler, false, Instant::now());
        }
        self.phase = Phase::Closed;
    }

    /// Gives the connection up, because the client does not take its response.
    pub fn give_up(&mut self, handler: &dyn Handler) {
        closing::reset_on_close(&self.stream);
        self.abandon(handler);
    }

    // ANCHOR: report
    fn report(&self, handler: &dyn Handler, complete: bool, now: Instant) {
        let answer = self.outgoing.answer();
        handler.finished(&Exchange {
            head: self.incoming.head(),
            peer: self.peer,
            status: answer.status,
            body_bytes: self.outgoing.body_sent(),
            sent_bytes: self.outgoing.sent(),
            duration: now.saturating_duration_since(self.came_at),
            complete,
            cache: answer.cache,
            monitoring: answer.monitoring,
        });
    }
    // ANCHOR_END: report

    // ANCHOR: after
    fn after(&mut self, then: Then) -> Progress {
        match then {
            Then::KeepAlive => {
                self.phase = Phase::Receiving;
                Progress::Done
            }
            Then::Close if self.incoming.is_used_up() => {
                self.phase = Phase::Closed;
                Progress::Closed
            }
            Then::Close | Then::Linger => {
                self.incoming.rest();
                self.phase = Phase::Lingering;
                closing::say_no_more(&self.stream)
            }
        }
    }
    // ANCHOR_END: after

    /// Reads and drops what the client still sends. [`Progress::Lingering`]: wait until the socket is readable.
    /// [`Progress::Done`]: enough for now, but there is more.
    pub fn linger(&mut self) -> Progress {
        closing::read_and_drop(&self.stream)
    }

    /// When to stop waiting for the client, unless it [takes enough](Connection::takes_enough). Counted from the
    /// beginning of the phase, so a byte now and then buys no time.
    // ANCHOR: deadline
    pub fn deadline(&self, timeout: Duration) -> Instant {
        let allowed = if self.is_lingering() { LINGER.min(timeout) } else { timeout };
        self.since + allowed
    }
    // ANCHOR_END: deadline

    /// To call when the deadline has passed. Whether a response is being sent and the client takes enough of it; if so,
    /// the client gets the time limit once more.
    pub fn takes_enough(&mut self, timeout: Duration, now: Instant) -> bool {
        if !self.is_sending() {
            return false;
        }
        self.since = now;
        self.outgoing.is_taken(&self.stream, timeout, now)
    }

    /// Restarts the client's time limit, because the server kept the client waiting.
    pub fn excuse(&mut self) {
        self.since = Instant::now();
    }

    /// To call when the deadline has passed. `true` if the client must get a 408, because a part of its request has
    /// come (RFC 9110, section 15.5.9).
    pub fn owes_timeout_response(&self) -> bool {
        self.phase == Phase::Receiving && self.incoming.is_partial()
    }

    /// Whether nothing of the next request has come.
    pub fn is_idle(&self) -> bool {
        self.phase == Phase::Receiving && self.incoming.is_idle()
    }

    /// Whether all that is left is to drop the connection.
    pub fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    /// Whether a response is being sent.
    pub fn is_sending(&self) -> bool {
        matches!(self.phase, Phase::Sending(_))
    }

    /// Whether the connection only waits for the client to close.
    pub fn is_lingering(&self) -> bool {
        self.phase == Phase::Lingering
    }

    /// Whether sending on may block on the disk.
    pub fn sends_from_disk(&self) -> bool {
        self.outgoing.is_from_disk()
    }

    /// When the client began what it does now.
    pub fn since(&self) -> Instant {
        self.since
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
