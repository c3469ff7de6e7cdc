//! What stage 6 promises: the same as stage 5, by several processes.

/// The server that these tests run.
const PROGRAM: e2e::Program = e2e::Program { name: "herd", path: env!("CARGO_BIN_EXE_herd") };

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
#[path = "behaviour/monitoring/mod.rs"]
mod monitoring;
#[path = "behaviour/overload.rs"]
mod overload;
#[path = "behaviour/prefork/mod.rs"]
mod prefork;
#[path = "behaviour/probe.rs"]
mod probe;
#[path = "behaviour/slow_attacks.rs"]
mod slow_attacks;
#[path = "behaviour/starting.rs"]
mod starting;
#[path = "behaviour/stopping.rs"]
mod stopping;
