//! Test servers, throw-away databases, a fake clock and builders, for tests of Moothall and of programs that embed it.

pub mod databases;
