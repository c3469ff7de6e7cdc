//! Stage 1 as a program.

use std::process::ExitCode;

fn main() -> ExitCode {
    program::start::main("stage1", "Stage 1: one thread, one client at a time", stage1_single::run)
}
