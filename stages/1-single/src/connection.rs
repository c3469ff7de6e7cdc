//! A connection that never blocks.
//!
//! [`Connection`] holds what a connection is at any moment: the bytes that came and are not used yet, how far the
//! request in front is, and the response that is on its way out. Its methods do what can be done now and say what
//! to wait for. Who waits, and how, is the stage's business: stages 1 and 2 let a thread sleep in poll(2), later
//! stages leave all waiting to one epoll loop.
//!
//! ```text
//!             receive()                respond()               send()
//!   Idle --> Head --> Body --> Ready ----------> Sending --> Idle (keep-alive)
//!     \________\_______\__________________________________\-> Lingering --> closed
//! ```

use crate::buffer::{BUFFER_SIZE, Buffer};
use crate::handler::{Exchange, Handler};
use crate::http::body::Discard;
use crate::http::framing::{Announced, Framing, Refusal, announced};
use crate::http::response::{CacheResult, Response};
use crate::http::{Request, wants_keep_alive};
use crate::outgoing::{Outgoing, Sent};
use crate::taking::Taking;
use nix::libc::linger;
use nix::sys::socket::{setsockopt, sockopt};
use parts::request::{HeadError, MAX_HEAD, parse_head};
use std::io::{self, ErrorKind, Read};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// How long a closing connection is read from, so that the last response arrives (RFC 9112, section 9.6).
pub const LINGER: Duration = Duration::from_secs(2);

/// A client's connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    /// Bytes received and not used yet. The head of the current request stays at the front until it is answered.
    input: Buffer,
    phase: Phase,
    /// When the current phase began; while a response is being sent, when its client was last seen to take some.
    since: Instant,
    /// When bytes last came.
    read_at: Instant,
    /// When the current request was complete.
    ready_at: Instant,
    outgoing: Outgoing,
    /// The last read came back short, so the socket was empty then (epoll(7)). Spares a read that would only say so.
    drained: bool,
}

#[derive(Debug)]
enum Phase {
    /// Nothing of the next request has come.
    Idle,
    /// A part of a head has come.
    Head,
    /// The head is complete, its body is being thrown away.
    Body(Current, Discard),
    /// A request is complete and wants its response.
    Ready(Current),
    /// What came is no request that can be served. It stays so: bytes that were judged once are not judged again.
    Refused { head_length: usize, refusal: Refusal },
    /// The response is being sent.
    Sending { head_length: usize, answer: Answer, then: Then, taking: Taking },
    /// The last response is sent; what the client still sends is read and dropped.
    Lingering,
    /// Nothing more to do.
    Closed,
}

/// What is reported of a response when it is over.
#[derive(Debug, Clone, Copy)]
struct Answer {
    status: u16,
    cache: Option<CacheResult>,
    monitoring: bool,
}

/// What follows a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// The next request.
    KeepAlive,
    /// The end. The client asked for it, so it sends nothing more.
    Close,
    /// The end, for a client that may still be sending.
    Linger,
}

/// What the response needs to know of its request.
#[derive(Debug, Clone, Copy)]
struct Current {
    head_length: usize,
    keep_alive: bool,
    is_head: bool,
}

/// What [`Connection::receive`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// A request is complete, and its response was begun: go on with [`Connection::send`].
    Answered,
    /// A request is complete, and whoever was asked has no response: ask for it with [`Connection::request`], answer
    /// with [`Connection::respond`].
    Declined,
    /// Not yet: wait until the socket is readable.
    Incomplete,
    /// The request cannot be served: answer with [`Connection::refuse`].
    Refused(Refusal),
    /// The client is gone.
    Closed,
}

/// What to do after [`Connection::send`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The response is sent, and the connection is ready for the next request.
    Done,
    /// The client must take some bytes first: wait until the socket is writable.
    Blocked,
    /// The response is sent, and the connection is to be closed: go on with [`Connection::linger`].
    Lingering,
    /// Drop the connection.
    Closed,
}

impl Connection {
    /// Takes over an accepted socket, which must not block, and should send without delay.
    pub fn new(stream: TcpStream, peer: SocketAddr, now: Instant) -> Connection {
        Connection {
            stream,
            peer,
            input: Buffer::default(),
            phase: Phase::Idle,
            since: now,
            read_at: now,
            ready_at: now,
            outgoing: Outgoing::default(),
            drained: false,
        }
    }

    /// Reads what has come, until a request is complete or nothing more is there. Asks `answer` for the response to a
    /// complete request; `None` leaves it to somebody else. Asking here spares parsing the head once more.
    // ANCHOR: receive
    pub fn receive(&mut self, answer: impl Fn(&Request<'_>) -> Option<Response>) -> Received {
        loop {
            match self.advance(&answer) {
                Ok(Some(received)) => return received,
                Ok(None) => {}
                Err(refusal) => {
                    // Bytes that were judged once are not judged again.
                    self.phase = Phase::Refused { head_length: self.head_length(), refusal };
                    return Received::Refused(refusal);
                }
            }
            // Forgotten at once: whoever calls again has learnt that there is more.
            if std::mem::take(&mut self.drained) {
                return self.incomplete();
            }
            match self.read_some() {
                Ok(0) => return Received::Closed,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return self.incomplete(),
                Err(_) => return Received::Closed,
            }
        }
    }
    // ANCHOR_END: receive

    /// The socket was reported to hold something that a short read may have missed, such as the end of the stream.
    pub fn expect_more(&mut self) {
        self.drained = false;
    }

    fn incomplete(&mut self) -> Received {
        if self.is_idle() {
            self.input = Buffer::default();
            self.outgoing.rest();
        }
        Received::Incomplete
    }

    fn read_some(&mut self) -> io::Result<usize> {
        let before = self.input.len();
        self.input.room().resize(before + BUFFER_SIZE, 0);
        let result = loop {
            match self.stream.read(&mut self.input[before..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        let count = *result.as_ref().unwrap_or(&0);
        self.input.truncate(before + count);
        self.drained = (1..BUFFER_SIZE).contains(&count);
        if count > 0 {
            self.read_at = Instant::now();
            if matches!(self.phase, Phase::Idle) {
                self.phase = Phase::Head;
                self.since = self.read_at;
            }
        }
        result
    }

    /// Moves through the phases as far as the bytes at hand allow. `None` when they do not make a request yet.
    fn advance(
        &mut self,
        answer: &impl Fn(&Request<'_>) -> Option<Response>,
    ) -> Result<Option<Received>, Refusal> {
        if let Phase::Refused { refusal, .. } = self.phase {
            return Err(refusal);
        }
        if let Phase::Idle | Phase::Head = self.phase {
            if self.input.is_empty() {
                return Ok(None);
            }
            // ANCHOR: judge
            let Some(head) = parse_head(&self.input).map_err(Refusal::from)? else { return Ok(None) };
            let Announced { framing, expects_continue } = announced(&head)?;
            let current = Current {
                head_length: head.length,
                keep_alive: wants_keep_alive(&head),
                is_head: head.method == "HEAD",
            };
            if framing == Framing::None {
                self.ready_at = self.read_at.max(self.since);
                let response = Request::new(head).map(|request| answer(&request));
                return self.complete(current, response);
            }
            self.phase = Phase::Body(current, Discard::new(framing));
            // ANCHOR_END: judge
            if expects_continue && self.input.len() == current.head_length {
                self.say_continue()?;
            }
        }
        if let Phase::Body(current, discard) = &mut self.phase {
            let current = *current;
            let fed = discard.feed(&self.input[current.head_length..])?;
            self.input.drain(current.head_length..current.head_length + fed.used);
            if !fed.done {
                return Ok(None);
            }
            self.ready_at = self.read_at;
            let request = Request::parse(&self.input[..current.head_length]);
            let response = request.map(|request| answer(&request));
            return self.complete(current, response);
        }
        match self.phase {
            Phase::Ready(current) => {
                let response = Request::parse(self.current_head()).map(|request| answer(&request));
                self.complete(current, response)
            }
            _ => Ok(None),
        }
    }

    /// A request is complete, and somebody was asked for its response, unless it cannot be served.
    fn complete(
        &mut self,
        current: Current,
        response: Result<Option<Response>, HeadError>,
    ) -> Result<Option<Received>, Refusal> {
        self.phase = Phase::Ready(current);
        Ok(Some(match response? {
            Some(response) => {
                self.begin(current, response, self.ready_at);
                Received::Answered
            }
            None => Received::Declined,
        }))
    }

    /// `100 Continue` (RFC 9110, section 15.2.1). Nothing else is on its way out, so 25 bytes always fit.
    fn say_continue(&mut self) -> Result<(), Refusal> {
        match io::Write::write(&mut self.stream, b"HTTP/1.1 100 Continue\r\n\r\n") {
            Ok(25) => Ok(()),
            _ => Err(Refusal { status: 400, why: "The client does not read" }),
        }
    }

    /// The request that [`Connection::receive`] has found, and nobody has answered.
    ///
    /// # Errors
    /// The refusal to answer with, for a target that cannot be resolved.
    pub fn request(&self) -> Result<Request<'_>, Refusal> {
        Ok(Request::parse(self.current_head())?)
    }

    /// Begins the response to the current request.
    pub fn respond(&mut self, response: Response) {
        let Phase::Ready(current) = self.phase else { return self.refuse_with(response) };
        self.begin(current, response, Instant::now());
    }

    fn begin(&mut self, current: Current, response: Response, now: Instant) {
        let then = match current.keep_alive {
            _ if response.close => Then::Linger,
            true => Then::KeepAlive,
            false => Then::Close,
        };
        self.start(response, current.head_length, current.is_head, then, now);
    }

    /// Begins the response to a request that cannot be served. The connection closes after it, because nobody
    /// knows where the next request would begin.
    pub fn refuse(&mut self, refusal: Refusal) {
        self.refuse_with(Response::page(refusal.status, refusal.why));
    }

    fn refuse_with(&mut self, response: Response) {
        let now = Instant::now();
        if !matches!(self.phase, Phase::Ready(_)) {
            self.ready_at = now;
        }
        let is_head = self.input.trim_ascii_start().starts_with(b"HEAD ");
        self.start(response, self.head_length(), is_head, Then::Linger, now);
    }

    fn start(&mut self, response: Response, head_length: usize, is_head: bool, then: Then, now: Instant) {
        let answer =
            Answer { status: response.status, cache: response.cache, monitoring: response.monitoring };
        self.outgoing.start(response, is_head, then != Then::KeepAlive);
        self.phase = Phase::Sending { head_length, answer, then, taking: Taking::new(now) };
        self.since = now;
    }

    /// Sends what the client will take now, and tells the handler when the response is over.
    pub fn send(&mut self, handler: &dyn Handler) -> Progress {
        let Phase::Sending { head_length, then, .. } = self.phase else { return Progress::Closed };
        match self.outgoing.send(&self.stream) {
            Ok(Sent::Blocked) => Progress::Blocked,
            Ok(Sent::All) => {
                let now = Instant::now();
                self.report(handler, true, now);
                self.input.drain(..head_length);
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
        if matches!(self.phase, Phase::Sending { .. }) {
            self.report(handler, false, Instant::now());
        }
        self.phase = Phase::Closed;
    }

    /// Gives the connection up, because the client does not take its response. What the kernel holds for it, which may
    /// be megabytes, is dropped with it (`SO_LINGER`, socket(7)).
    pub fn give_up(&mut self, handler: &dyn Handler) {
        let at_once = linger { l_onoff: 1, l_linger: 0 };
        // If it fails, the kernel goes on trying for some minutes.
        let _ = setsockopt(&self.stream, sockopt::Linger, &at_once);
        self.abandon(handler);
    }

    // ANCHOR: report
    fn report(&self, handler: &dyn Handler, complete: bool, now: Instant) {
        let Phase::Sending { head_length, answer, .. } = self.phase else { return };
        handler.finished(&Exchange {
            head: &self.input[..head_length],
            peer: self.peer,
            status: answer.status,
            body_bytes: self.outgoing.body_sent(),
            sent_bytes: self.outgoing.sent(),
            duration: now.saturating_duration_since(self.ready_at),
            complete,
            cache: answer.cache,
            monitoring: answer.monitoring,
        });
    }
    // ANCHOR_END: report

    /// Closing a socket that holds unread bytes resets the connection, and the reset can overtake the response on
    /// its way. So, unless nothing more can come: no more from us, then read until the client closes too.
    // ANCHOR: after
    fn after(&mut self, then: Then) -> Progress {
        let all_read = self.input.is_empty() && self.drained;
        match then {
            Then::KeepAlive => {
                self.phase = if self.input.is_empty() { Phase::Idle } else { Phase::Head };
                Progress::Done
            }
            Then::Close if all_read => {
                self.phase = Phase::Closed;
                Progress::Closed
            }
            Then::Close | Then::Linger => {
                self.input = Buffer::default();
                self.phase = Phase::Lingering;
                self.stream.shutdown(Shutdown::Write).map_or(Progress::Closed, |()| Progress::Lingering)
            }
        }
    }
    // ANCHOR_END: after

    /// Reads and drops what the client still sends. [`Progress::Lingering`]: wait until the socket is readable.
    /// [`Progress::Done`]: enough for now, but there is more. A client that sends faster than this reads must not
    /// hold its caller for ever.
    pub fn linger(&mut self) -> Progress {
        let mut scrap = [0; 4 * BUFFER_SIZE];
        match self.stream.read(&mut scrap) {
            Ok(0) => Progress::Closed,
            Ok(_) => Progress::Done,
            Err(error) if error.kind() == ErrorKind::Interrupted => Progress::Done,
            Err(error) if error.kind() == ErrorKind::WouldBlock => Progress::Lingering,
            Err(_) => Progress::Closed,
        }
    }

    /// When to stop waiting for the client, unless it [takes enough](Connection::takes_enough). Counted from the
    /// beginning of the phase, so a byte now and then buys no time.
    // ANCHOR: deadline
    pub fn deadline(&self, timeout: Duration) -> Instant {
        let allowed = if self.is_lingering() { LINGER.min(timeout) } else { timeout };
        self.since + allowed
    }
    // ANCHOR_END: deadline

    /// The deadline has passed: whether a response is on its way out, and the client [takes enough](Taking::is_enough) of
    /// it. If so, it has the time limit once more.
    pub fn takes_enough(&mut self, timeout: Duration, now: Instant) -> bool {
        let Phase::Sending { taking, .. } = &mut self.phase else { return false };
        self.since = now;
        taking.is_enough(self.outgoing.sent(), &self.stream, timeout, now)
    }

    /// The client was kept waiting by the server, which is not held against it.
    pub fn excuse(&mut self) {
        self.since = Instant::now();
    }

    /// What to do when the deadline has passed: `true` if the client is owed a 408, because a part of its request
    /// has come (RFC 9110, section 15.5.9).
    pub fn owes_timeout_response(&self) -> bool {
        matches!(self.phase, Phase::Head | Phase::Body(..))
    }

    /// Whether nothing of the next request has come.
    pub fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Idle)
    }

    /// Whether there is nothing more to do but to drop the connection.
    pub fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    /// Whether a response is on its way out.
    pub fn is_sending(&self) -> bool {
        matches!(self.phase, Phase::Sending { .. })
    }

    /// Whether the connection only waits for the client to close.
    pub fn is_lingering(&self) -> bool {
        matches!(self.phase, Phase::Lingering)
    }

    /// Whether sending on may block on the disk.
    pub fn sends_from_disk(&self) -> bool {
        self.outgoing.is_from_disk()
    }

    /// When the current phase began.
    pub fn since(&self) -> Instant {
        self.since
    }

    fn head_length(&self) -> usize {
        match self.phase {
            Phase::Body(Current { head_length, .. }, _)
            | Phase::Ready(Current { head_length, .. })
            | Phase::Refused { head_length, .. }
            | Phase::Sending { head_length, .. } => head_length,
            // A head that is not complete, or not a good one: all that came of it.
            _ => self.input.len().min(MAX_HEAD),
        }
    }

    fn current_head(&self) -> &[u8] {
        &self.input[..self.head_length()]
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl From<HeadError> for Refusal {
    fn from(error: HeadError) -> Refusal {
        let why = match error {
            HeadError::Malformed(why) => why,
            HeadError::TargetTooLong => "The request line is too long",
            HeadError::FieldsTooLarge => "The header fields are too large",
            HeadError::VersionNotSupported => "This server speaks HTTP/1.0 and HTTP/1.1",
        };
        Refusal { status: error.status(), why }
    }
}

/// The answer to a request that did not come in time.
pub fn timed_out() -> Refusal {
    Refusal { status: 408, why: "The request did not come in time" }
}
