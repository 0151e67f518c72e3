//! Live entities.

use crate::Hall;

/// The way to live entities.
#[derive(Debug, Default)]
pub struct Directory {}

impl Directory {
    pub(crate) fn start(&self, _: &Hall) {}

    pub(crate) async fn close(&self) {}
}
