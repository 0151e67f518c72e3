//! The commands, a file each.

pub mod database;
pub mod doctor;
pub mod migrate;
pub mod serve;
