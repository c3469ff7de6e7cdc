//! What the `queue` part must do, with real threads. The models try every interleaving of a few threads; here are many
//! threads, many items, and a real operating system.

mod allocations;
mod watched;

#[path = "queue/bounded_queue.rs"]
mod bounded_queue;
#[path = "queue/inbox.rs"]
mod inbox;
#[path = "queue/semaphore.rs"]
mod semaphore;
#[path = "queue/traffic.rs"]
mod traffic;
