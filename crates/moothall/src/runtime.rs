//! Live entities: plain structs that live in partitions, and are as durable as a row.
//!
//! Start at [`Entity`], the struct's side, and [`Directory::call`], the caller's. A *partition* is one serial task that owns
//! every entity whose kind and id hash to its number. It takes the commands that wait, hands each to its entity, writes all
//! effects in one transaction, and only then lets replies and events go. So group commit falls out for free, nobody ever sees
//! what could still be lost, and an entity needs no lock, no clock and no database of its own.
//!
//! An entity is addressed by kind and id, never by a handle kept somewhere: [`Leases`] says which node owns its partition,
//! and [`Bus`] carries what is for another node. On one node both are local.

mod bus;
mod directory;
mod entity;
mod job;
mod leases;
mod partition;
mod places;
pub mod simulator;

pub use bus::{Answered, Bus, Envelope, LocalBus, Refusal};
pub use directory::Directory;
pub use entity::{Entity, Turn};
pub use leases::{Leases, LocalLeases, Owner};
pub use places::Place;

use std::any::Any;
use std::hash::Hasher as _;

use uuid::Uuid;

/// How many partitions there are, for a cluster's whole life.
pub const PARTITIONS: u16 = 256;

/// The partition of an entity. Fixed: every node and every version must agree on it.
pub fn partition_of(kind: &str, id: Uuid) -> u16 {
    // SipHash with fixed keys, as the standard library has always computed it for `DefaultHasher::new`, is not promised to
    // stay; FNV-1a is three lines and will.
    let mut hash = Fnv::default();
    hash.write(kind.as_bytes());
    hash.write(id.as_bytes());
    // The high bits are the well-mixed ones.
    u16::try_from(hash.finish() >> 56).unwrap_or(0)
}

/// What a panic says, if it is a text.
pub(crate) fn text_of(panic: &(dyn Any + Send)) -> Option<&str> {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
}

/// FNV-1a, 64 bits: <http://www.isthe.com/chongo/tech/comp/fnv/>.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl std::hash::Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests;
