//! Stage 2 as a program.

use std::process::ExitCode;

fn main() -> ExitCode {
    program::start::main("stage2", "Stage 2: a thread per connection, up to a limit", stage2_threads::run)
}
