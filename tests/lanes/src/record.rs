//! What happened in the current interleaving: the steps of all threads, in their order.
//!
//! Loom runs all threads of a model on one thread of the operating system, taking turns. So a thread-local of that one
//! thread is the whole record, without a lock, and models in different tests do not disturb each other. A step is
//! recorded when its effect has happened: loom switches between threads only *before* an effect.
//!
//! ```text
//!   lanes    0: main      1: producer    2: consumer      one for each thread that has run
//!   steps    (0, spawn)   (1, start)     (1, lock) ...     cleared when the next interleaving begins
//! ```

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::panic::Location;

use loom::thread::ThreadId;

/// What is known about a model while it runs.
#[derive(Default)]
pub(crate) struct Record {
    /// How many interleavings were begun.
    pub(crate) interleavings: usize,
    /// The outcomes reported so far, by name.
    pub(crate) outcomes: BTreeMap<String, Outcome>,
    /// The threads of the current interleaving, in the order in which they began to run.
    pub(crate) lanes: Vec<Lane>,
    /// The steps of the current interleaving.
    pub(crate) steps: Vec<Step>,
    /// The things that its threads share, in the order in which they were made: a [`Thing`] is an index.
    things: Vec<Made>,
    /// How the model is walked.
    manner: Manner,
}

/// How a model is walked, apart from what loom is told.
#[derive(Clone, Copy, Default)]
pub(crate) struct Manner {
    /// So many of each thread's first sleeps end, and of its first weak exchanges fail, for nothing.
    pub(crate) wakes_for_nothing: u8,
    /// Every load reads the newest value, as if there were one memory without caches.
    pub(crate) newest_only: bool,
}

/// Something that threads share: a lock, a condition variable, an atomic or a cell. Small, because models build parts with
/// hundreds of atomics on the small stacks of loom's threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Thing(u16);

/// Where a thing was made, and the last value that was written to it, if it is an atomic.
struct Made {
    place: Place,
    newest: Option<i128>,
}

/// How often an outcome was seen.
#[derive(Default)]
pub(crate) struct Outcome {
    /// In how many interleavings.
    pub(crate) interleavings: usize,
    /// The last interleaving that reported it, so that an outcome reported twice in one counts once.
    latest: usize,
}

/// One thread of the model.
pub(crate) struct Lane {
    id: ThreadId,
    pub(crate) name: String,
    /// How often it has woken for nothing on a condition variable.
    has_slept: u8,
    /// How many of its weak exchanges have failed for nothing in this interleaving.
    has_exchanged: u8,
    /// The call that the thread is inside, if that call can block.
    pub(crate) inside: Option<Step>,
}

/// One step of one thread.
pub(crate) struct Step {
    /// An index into [`Record::lanes`].
    pub(crate) lane: usize,
    pub(crate) action: Action,
    /// What it was done to.
    pub(crate) thing: Option<Thing>,
    pub(crate) place: Option<Place>,
}

/// A line of source code.
pub(crate) type Place = &'static Location<'static>;

/// What a thread did. Turned into text only when an interleaving has failed, since most never do.
pub(crate) enum Action {
    /// One of the fixed words: `lock`, `notify_all`.
    Did(&'static str),
    /// The same, about a thread: `spawn consumer`.
    Named(&'static str, String),
    /// An atomic operation: its name, what was given to it, and what came back.
    Atomic { operation: &'static str, given: Option<i128>, returned: Option<i128>, is_old: bool },
    /// A remark of the model itself.
    Note(String),
}

thread_local! {
    static RECORD: RefCell<Option<Record>> = const { RefCell::new(None) };
    /// Whether this thread of the operating system walks a model, or has walked one that failed.
    static WALKS: Cell<bool> = const { Cell::new(false) };
}

/// Starts a record: from here on, this thread of the operating system walks a model.
pub(crate) fn begin_model(manner: Manner) {
    WALKS.set(true);
    RECORD.set(Some(Record { manner, ..Record::default() }));
}

/// Whether this thread of the operating system walks a model, or has walked one that failed.
pub(crate) fn walks() -> bool {
    WALKS.get()
}

/// Ends the record and hands it over. Nothing is recorded afterwards.
pub(crate) fn end_model() -> Option<Record> {
    RECORD.take()
}

/// Forgets the previous interleaving, and names the thread that runs now `main`.
pub(crate) fn begin_interleaving() {
    with(|record| {
        record.interleavings += 1;
        record.lanes.clear();
        record.steps.clear();
        record.things.clear();
    });
    begin_lane("main".to_owned());
}

/// Gives the thread that runs now a lane of its own.
pub(crate) fn begin_lane(name: String) {
    let id = loom::thread::current().id();
    with(|record| record.lanes.push(Lane { id, name, has_slept: 0, has_exchanged: 0, inside: None }));
}

/// The default name of the thread that is spawned next: `thread 1`, `thread 2`.
pub(crate) fn next_default_name() -> String {
    let mut number = 1;
    with(|record| {
        let spawns = record.steps.iter().filter(|step| matches!(step.action, Action::Named("spawn", _)));
        number = 1 + spawns.count();
    });
    format!("thread {number}")
}

/// Records that the current thread has done something.
#[track_caller]
pub(crate) fn did(action: Action, place: Option<Place>) {
    write(action, None, place);
}

/// Remembers that the current thread is about to make a call that may block. It becomes a step only when [`did`]
/// records it.
#[track_caller]
pub(crate) fn enters(action: Action, place: Place) {
    enter(action, None, place);
}

#[track_caller]
fn write(action: Action, thing: Option<Thing>, place: Option<Place>) {
    on_this_lane(|record, lane| {
        record.lanes[lane].inside = None;
        record.steps.push(Step { lane, action, thing, place });
    });
}

#[track_caller]
fn enter(action: Action, thing: Option<Thing>, place: Place) {
    on_this_lane(|record, lane| {
        record.lanes[lane].inside = Some(Step { lane, action, thing, place: Some(place) });
    });
}

impl Thing {
    /// A new thing. Outside a model, it is in no record.
    pub(crate) fn made_at(place: Place) -> Thing {
        Thing::holding(None, place)
    }

    /// A new atomic with this value.
    pub(crate) fn holding(newest: Option<i128>, place: Place) -> Thing {
        let mut number = u16::MAX;
        with(|record| {
            number = record.things.len().try_into().unwrap_or(u16::MAX);
            record.things.push(Made { place, newest });
        });
        Thing(number)
    }

    /// Like [`did`], about this thing.
    #[track_caller]
    pub(crate) fn did(self, what: &'static str, place: Option<Place>) {
        write(Action::Did(what), Some(self), place);
    }

    /// Like [`enters`], about this thing.
    #[track_caller]
    pub(crate) fn enters(self, what: &'static str, place: Place) {
        enter(Action::Did(what), Some(self), place);
    }

    /// Records an operation on this atomic, which holds `after` then. Without `after`, the operation has only read.
    #[track_caller]
    pub(crate) fn operated(
        self,
        operation: &'static str,
        given: Option<i128>,
        returned: Option<i128>,
        after: Option<i128>,
        place: Place,
    ) {
        let mut is_old = false;
        with(|record| {
            let Some(made) = record.things.get_mut(usize::from(self.0)) else { return };
            is_old = after.is_none() && made.newest.is_some() && made.newest != returned;
            made.newest = after.or(made.newest);
        });
        write(Action::Atomic { operation, given, returned, is_old }, Some(self), Some(place));
    }

    /// Where it was made.
    pub(crate) fn made(self, record: &Record) -> Option<Place> {
        record.things.get(usize::from(self.0)).map(|made| made.place)
    }
}

/// Whether loads read the newest value, even if their orderings allow an older one.
pub(crate) fn newest_only() -> bool {
    RECORD.with_borrow(|record| record.as_ref().is_some_and(|record| record.manner.newest_only))
}

/// Whether the thread that runs now has done this in the current interleaving.
pub(crate) fn has_done(what: &str) -> bool {
    let mut found = false;
    on_this_lane(|record, lane| {
        found = record
            .steps
            .iter()
            .any(|step| step.lane == lane && matches!(step.action, Action::Did(it) if it == what));
    });
    found
}

/// Whether the sleep that the current thread begins will end without a reason.
pub(crate) fn wakes_for_nothing() -> bool {
    goes_wrong(|lane| &mut lane.has_slept)
}

/// Whether the weak exchange that the thread that runs now begins will fail without a reason.
pub(crate) fn fails_for_nothing() -> bool {
    goes_wrong(|lane| &mut lane.has_exchanged)
}

/// Whether what the thread that runs now begins goes wrong, as its first times do if the model asks.
fn goes_wrong(so_far: fn(&mut Lane) -> &mut u8) -> bool {
    let mut goes_wrong = false;
    on_this_lane(|record, lane| {
        let so_far = so_far(&mut record.lanes[lane]);
        goes_wrong = *so_far < record.manner.wakes_for_nothing;
        *so_far += u8::from(goes_wrong);
    });
    goes_wrong
}

/// The name of the current thread's lane.
pub(crate) fn lane_name() -> String {
    let mut name = String::new();
    on_this_lane(|record, lane| name.clone_from(&record.lanes[lane].name));
    name
}

/// A bit for the current thread: there are fewer lanes than bits.
pub(crate) fn lane_bit() -> u8 {
    let mut bit = 0;
    on_this_lane(|_, lane| bit = 1 << lane);
    bit
}

/// Remembers an outcome of the current interleaving.
pub(crate) fn outcome(name: &str) {
    with(|record| {
        if !record.outcomes.contains_key(name) {
            record.outcomes.insert(name.to_owned(), Outcome::default());
        }
        if let Some(outcome) = record.outcomes.get_mut(name)
            && outcome.latest != record.interleavings
        {
            outcome.interleavings += 1;
            outcome.latest = record.interleavings;
        }
    });
}

/// When a panic drops it, it stops this thread of the operating system for good. The test has its verdict by then.
pub(crate) struct StopUnwinding;

impl Drop for StopUnwinding {
    fn drop(&mut self) {
        stop_if_unwinding();
    }
}

/// Call this before any call of loom, which must not be used once its model has failed, nor by a thread that loom does
/// not know.
///
/// Unwinding alone is no failure: a model may throw and catch something itself with `resume_unwind`.
///
/// # Panics
/// If this thread of the operating system walks no model.
#[track_caller]
pub(crate) fn stop_if_unwinding() {
    while std::thread::panicking() && RECORD.with_borrow(Option::is_none) {
        std::thread::park();
    }
    assert!(WALKS.get(), "{STRANGER}");
}

const STRANGER: &str = "the model does not know this thread, so it cannot try its steps in every order: was it started \
                        by `std::thread`?";

#[track_caller]
fn on_this_lane(use_it: impl FnOnce(&mut Record, usize)) {
    stop_if_unwinding();
    let id = loom::thread::current().id();
    with(|record| {
        if let Some(lane) = record.lanes.iter().position(|lane| lane.id == id) {
            use_it(record, lane);
        }
    });
}

/// Does nothing if the model has failed.
fn with(use_it: impl FnOnce(&mut Record)) {
    RECORD.with_borrow_mut(|record| {
        if let Some(record) = record {
            use_it(record);
        }
    });
}
