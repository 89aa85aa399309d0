//! The drive: carries out what the run machine decides. Effects become records, tasks and messages; what comes of them
//! becomes events. Decides nothing itself.

pub mod lock;
pub mod recovery;
pub mod run;
pub mod worker;
mod writer;
