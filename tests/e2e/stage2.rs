//! What stage 2 promises: a thread for each connection, up to a limit.

/// The server that these tests run.
const PROGRAM: e2e::Program = e2e::Program { name: "stage2", path: env!("CARGO_BIN_EXE_stage2") };

#[path = "behaviour/access_log.rs"]
mod access_log;
#[path = "behaviour/farewell.rs"]
mod farewell;
#[path = "behaviour/http/mod.rs"]
mod http;
#[path = "behaviour/limited_clients.rs"]
mod limited_clients;
#[path = "behaviour/starting.rs"]
mod starting;
#[path = "behaviour/stopping.rs"]
mod stopping;
