//! The binary: a runtime, the command line, the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    mig::cli::main(std::env::args_os().collect())
}
