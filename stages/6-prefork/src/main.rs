//! The complete server as a program.

use stage6_prefork::master::{ABOUT, PROGRAM};
use std::process::ExitCode;

fn main() -> ExitCode {
    stage1_single::program::main(PROGRAM, ABOUT, stage6_prefork::run)
}
