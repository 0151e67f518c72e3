//! Communication: rooms, direct conversations and groups, and what is said in them.

mod attachment;
mod message;
mod room;

pub use attachment::*;
pub use message::*;
pub use room::*;
