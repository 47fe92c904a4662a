//! The program: [`cartctl::run`] in a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    cartctl::run()
}
