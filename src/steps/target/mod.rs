//! What is created on the target before the first row: schemas, tables, keys and views, and the reading back.

pub mod objects;
pub mod probe;
pub mod removal;
pub mod structure;
pub mod view;
