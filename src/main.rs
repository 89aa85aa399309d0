//! The binary: a runtime, the command line, the exit code.

use std::process::ExitCode;

/// A row of the driver is an allocation for each of its values, and as many frees: half of their time is saved by it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    mig::cli::main(std::env::args_os().collect())
}
