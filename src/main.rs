//! The binary: a runtime, the command line, the exit code.

use std::process::ExitCode;

/// A row of the driver is an allocation for each of its values, and as many frees: half of their time is saved by it. One arena,
/// which `.cargo/config.toml` sets: what one thread frees, the next one takes, and a run over thousands of tables stays small.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    mig::cli::main(std::env::args_os().collect())
}
