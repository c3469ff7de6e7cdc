//! Loom with readable failures: what the models of the parts are written with.
//!
//! A *model* is a small program with a few threads. [loom](https://docs.rs/loom) runs it again and again, once for
//! every way in which its threads can interleave, and a promise that breaks in one of them has broken. This crate adds
//! what a reader needs then: what each thread did, in which order, with one lane for each thread.
//!
//! ```text
//! the model failed: a release wakes a sleeper
//!
//! in interleaving 5: deadlock, no thread can go on
//!   main     is in join sleeper          semaphore.rs:19
//!   sleeper  is in wait                  semaphore.rs:52
//!
//!   step  main                             sleeper
//!      1  spawn sleeper  semaphore.rs:118
//!      2                                   start  semaphore.rs:118
//!      3                                   lock  semaphore.rs:84
//!      4                                   wait, asleep  semaphore.rs:52
//!      5  lock  semaphore.rs:84
//!      6  unlock
//! ```
//!
//! Of a long interleaving, the steps that explain it are shown, in at most 26 lines, or as many as the environment
//! variable `LANES_STEPS` allows; `all` shows all steps. No line is wider than 80 columns, or than `LANES_WIDTH`
//! allows.
//!
//! It has three parts. [`Model`] runs a model and judges it. [`sync`], [`thread`] and [`cell`] are what the code under
//! test imports instead of their namesakes in `std`: same names, same signatures, with loom inside. Each call is
//! recorded with its thread and its source line. A part of the course chooses between the two in its `lib.rs`, so that
//! its unit tests are models of the very code that the server runs.
//!
//! What loom cannot show, these types cannot show either: there is no time, there are no poisoned locks, and sleepers are
//! woken in the order in which they fell asleep.

mod choose;
mod draw;
mod model;
mod record;
mod report;
mod source;

pub mod cell;
pub mod rules;
pub mod sync;
pub mod thread;

pub use model::{Model, Run, Walk};

/// Types that loom explores and no lane shows: for the machinery of a model, whose operations are not steps of a
/// thread. A part's tests use this and not the crate loom, with which code under test could end an interleaving before
/// it fails.
pub mod unseen {
    pub use loom::sync::atomic;
    pub use loom::thread_local;
}
