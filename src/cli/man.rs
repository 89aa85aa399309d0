//! `mig man`: the manual pages, made of the same definition as the help. The build of a package runs it, as it runs
//! `mig completion`: so no page is checked in that could be of another version.

use super::args::{self, Man};
use super::session::print;
use crate::words::codes;
use crate::words::error::{ExitKind, Failure, Outcome};

pub fn run(args: &Man) -> Outcome<ExitKind> {
    let written =
        std::fs::create_dir_all(&args.out).and_then(|()| clap_mangen::generate_to(args::command(), &args.out));
    written.map_err(|error| {
        let doing = format!("write the manual pages to {}", args.out.display());
        Failure::new(codes::FILE_UNWRITABLE, doing, error.to_string(), "Name a folder that can be written.")
    })?;
    print(&format!("The manual pages are in {}.\n", args.out.display()));
    Ok(ExitKind::Success)
}
