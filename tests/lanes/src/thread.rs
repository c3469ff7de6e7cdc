//! The threads of a model: what `std::thread` is to a program.

use std::io;
use std::panic::Location;
use std::time::Duration;

use crate::record::{self, Action, Place, StopUnwinding};
use crate::rules::{NobodyAsksForTheEnd, ThreadsOutliveTheirStart, TimeStandsStill};

pub use std::thread::{Result, available_parallelism, panicking};

pub use loom::thread::ThreadId;

/// Starts a thread of the model, as [`std::thread::spawn`] does. It is called `thread 1`, `thread 2` and so
/// on.
///
/// A model has at most five threads, the one that runs its closure included.
#[track_caller]
pub fn spawn<F, T>(body: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    start(record::next_default_name(), Location::caller(), body)
}

/// Like [`spawn`], with a name for the lane. `std` has no such function; models use it, the code under test
/// cannot.
#[track_caller]
pub fn spawn_named<F, T>(name: &str, body: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    start(name.to_owned(), Location::caller(), body)
}

/// Lets another thread go first, as [`std::thread::yield_now`] does. A model that spins must call it in every
/// turn.
#[track_caller]
pub fn yield_now() {
    record::stop_if_unwinding();
    loom::thread::yield_now();
    record::did(Action::Did("yield_now"), Some(Location::caller()));
}

/// A thread that can be waited for: [`std::thread::JoinHandle`].
#[derive(Debug)]
pub struct JoinHandle<T> {
    handle: loom::thread::JoinHandle<T>,
    thread: Thread,
}

impl<T> JoinHandle<T> {
    /// Waits until the thread has ended and returns its result.
    ///
    /// # Errors
    ///
    /// None: a thread that panics fails the model. The type is that of `std`.
    #[track_caller]
    pub fn join(self) -> Result<T> {
        let place = Location::caller();
        record::enters(Action::Named("join", self.thread.name.clone()), place);
        let result = self.handle.join();
        record::did(Action::Named("join", self.thread.name), Some(place));
        result
    }

    /// The thread itself, to wake it.
    pub fn thread(&self) -> &Thread {
        &self.thread
    }

    /// Not for a model: see [`crate::rules`].
    pub fn is_finished(&self) -> bool
    where
        for<'a> (): NobodyAsksForTheEnd,
    {
        unreachable!("a rule that nothing keeps")
    }
}

/// A thread of a model: [`std::thread::Thread`].
#[derive(Debug, Clone)]
pub struct Thread {
    thread: loom::thread::Thread,
    name: String,
}

impl Thread {
    /// Ends the thread's [`park`], or makes its next one end at once.
    #[track_caller]
    pub fn unpark(&self) {
        record::stop_if_unwinding();
        record::did(Action::Named("unpark", self.name.clone()), Some(Location::caller()));
        self.thread.unpark();
    }

    /// Its unique identifier.
    pub fn id(&self) -> ThreadId {
        self.thread.id()
    }

    /// The name of its lane.
    pub fn name(&self) -> Option<&str> {
        Some(&self.name)
    }
}

/// The thread that calls this.
pub fn current() -> Thread {
    Thread { thread: loom::thread::current(), name: record::lane_name() }
}

/// Sleeps until another thread calls [`Thread::unpark`], as [`std::thread::park`] does.
#[track_caller]
pub fn park() {
    let place = Location::caller();
    record::enters(Action::Did("park"), place);
    loom::thread::park();
    record::did(Action::Did("unparked"), Some(place));
}

/// Not for a lab: see [`crate::rules`].
pub fn park_timeout(_: Duration)
where
    for<'a> (): TimeStandsStill,
{
}

/// Not for a lab: see [`crate::rules`].
pub fn sleep(_: Duration)
where
    for<'a> (): TimeStandsStill,
{
}

/// Not for a model: see [`crate::rules`].
pub fn scope<'env, F, T>(body: F) -> T
where
    F: for<'scope> FnOnce(&'scope std::thread::Scope<'scope, 'env>) -> T,
    for<'a> (): ThreadsOutliveTheirStart,
{
    std::thread::scope(body)
}

/// Makes a thread with a name: [`std::thread::Builder`].
#[derive(Debug, Default)]
pub struct Builder {
    name: Option<String>,
}

impl Builder {
    /// A thread without a name.
    pub fn new() -> Builder {
        Builder::default()
    }

    /// Names its lane.
    pub fn name(self, name: String) -> Builder {
        Builder { name: Some(name) }
    }

    /// Changes nothing: loom decides.
    pub fn stack_size(self, _: usize) -> Builder {
        self
    }

    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// None; the type is that of `std`.
    #[track_caller]
    pub fn spawn<F, T>(self, body: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let name = self.name.unwrap_or_else(record::next_default_name);
        Ok(start(name, Location::caller(), body))
    }

    /// Not for a model: see [`crate::rules`].
    ///
    /// # Errors
    ///
    /// None; the type is that of `std`.
    pub fn spawn_scoped<'scope, F, T>(
        self,
        scope: &'scope std::thread::Scope<'scope, '_>,
        body: F,
    ) -> io::Result<std::thread::ScopedJoinHandle<'scope, T>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
        for<'a> (): ThreadsOutliveTheirStart,
    {
        Ok(scope.spawn(body))
    }

    /// Not for a model: see [`crate::rules`].
    ///
    /// # Errors
    ///
    /// None; the type is that of `std`.
    pub fn spawn_unchecked<F, T>(self, body: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
        for<'a> (): ThreadsOutliveTheirStart,
    {
        self.spawn(body)
    }
}

fn start<F, T>(name: String, place: Place, body: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    record::did(Action::Named("spawn", name.clone()), Some(place));
    let lane = name.clone();
    let handle = loom::thread::spawn(move || {
        let _fence = StopUnwinding;
        record::begin_lane(lane);
        record::did(Action::Did("start"), Some(place));
        let result = body();
        record::did(Action::Did("end"), None);
        result
    });
    let thread = Thread { thread: handle.thread().clone(), name };
    JoinHandle { handle, thread }
}
