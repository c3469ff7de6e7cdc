//! Stage 5 as a program.

use std::process::ExitCode;

fn main() -> ExitCode {
    program::start::main(
        "stage5",
        "Stage 5: statistics in shared memory, monitoring past the queue",
        stage5_stats::run,
    )
}
