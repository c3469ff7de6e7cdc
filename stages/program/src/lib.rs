//! What all six programs have: settings, a command line, logs, a listening socket, a start and an end.
//!
//! ```text
//!   sources   flags, environment, file          start      main: logging, the command line, the exit code
//!      |                                        listening  where the settings say
//!   settings  one meaning for all of them       stop       SIGTERM and SIGINT, as a flag and a bell
//!      |                                        access_log a line per request
//!   cli       --help and its like               log_file   whole lines, and never a wait
//!   signals   those that are ignored            dropped    how many lines that has cost
//!                                               failure    why a server ends
//! ```
//!
//! Nothing here knows how clients are served; that is what the stages are about.

pub mod access_log;
pub mod bell;
pub mod cli;
pub mod dropped;
pub mod failure;
pub mod listening;
pub mod log_file;
pub mod settings;
pub mod signals;
pub mod sources;
pub mod start;
pub mod stop;
