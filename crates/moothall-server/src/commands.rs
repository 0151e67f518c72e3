//! The commands, a file each.

pub mod doctor;
pub mod documents;
pub mod migrate;
pub mod serve;
