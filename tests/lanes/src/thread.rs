//! The threads of a model: what `std::thread` is to a program.

use std::panic::Location;

use crate::record::{self, Action, Place, StopUnwinding};

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
    name: String,
}

impl<T> JoinHandle<T> {
    /// Waits until the thread has ended and returns its result.
    ///
    /// # Errors
    ///
    /// None: a thread that panics fails the model. The type is that of `std`.
    #[track_caller]
    pub fn join(self) -> std::thread::Result<T> {
        let place = Location::caller();
        record::enters(Action::Named("join", self.name.clone()), place);
        let result = self.handle.join();
        record::did(Action::Named("join", self.name), Some(place));
        result
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
    JoinHandle { handle, name }
}
