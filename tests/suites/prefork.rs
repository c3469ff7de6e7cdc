//! What the `prefork` part must do. One file for each of its types; the supervisor's tests all use [`herd::Herd`],
//! which plays the master's loop and the kernel, and checks at each step what must always hold.

mod allocations;
#[path = "prefork/deaths.rs"]
mod deaths;
#[path = "prefork/herd.rs"]
mod herd;
mod interrupted;
#[path = "prefork/mailbox.rs"]
mod mailbox;
#[path = "prefork/rolling.rs"]
mod rolling;
#[path = "prefork/sockets.rs"]
mod sockets;
#[path = "prefork/stopping.rs"]
mod stopping;
#[path = "prefork/turmoil.rs"]
mod turmoil;
