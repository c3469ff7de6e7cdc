//! Runs a model through all its interleavings and judges it.
//!
//! Each model is walked by a thread of the operating system of its own, so that tests can run side by side. When
//! something panics there, the panic hook sends the record to the test. The thread itself is then stopped for good, at
//! the first drop that touches the shim, or else where the panic would leave the model. Unwinding it further would only
//! do harm: a value that takes a lock when dropped would wait for threads that never run again, or make loom panic
//! inside the panic, which aborts the whole test program.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::panic::{Location, PanicHookInfo};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Once};
use std::thread::ThreadId;

use crate::record::{self, Action, Manner, Record};
use crate::report::{self, Panic};

/// A model and what is expected of it.
///
/// ```text
/// Model::new("two increments are never one")
///     .outcomes(&["the first thread came first", "the second came first"])
///     .check(|run| { ...; run.outcome("the first thread came first"); });
/// ```
#[must_use = "a model promises nothing until it is checked"]
pub struct Model {
    promise: String,
    preemption_bound: usize,
    wakes_for_nothing: u8,
    outcomes: Option<BTreeSet<String>>,
    at_most: Option<usize>,
    if_it_loops: &'static str,
}

/// The result of [walking](Model::walk) a model.
#[derive(Debug)]
pub struct Walk {
    /// How many interleavings were begun.
    pub interleavings: usize,
    /// Whether these were all: neither a failure nor a limit has ended the walk.
    pub complete: bool,
    /// In which interleaving it failed, how, and the steps in lanes; if one did.
    pub failure: Option<String>,
}

impl Model {
    /// A model of `promise`, a sentence that says what holds in every interleaving.
    pub fn new(promise: &str) -> Model {
        Model {
            promise: promise.to_owned(),
            preemption_bound: 3,
            wakes_for_nothing: 0,
            outcomes: None,
            at_most: None,
            if_it_loops: report::IF_IT_LOOPS,
        }
    }

    /// How often, at most, a thread that could continue is made to wait for another in one interleaving. The default is
    /// 3.
    ///
    /// Most mistakes need only two such switches (Musuvathi and Qadeer, "Iterative Context Bounding for
    /// Systematic Testing of Multithreaded Programs", 2007), but not all: give a small model 3, and only a
    /// wide one 2.
    pub fn preemption_bound(mut self, bound: usize) -> Model {
        self.preemption_bound = bound;
        self
    }

    /// Lets the first sleep of each thread on a condition variable end without a reason, as pthread_cond_wait(3p)
    /// allows ("spurious wakeups"). A thread that then goes on without looking again breaks the promise. In the same way
    /// its first `compare_exchange_weak` fails, as the standard library allows; so it must try again.
    pub fn wakes_for_nothing(mut self) -> Model {
        self.wakes_for_nothing = 1;
        self
    }

    /// The same for the first eight: a thread that looks again a few times, and not in a loop, is found.
    pub fn wakes_often_for_nothing(mut self) -> Model {
        self.wakes_for_nothing = 8;
        self
    }

    /// Exactly what [`Run::outcome`] must have reported when all interleavings have been walked, in any
    /// order.
    ///
    /// This is what keeps a model from being vacuous: if the interesting race cannot happen in it, an outcome
    /// is missing.
    pub fn outcomes(mut self, outcomes: &[&str]) -> Model {
        self.outcomes = Some(outcomes.iter().map(|&outcome| outcome.to_owned()).collect());
        self
    }

    /// Walks no more interleavings than this. Only for [`walk`](Self::walk), which says whether it was enough: a check
    /// that ends early has checked nothing.
    pub fn at_most(mut self, interleavings: usize) -> Model {
        self.at_most = Some(interleavings);
        self
    }

    /// What the report says of a thread that loops without end. By default, that it should sleep instead; a model may
    /// know better what the thread is looking for.
    pub fn if_it_loops(mut self, what_then: &'static str) -> Model {
        self.if_it_loops = what_then;
        self
    }

    /// Runs `model` in every interleaving of its threads, and leaves the judgement to the caller.
    pub fn walk(self, model: impl Fn(&Run) + Send + Sync + 'static) -> Walk {
        let model: Arc<Body> = Arc::new(model);
        let limits = Limits { preemption_bound: self.preemption_bound, interleavings: self.at_most };
        match walk(self.manner(), limits, &model) {
            Verdict::Walked(Record { interleavings, .. }) => {
                let complete = self.at_most.is_none_or(|most| interleavings < most);
                Walk { interleavings, complete, failure: None }
            }
            Verdict::Failed(record, panic) => Walk {
                interleavings: record.interleavings,
                complete: false,
                failure: Some(report::failure(&record, &panic, self.if_it_loops)),
            },
        }
    }

    /// Runs `model` in every interleaving of its threads, and prints how many there were. If one fails, it is run again,
    /// and the simplest interleaving that fails is shown.
    ///
    /// # Panics
    ///
    /// If any interleaving panics or deadlocks; the message shows it in lanes. A panic that the model catches counts
    /// too, and in a process for one test also a panic on any other thread; a model of a thread that panics throws with
    /// [`std::panic::resume_unwind`] instead. If there was only one
    /// interleaving, because then the threads never meet, and the model proves nothing. If the outcomes are not the
    /// expected ones.
    #[track_caller]
    pub fn check(self, model: impl Fn(&Run) + Send + Sync + 'static) {
        let model: Arc<Body> = Arc::new(model);
        let record = match walk(self.manner(), Limits::of(self.preemption_bound), &model) {
            Verdict::Walked(record) => record,
            Verdict::Failed(record, panic) => {
                let (record, panic) = self.simplest_failure(&model).unwrap_or((record, panic));
                panic!("{}", report::broken(&self.promise, &record, &panic, self.if_it_loops))
            }
        };
        if let Some(expected) = &self.outcomes
            && !expected.iter().eq(record.outcomes.keys())
        {
            panic!("{}", report::wrong_outcomes(&self.promise, expected, &record));
        }
        if record.interleavings < 2 {
            panic!("{}", report::vacuous(&self.promise));
        }
        println!("{}", report::kept(&self.promise, &record));
    }

    fn manner(&self) -> Manner {
        Manner { wakes_for_nothing: self.wakes_for_nothing, newest_only: false }
    }

    /// Walks a failed model again, for an interleaving that is easier to understand: it tries first those in which
    /// every load reads the newest value, and among them those with the fewest preemptions.
    fn simplest_failure(&self, model: &Arc<Body>) -> Option<(Record, Panic)> {
        let newest = |bound| (Manner { newest_only: true, ..self.manner() }, bound);
        let any = |bound| (self.manner(), bound);
        let (last, bounds) = (self.preemption_bound, 0..self.preemption_bound);
        let walks = bounds.clone().map(newest).chain([newest(last)]).chain(bounds.map(any));
        walks.into_iter().find_map(|(manner, preemption_bound)| {
            let limits = Limits { preemption_bound, interleavings: Some(SECOND_WALK) };
            match walk(manner, limits, model) {
                Verdict::Failed(record, panic) => Some((record, panic)),
                Verdict::Walked(_) => None,
            }
        })
    }
}

/// What a model runs.
type Body = dyn Fn(&Run) + Send + Sync;

/// How many interleavings, at most, are walked in each search for a simpler one that fails.
const SECOND_WALK: usize = 5_000;

/// How far loom walks.
struct Limits {
    preemption_bound: usize,
    /// `None`: all of them.
    interleavings: Option<usize>,
}

impl Limits {
    fn of(preemption_bound: usize) -> Limits {
        Limits { preemption_bound, interleavings: None }
    }
}

/// One interleaving of a model, so that the model can report on it. Copy it into the threads that need it.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// The thread of the operating system that walks the model: all threads of a model run on it, in turn.
    walker: ThreadId,
}

/// # Panics
/// Every method panics if this is the run of another model. With such a run, code under test could report outcomes that
/// the model has not seen. And a model that the student wrote and a test runs, as in "Prove it", judges what is promised,
/// and not how it is done.
impl Run {
    /// Reports how this interleaving turned out. All reports are compared with [`Model::outcomes`] at the end.
    pub fn outcome(&self, name: &str) {
        self.must_be_of_this_model();
        record::outcome(name);
    }

    /// Whether the calling thread has done this in the current interleaving: a word as the lanes show it, such as
    /// `write lock`. For promises about how something is done, not only about what comes of it.
    pub fn has_done(&self, what: &str) -> bool {
        self.must_be_of_this_model();
        record::has_done(what)
    }

    /// Adds a step of the model's own to the lane of the calling thread: `accepted 1`.
    #[track_caller]
    pub fn note(&self, text: impl Into<String>) {
        self.must_be_of_this_model();
        record::did(Action::Note(text.into()), Some(Location::caller()));
    }

    fn must_be_of_this_model(&self) {
        assert!(self.walker == std::thread::current().id(), "this is a run of another model");
    }
}

enum Verdict {
    Walked(Record),
    Failed(Record, Panic),
}

thread_local! {
    /// Where this thread's verdict goes, if it walks a model.
    static VERDICT: RefCell<Option<Sender<Verdict>>> = const { RefCell::new(None) };
}

/// How many models are being walked. One inside of another could hide a failure of the outer model.
static WALKING: AtomicUsize = AtomicUsize::new(0);

/// How many panics there were on threads that walk no model. While a model is walked, such a thread can be one that the
/// code under test has started, and the assertion that failed there can be one of the model's.
static PANICS_ELSEWHERE: AtomicUsize = AtomicUsize::new(0);

fn walk(manner: Manner, limits: Limits, model: &Arc<Body>) -> Verdict {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !failed_a_model(panic) {
                others(panic);
            }
        }));
    });

    // This is how `cargo lab` and the grader start a test. Tests that run at the same time may panic on their threads,
    // and each may run a model.
    let is_only_test =
        ["--exact", "--test-threads=1"].iter().all(|word| std::env::args().any(|other| other == *word));
    let is_inside = record::walks() || is_only_test && WALKING.load(Ordering::SeqCst) > 0;
    assert!(!is_inside, "a model cannot run inside of another one");
    WALKING.fetch_add(1, Ordering::SeqCst);
    let (verdict, verdicts) = channel();
    let model = Arc::clone(model);
    let panics_before = PANICS_ELSEWHERE.load(Ordering::SeqCst);
    let walk = std::thread::Builder::new().name("the model".to_owned());
    let walking = walk.spawn(move || {
        VERDICT.set(Some(verdict.clone()));
        record::begin_model(manner);
        let walker = std::thread::current().id();
        explorer(&limits).check(move || {
            let _fence = record::StopUnwinding;
            record::begin_interleaving();
            model(&Run { walker });
            let panics = PANICS_ELSEWHERE.load(Ordering::SeqCst) - panics_before;
            assert!(!is_only_test || panics == 0, "{STRANGER_PANICKED}");
        });
        // The record is gone if the model has caught a panic: then the test knows already.
        if let Some(record) = record::end_model() {
            verdict.send(Verdict::Walked(record)).expect("the test waits for the verdict");
        }
    });
    walking.expect("the system can start a thread");
    let verdict = verdicts.recv();
    WALKING.fetch_sub(1, Ordering::SeqCst);
    verdict.expect("the thread that walks a model sends a verdict, unless resume_unwind has ended it")
}

const STRANGER_PANICKED: &str =
    "a thread that the model does not know has panicked: was it started by `std::thread`?";

/// The panic hook. On a thread that walks a model it sends the verdict to the test, and returns true.
fn failed_a_model(panic: &PanicHookInfo<'_>) -> bool {
    let Some(verdict) = VERDICT.take() else {
        PANICS_ELSEWHERE.fetch_add(usize::from(!record::walks()), Ordering::SeqCst);
        return false;
    };
    let record = record::end_model().unwrap_or_default();
    // It cannot fail, because the test waits. If it did, a panic inside the hook would only abort the program.
    let _ = verdict.send(Verdict::Failed(record, Panic::new(panic)));
    true
}

/// Every setting is made here: loom would take those left out from the environment, where a limit on time or
/// interleavings ends a run early and calls it a success.
fn explorer(limits: &Limits) -> loom::model::Builder {
    let mut builder = loom::model::Builder::new();
    builder.max_threads = report::MAX_THREADS;
    builder.max_branches = report::MAX_BRANCHES;
    // Loom checks this limit every `checkpoint_interval` interleavings, before it begins the next.
    builder.max_permutations = limits.interleavings.map(|most| most + 1);
    builder.max_duration = None;
    builder.preemption_bound = Some(limits.preemption_bound);
    builder.checkpoint_file = None;
    builder.checkpoint_interval = if limits.interleavings.is_some() { 1 } else { usize::MAX };
    builder.expect_explicit_explore = false;
    builder.location = true;
    builder.log = false;
    builder
}
