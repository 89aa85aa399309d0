//! Formats, all pure: the spec, the filter, state, journal, plan file, dump files, structure of tables. Bytes in,
//! values out, and back. No I/O but through what the caller hands in; no clock.

pub mod facts;
pub mod plan;
pub mod spec;
pub mod state;
pub mod structure;
