//! What stage 1 promises: the whole protocol, for one client at a time.

/// The server that these tests run.
const PROGRAM: e2e::Program = e2e::Program { name: "stage1", path: env!("CARGO_BIN_EXE_stage1") };

#[path = "behaviour/access_log.rs"]
mod access_log;
#[path = "behaviour/http/mod.rs"]
mod http;
#[path = "behaviour/one_client.rs"]
mod one_client;
#[path = "behaviour/starting.rs"]
mod starting;
#[path = "behaviour/stopping.rs"]
mod stopping;
