//! `cargo lab`: the labs, task by task, for the student; handing out and grading, for the instructor.
//!
//! ```text
//!   course    tests/labs/*.toml: tasks, holes, tests, hints
//!   cut       solutions/ -> exercises/
//!   tree      the files of a checkout, and copies of it
//!   build     cargo, and what it built
//!   trial     one test in one process: did its receipt come back?
//!   judge     the trials of a task: done, failing, not started
//!   explain   a failure, as a person wants to read it
//!   wrong     mistakes, as edits of the solutions
//!   student   the commands of the student
//!   handout   a copy for students
//!   grade     many submissions, each in a sandbox; reports
//! ```

pub mod build;
pub mod course;
pub mod cut;
pub mod explain;
pub mod grade;
pub mod handout;
pub mod judge;
pub mod student;
pub mod tree;
pub mod trial;
pub mod wrong;
