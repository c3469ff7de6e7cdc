//! What stage 3 promises: a crowd of clients, few threads, and a queue that refuses when it is full.

/// The server that these tests run.
const PROGRAM: e2e::Program = e2e::Program { name: "stage3", path: env!("CARGO_BIN_EXE_stage3") };

#[path = "behaviour/access_log.rs"]
mod access_log;
#[path = "behaviour/crowd.rs"]
mod crowd;
#[path = "behaviour/farewell.rs"]
mod farewell;
#[path = "behaviour/http/mod.rs"]
mod http;
#[path = "behaviour/overload.rs"]
mod overload;
#[path = "behaviour/starting.rs"]
mod starting;
#[path = "behaviour/stopping.rs"]
mod stopping;
