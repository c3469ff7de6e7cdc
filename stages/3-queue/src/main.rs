//! Stage 3 as a program.

use std::process::ExitCode;

fn main() -> ExitCode {
    program::start::main(
        "stage3",
        "Stage 3: a reception, a bounded queue, a pool of threads",
        stage3_queue::run,
    )
}
