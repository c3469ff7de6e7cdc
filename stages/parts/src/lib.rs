//! The six parts, as every stage names them.
//!
//! A stage says `use parts::queue::BoundedQueue` and never names a crate of `solutions/` or `exercises/`. So this
//! file alone decides whose implementation the server runs: ours, or with the feature `my-queue` the student's.
//! Each stage turns on the features of the parts that it uses, and passes on `my-...` and `mine`.

#[cfg(all(feature = "cache", not(feature = "my-cache")))]
pub use cache;
#[cfg(feature = "my-cache")]
pub use my_cache as cache;

#[cfg(feature = "my-prefork")]
pub use my_prefork as prefork;
#[cfg(all(feature = "prefork", not(feature = "my-prefork")))]
pub use prefork;

#[cfg(feature = "my-queue")]
pub use my_queue as queue;
#[cfg(all(feature = "queue", not(feature = "my-queue")))]
pub use queue;

#[cfg(feature = "my-request")]
pub use my_request as request;
#[cfg(all(feature = "request", not(feature = "my-request")))]
pub use request;

#[cfg(feature = "my-stats")]
pub use my_stats as stats;
#[cfg(all(feature = "stats", not(feature = "my-stats")))]
pub use stats;

// ANCHOR: threads
#[cfg(feature = "my-threads")]
pub use my_threads as threads;
#[cfg(all(feature = "threads", not(feature = "my-threads")))]
pub use threads;
// ANCHOR_END: threads
