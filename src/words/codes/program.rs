//! Codes of: program. One row each; see the parent for the ranges.

use super::{CodeRow, row};
use crate::words::error::ExitKind;

pub(super) const ROWS: &[CodeRow] = &[
    // rows
];
