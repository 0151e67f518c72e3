//! Leases: which node owns a partition.

use std::fmt;

/// Who owns a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// This node, with this epoch: a number that grows with every change of owner.
    Here {
        /// The fencing token. Nothing is written with it yet: it comes into use together with leases that change their owner.
        epoch: u64,
    },
    /// The node of this name.
    Node(String),
    /// Nobody at this moment: try again.
    Nobody,
}

/// Who owns which partition.
pub trait Leases: fmt::Debug + Send + Sync + 'static {
    /// The owner of a partition, as far as this node knows.
    fn owner(&self, partition: u16) -> Owner;
}

/// One node owns everything.
#[derive(Debug, Default)]
pub struct LocalLeases;

impl Leases for LocalLeases {
    fn owner(&self, _: u16) -> Owner {
        Owner::Here { epoch: 1 }
    }
}
