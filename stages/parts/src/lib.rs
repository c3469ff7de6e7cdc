//! The six parts, as every stage names them.
//!
//! A stage says `use parts::queue::BoundedQueue` and never names a crate of `solutions/`. So this file alone
//! decides whose implementation the server runs. Each stage turns on the features of the parts that it uses.

#[cfg(feature = "cache")]
pub use cache;
#[cfg(feature = "prefork")]
pub use prefork;
#[cfg(feature = "queue")]
pub use queue;
#[cfg(feature = "request")]
pub use request;
#[cfg(feature = "stats")]
pub use stats;
#[cfg(feature = "threads")]
pub use threads;
