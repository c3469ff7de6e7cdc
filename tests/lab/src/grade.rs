//! Many submissions, each in a sandbox; reports.

mod pristine;

pub use pristine::Pristine;
