//! What proves a migration: hashes of both sides, views, writes to the source, and the certificate.

pub mod differences;
pub mod generated;
pub mod pair;
pub mod report;
pub mod reread;
pub mod sides;
pub mod verification;
pub mod verify;
pub mod view_proof;
pub mod walk;
pub mod writes;
