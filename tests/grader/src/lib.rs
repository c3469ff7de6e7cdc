//! What only teachers and maintainers of the labs need: `cargo lab handout`, `grade`, `gradescope`, `staff`, `prove`,
//! `cut` and `sentences`.
//!
//! ```text
//!   cut       solutions/ -> exercises/
//!   wrong     mistakes, as edits of the solutions
//!   sentences each sentence of a contract, and the mistakes that break it
//!   handout   a copy for students
//!   points    what each task is worth
//!   grade     many submissions, each in a sandbox; reports
//!   gradescope  the archive that is uploaded there
//!   staff     an instructor's own tests and points, merged at grading
//!   rehearsal whether these tests find what they are for
//! ```
//!
//! How a test is run and judged is in the crate `lab`, the student's own runner.

pub mod cut;
pub mod grade;
pub mod gradescope;
pub mod handout;
pub mod points;
pub mod rehearsal;
pub mod sentences;
pub mod staff;
pub mod wrong;
