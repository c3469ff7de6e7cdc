//! What stage 4 promises: the same as stage 3, with files in memory.

/// The server that these tests run.
const PROGRAM: e2e::Program = e2e::Program { name: "stage4", path: env!("CARGO_BIN_EXE_stage4") };

#[path = "behaviour/access_log.rs"]
mod access_log;
#[path = "behaviour/cache.rs"]
mod cache;
#[path = "behaviour/crowd.rs"]
mod crowd;
#[path = "behaviour/farewell.rs"]
mod farewell;
#[path = "behaviour/hits_at_once.rs"]
mod hits_at_once;
#[path = "behaviour/http/mod.rs"]
mod http;
#[path = "behaviour/overload.rs"]
mod overload;
#[path = "behaviour/starting.rs"]
mod starting;
#[path = "behaviour/stopping.rs"]
mod stopping;
