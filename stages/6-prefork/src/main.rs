//! The complete server as a program.

use stage6_prefork::{ABOUT, PROGRAM};
use std::process::ExitCode;

fn main() -> ExitCode {
    program::start::main(PROGRAM, ABOUT, stage6_prefork::run)
}
