//! Codes of the cloud: MIG32xx. One row each; see the parent for the ranges.

use super::{CodeRow, row};
use crate::words::error::ExitKind::Error;

pub(super) const ROWS: &[CodeRow] = &[row(
    "MIG3201",
    Error,
    "a provider could not be opened",
    "The spec has a `provider \"aws\"`, and this build of mig was made without the feature `aws`. Releases have it.",
)];
