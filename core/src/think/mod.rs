//! The thinking, pure and synchronous: graph, plan, gates, run machine. No I/O, no clock, no tokio; the world comes in
//! as values and events, and decisions go out as values.

pub mod abilities;
pub mod approval;
pub mod cloud;
pub mod compare;
pub mod gates;
pub mod graph;
pub mod import;
pub mod moves;
pub mod plan;
pub mod plan_diff;
pub mod probe;
pub mod ready;
pub mod reconcile;
pub mod recover;
pub mod rehearsal;
pub mod resolved;
pub mod rewrite;
pub mod run;
pub mod state_edit;
