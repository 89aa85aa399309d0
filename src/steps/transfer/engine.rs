//! What the engines that are not mig's own have in common: a folder for each table in the folder of the dump, and a program
//! that is watched until it ends. Knows neither what a program is told nor what it says of its end.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::formats::dumpfile::DumpFile;
use crate::seams::program::{Ended, Start};
use crate::steps::context::Context;
use crate::steps::runner::fault as file_fault;
use crate::steps::step::StepCtx;
use crate::words::addr::TableName;
use crate::words::error::Outcome;

/// What the program writes or reads, in the folder of a table.
pub const FILES: &str = "files";
/// What it prints.
pub const OUTPUT: &str = "output.log";
/// How often it is asked how far it is.
const ASKED_EVERY: Duration = Duration::from_millis(500);

/// Where a program works for a table. The folders of two tables have none in common, which one would have to make while the other
/// removes it.
pub fn folder(dir: &Path, program: &str, name: &TableName) -> PathBuf {
    let file = DumpFile::Table(name.clone()).name();
    dir.join(format!("{program}.{}", file.strip_suffix("-schema.sql").unwrap_or(&file)))
}

/// Removes what a program left for a table.
///
/// # Errors
/// MIG5110.
pub fn remove(folder: &Path) -> Outcome<()> {
    match std::fs::remove_dir_all(folder) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(file_fault("remove", folder, &e)),
        _ => Ok(()),
    }
}

/// Runs a program to its end, and shows how far it is: `rows` reads that from its metrics at `port`. Gives how it ended, and the rows
/// that were shown. An interruption ends it, and removes what it left in the folder.
///
/// # Errors
/// MIG5171; an interruption.
pub async fn run(
    (context, ctx): (&Context, &StepCtx),
    start: &Start,
    folder: &Path,
    port: u16,
    rows: impl Fn(&str) -> Option<u64> + Sync,
) -> Outcome<(Ended, u64)> {
    let mut running = context.programs.start(start)?;
    let mut shown = 0;
    let watched = async {
        loop {
            tokio::select! {
                ended = running.ended() => return ended,
                () = context.clock.sleep(ASKED_EVERY) => {
                    let page = context.programs.page(port, "/metrics").await;
                    if let Some(rows) = page.and_then(|page| rows(&page)).filter(|rows| *rows > shown) {
                        ctx.progress(rows - shown, 0);
                        shown = rows;
                    }
                }
            }
        }
    };
    match ctx.or_stopped(watched).await {
        Ok(ended) => Ok((ended?, shown)),
        Err(interrupted) => {
            running.stop().await;
            remove(folder)?;
            Err(interrupted)
        }
    }
}
