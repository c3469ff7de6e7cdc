//! Stage 3: one thread waits for all clients, a few threads do all the work, with a bounded queue between them.
//!
//! ```text
//!                     reception (one thread, epoll)              pool (THREADS_PER_WORKER threads)
//!   new clients  -->  accepts, reads, parses
//!   idle clients -->  waits for all of them           queue
//!                     a request is complete  ----> [][][][] ----> answers it, sends what the client takes
//!                                        full: 503                       |
//!                     waits for the next request   <----- inbox ---------+
//! ```
//!
//! In stage 2, waiting for a client cost a thread. Here it costs a connection: the silent, the half-sent, the idle and
//! the slow all wait in the reception. A thread only gets complete requests, and it gives the connection back as soon
//! as the client makes it wait. And a request that cannot be served soon is refused soon: when the queue is full, the
//! client gets 503 at once instead of an ever longer wait.

pub mod clients;
pub mod counter;
pub mod deadlines;
pub mod delay;
pub mod door;
pub mod pool;
pub mod reception;
pub mod service;
pub mod table;

use door::{Door, Entrance};
use pool::Pool;
use program::failure::{Failure, plain};
use program::listening::{announce, announce_monitoring, listen, listen_for_monitoring};
use program::settings::{Monitoring, Settings};
use program::start;
use program::stop::{self, Stop};
use reception::Reception;
use service::Service;
use stage1_single::files::Files;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

/// The server with a queue and a pool of threads.
///
/// # Errors
/// [`Failure`] when it cannot start, or cannot continue.
pub fn run(settings: &Settings) -> Result<(), Failure> {
    let files = start::logged(Files::new(start::open_root(settings)?, settings), settings)?;
    run_alone("stage3", files, Monitoring::Off, settings)
}

/// A server of a single process: listens, announces its address, and serves until it is stopped. `monitoring` is where
/// monitoring requests are answered.
///
/// # Errors
/// [`Failure`] when it cannot start, or cannot continue.
pub fn run_alone(
    program: &str,
    service: impl Service,
    monitoring: Monitoring,
    settings: &Settings,
) -> Result<(), Failure> {
    let stop = stop::on_signals().map_err(Failure::running)?;
    let (listener, address) = listen(settings)?;
    let (monitoring, monitoring_address) = listen_for_monitoring(monitoring)?.unzip();
    let ready = || {
        announce(program, address);
        announce_monitoring(program, monitoring_address);
    };
    let door = Door::new(listener.into()).with_monitoring(monitoring.map(OwnedFd::from));
    serve(door, Arc::new(service), settings, stop, ready)
}

/// What a reception does with epoll(7), for the error message if the system refuses it.
const WATCH: &str = "watch the clients";

/// Checks that there are descriptors for one client and for the look-up of its file, which may hold two at a time. A
/// server without them would listen, but serve no client.
fn has_room_for_a_client(any: impl AsFd) -> io::Result<()> {
    let _client = any.as_fd().try_clone_to_owned()?;
    let _name = any.as_fd().try_clone_to_owned()?;
    any.as_fd().try_clone_to_owned().map(drop)
}

/// Serves the clients that come in at `entrance` until a stop is requested and everything accepted is answered. This is
/// also what a worker of stage 6 does. `ready` is called once, when nothing can fail at the start any more.
///
/// # Errors
/// [`Failure`] when the system refuses threads or descriptors at the start, or when epoll(7) fails.
pub fn serve(
    entrance: impl Entrance,
    service: Arc<impl Service>,
    settings: &Settings,
    stop: &'static Stop,
    ready: impl FnOnce(),
) -> Result<(), Failure> {
    // ANCHOR: serve
    let pool = Pool::start(settings, service.clone(), stop)
        .map_err(|error| Failure::Running(format!("cannot start the threads: {}", plain(&error))))?;
    let reception = Reception::new(entrance, &pool, service, settings.timeout, stop);
    let reception = reception.map_err(Failure::cannot(WATCH))?;
    has_room_for_a_client(&pool.counter().bell).map_err(Failure::cannot("serve even one client"))?;
    ready();
    let result = reception.run();
    pool.finish();
    log::info!("stopped");
    result.map_err(Failure::cannot(WATCH))
    // ANCHOR_END: serve
}
