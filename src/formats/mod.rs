//! Formats, all pure: the spec, the filter, state, journal, plan file, dump files, structure of tables. Bytes in,
//! values out, and back. No I/O but through what the caller hands in; no clock.

pub mod approval;
pub mod cause;
pub mod certificate;
pub mod chunk;
pub mod cloud;
pub mod cloud_facts;
pub mod cloud_inputs;
pub mod collation;
pub mod ddl;
pub mod dumpfile;
pub mod engine;
pub mod event;
pub mod facts;
pub mod filter;
pub mod journal;
pub mod json_text;
pub mod lease;
pub mod ledger;
pub mod manifest;
pub mod outputs;
pub mod plan;
pub mod plan_diff;
pub mod plan_seal;
pub mod probe;
pub mod progress;
pub mod rehearsal;
pub mod resolved;
pub mod row_facts;
pub mod rowhash;
pub mod spec;
pub mod state;
pub mod steps;
pub mod structure;
pub mod verification;
pub mod worker;
