//! What moves rows: dumps, files, loads and the ledger that makes each load exactly once.

pub mod batch;
pub mod dump;
pub mod foreign;
pub mod import;
pub mod ledger;
pub mod load;
pub mod losses;
pub mod part_file;
pub mod part_reader;
pub mod refusal;
pub mod room;
