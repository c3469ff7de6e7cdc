//! What all six programs have: settings, a command line, logs, a listening socket, a start and an end.
//!
//! ```text
//!   settings_file  lines of KEY=VALUE           start      main: logging, the command line, the exit code
//!      |                                        listening  where the settings say
//!   sources   flags, environment, file          stop       SIGTERM and SIGINT, as a flag and a bell
//!      |                                        access_log a line per request
//!   settings  one meaning for all of them       proxies    whose word is taken on where a client is
//!      |                                        log_file   whole lines, and never a wait
//!   cli       --help and its like               dropped    how many lines that has cost
//!   signals   those that are ignored            turn       one process at a time
//!                                             failure    why a server ends
//! ```
//!
//! Nothing here knows how clients are served, which is what the stages are about.

pub mod access_log;
pub mod bell;
pub mod cli;
pub mod dropped;
pub mod failure;
pub mod listening;
pub mod log_file;
pub mod proxies;
pub mod settings;
pub mod settings_file;
pub mod signals;
pub mod sources;
pub mod start;
pub mod stop;
pub mod turn;
