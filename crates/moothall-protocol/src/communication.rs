//! Communication: rooms, direct conversations and groups, and what is said in them.

mod attachment;
mod contact;
mod message;
mod room;

pub use attachment::*;
pub use contact::*;
pub use message::*;
pub use room::*;
