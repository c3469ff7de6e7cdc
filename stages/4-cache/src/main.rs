//! Stage 4 as a program.

use std::process::ExitCode;

fn main() -> ExitCode {
    program::start::main("stage4", "Stage 4: an LRU cache of files before the disk", stage4_cache::run)
}
