//! `cargo lab`: the labs, task by task, for the student.
//!
//! ```text
//!   course    tests/labs/*.toml: tasks, holes, tests, hints
//!   tree      the files of a checkout, and copies of it
//!   code      a file without its comments
//!   refused   names that no file may use
//!   build     cargo, and what it built
//!   trial     one test in one process: did its receipt come back?
//!   unseen    locks that no model sees
//!   judge     the trials of a task: done, failing, not started
//!   explain   a failure, as a person wants to read it
//!   student   the commands
//! ```
//!
//! What only teachers need (handing out, grading) is the crate `grader`, which uses this one.

pub mod build;
pub mod code;
pub mod course;
pub mod explain;
pub mod judge;
pub mod refused;
pub mod student;
pub mod tree;
pub mod trial;
pub mod unseen;
pub mod view;
