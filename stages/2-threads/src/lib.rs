//! Stage 2: a thread for each connection, and never more of them than the limit.
//!
//! A silent client now holds one thread, not the server. The price: every connection, busy or idle, costs a thread,
//! so their number must be limited, and as many silent clients as the limit allows stop the server again.
//!
//! ```text
//!   backlog ---> acceptor: 1. acquire a permit (waits at the limit, and the clients wait in the backlog)
//!   (kernel)               2. accept
//!                          3. start a thread -----> serves its connection to the end, gives the permit back
//! ```
//!
//! The permit comes first. An acceptor that accepts first holds a client without a thread; left in the backlog, that
//! client costs nothing and the kernel completes its handshake.

use http::connection::Connection;
use http::handler::Handler;
use parts::threads::{ConnectionLimit, Permit};
use program::failure::Failure;
use program::listening::{announce, listen};
use program::settings::Settings;
use program::stop::Stop;
use program::{start, stop};
use stage1_single::files::Files;
use stage1_single::{accept, serve};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

/// The server with a thread per connection. The limit is the setting `THREADS_PER_WORKER`.
///
/// # Errors
/// [`Failure`] when it cannot start, or cannot continue.
pub fn run(settings: &Settings) -> Result<(), Failure> {
    // ANCHOR: starting
    let handler = start::logged(Files::new(start::open_root(settings)?, settings), settings)?;
    let stop = stop::on_signals().map_err(Failure::running)?;
    let (listener, address) = listen(settings)?;
    announce("stage2", address);
    // ANCHOR_END: starting

    // ANCHOR: accept_loop
    let timeout = settings.timeout;
    let threads = Threads { handler: Arc::new(handler), timeout, stop };
    let limit = ConnectionLimit::new(settings.threads_per_worker);
    loop {
        // A stop ends the connections, so a permit comes back even if all are out.
        let permit = limit.acquire();
        match accept::next_client(&listener, stop).map_err(Failure::running)? {
            Some(connection) => threads.start(connection, permit),
            None => break,
        }
    }
    drop(listener);
    limit.drain();
    log::info!("stopped");
    Ok(())
    // ANCHOR_END: accept_loop
}

// ANCHOR: what_every_thread_needs
/// What every thread needs.
struct Threads<H> {
    handler: Arc<H>,
    timeout: Duration,
    stop: &'static Stop,
}
// ANCHOR_END: what_every_thread_needs

impl<H: Handler + 'static> Threads<H> {
    // ANCHOR: start_a_thread
    /// Serves a connection in a thread of its own.
    fn start(&self, connection: Connection, permit: Permit) {
        let (handler, timeout, stop) = (self.handler.clone(), self.timeout, self.stop);
        // Start the thread first and then give it the connection: if no thread can be started, the
        // connection is still here.
        let (give, take) = mpsc::channel::<(Permit, Connection)>();
        let started = thread::Builder::new().name("connection".into()).spawn(move || {
            // Declared first, so dropped last: the permit comes back when the connection is closed.
            if let Ok((_permit, mut connection)) = take.recv() {
                serve::serve(&mut connection, &*handler, timeout, stop);
            }
        });
        match started {
            // The thread waits for this first of all, so the receiver is still there.
            Ok(_) => drop(give.send((permit, connection))),
            Err(error) => {
                log::warn!("no thread can be started, serving one client in place: {error}");
                let mut connection = connection;
                serve::serve(&mut connection, &*self.handler, self.timeout, self.stop);
            }
        }
    }
    // ANCHOR_END: start_a_thread
}
