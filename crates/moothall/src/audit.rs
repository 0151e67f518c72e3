//! The audit log: who did what to whom, before, after, and why. Append-only.

use crate::Operations;

pub(crate) const STATEMENTS: &[(&str, &str)] = &[];

/// The operations of this context.
pub fn operations() -> Operations {
    Operations::context("audit", "Who did what, before, after, and why")
}
