//! The tasks "Prove it": a student writes a model, which is tried on parts that the student has not seen.
//!
//! Some of these parts are right, in different ways, and the model must pass on them. Others are broken, each in one
//! way, and the model must fail on them. The type that a model uses, such as [`queue::Queue`], does not show which of
//! them is inside. That is chosen here for each trial, in a random order.
//!
//! ```text
//!   labs/queue.rs          the test: includes the student's file, and names the models in it
//!     judge                tries each model on the parts of its promise, and says the first thing that is missing
//!       queue, ...         for each lab: what the models call, the promises, the right parts, the broken parts
//! ```

pub mod cache;
mod judge;
pub mod prefork;
pub mod queue;
pub mod stats;
pub mod threads;
