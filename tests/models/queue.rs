//! Models of the `queue` part: small programs, run in every interleaving of their threads.
//!
//! Each says which mistakes it catches; each of them was tried and seen caught. A model asserts what threads can see
//! from outside, so that it can judge any implementation of the same interface.

use lanes::thread;

#[path = "queue/bounded_queue.rs"]
mod bounded_queue;
#[path = "queue/inbox.rs"]
mod inbox;
#[path = "queue/semaphore.rs"]
mod semaphore;

/// Waits for threads and collects their results.
fn join<T>(threads: impl IntoIterator<Item = thread::JoinHandle<T>>) -> Vec<T> {
    threads.into_iter().map(|thread| thread.join().expect("a thread that panics fails the model")).collect()
}
