//! The bus: what crosses from node to node.

use std::fmt;

use uuid::Uuid;

use crate::operation::BoxFuture;
use crate::{Error, Fault};

/// A command on its way to the node that owns its entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The partition.
    pub partition: u16,
    /// The entity's kind.
    pub kind: &'static str,
    /// The entity's id.
    pub id: Uuid,
    /// The command, as JSON.
    pub command: Vec<u8>,
}

/// Carries commands to other nodes.
pub trait Bus: fmt::Debug + Send + Sync + 'static {
    /// Asks the node of this name, and brings its reply, as JSON.
    fn ask(&self, node: String, envelope: Envelope) -> BoxFuture<'_, Result<Vec<u8>, Box<dyn Fault>>>;
}

/// One node has nobody to ask.
#[derive(Debug, Default)]
pub struct LocalBus;

impl Bus for LocalBus {
    fn ask(&self, _: String, _: Envelope) -> BoxFuture<'_, Result<Vec<u8>, Box<dyn Fault>>> {
        Box::pin(async { Err(Box::new(Error::Unavailable) as Box<dyn Fault>) })
    }
}
