//! What only teachers and maintainers of the labs need: `cargo lab handout`, `grade`, `cut` and `prove`.
//!
//! ```text
//!   cut       solutions/ -> exercises/
//!   wrong     mistakes, as edits of the solutions
//!   sentences each sentence of a contract, and the mistakes that break it
//!   handout   a copy for students
//!   points    what each task is worth
//!   grade     many submissions, each in a sandbox; reports
//! ```
//!
//! How a test is run and judged is in the crate `lab`, the student's own runner.

pub mod cut;
pub mod grade;
pub mod handout;
pub mod points;
pub mod sentences;
pub mod wrong;
