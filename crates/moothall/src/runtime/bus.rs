//! The bus: what crosses from node to node.
//!
//! Everything here can be serialized, so that a bus is free to carry it as it likes.

use std::fmt;

use moothall_protocol::{Kind, Problem, RequestId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::cx::Asked;
use crate::error::Relayed;
use crate::idempotency::Claim;
use crate::operation::BoxFuture;
use crate::{Details, Error, Fault, Registry};

/// A command on its way to the node that owns its entity.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Envelope {
    /// The partition.
    pub partition: u16,
    /// The entity's kind.
    pub kind: String,
    /// The entity's id.
    pub id: Uuid,
    /// By whom and from where it is asked.
    pub asked: Asked,
    /// The claim on the request's idempotency key: its owner keeps it beside the entity's effects.
    pub claim: Option<Claim>,
    /// The command, as JSON.
    pub command: Vec<u8>,
}

/// A refusal on its way back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Refusal {
    /// What kind of refusal it is.
    pub kind: Kind,
    /// All that the client is to see.
    pub problem: Problem,
}

/// What the owner of an entity answers: the reply as JSON, or how the entity refused.
pub type Answered = Result<Vec<u8>, Box<Refusal>>;

impl Refusal {
    pub(super) fn of(fault: &dyn Fault, request_id: RequestId) -> Box<Self> {
        Box::new(Self { kind: fault.kind(), problem: fault.problem(request_id) })
    }

    /// The same refusal on this node, which must know its code.
    pub(super) fn error(self, registry: &Registry) -> Error {
        let Self { kind, problem } = self;
        let Some(entry) = registry.errors().iter().find(|entry| entry.code == problem.code) else {
            return Error::internal(format!("a node refused with `{}`, which is unknown here", problem.code));
        };
        let details = Details {
            retry_after: problem.retry_after_ms.map(std::time::Duration::from_millis),
            until: problem.until,
            version: problem.version,
            fields: (!problem.fields.is_empty()).then_some(problem.fields),
            restriction: problem.restriction,
        };
        Error::Relayed(Relayed { kind, code: entry.code, title: problem.title, details }.into())
    }
}

/// Carries commands to other nodes.
pub trait Bus: fmt::Debug + Send + Sync + 'static {
    /// Asks the node of this name, where [`Directory::receive`](super::Directory::receive) answers. The error is the bus's own.
    fn ask(&self, node: String, envelope: Envelope) -> BoxFuture<'_, Result<Answered, Error>>;
}

/// One node has nobody to ask.
#[derive(Debug, Default)]
pub struct LocalBus;

impl Bus for LocalBus {
    fn ask(&self, _: String, _: Envelope) -> BoxFuture<'_, Result<Answered, Error>> {
        Box::pin(async { Err(Error::Unavailable) })
    }
}
