//! A throw-away PostgreSQL server for one run of the tests.
//!
//! `moothall-testing` knows how to start one; its program does that in a process of its own, so that these commands are
//! built without a database. It ends with its standard input, and so with this process, however that ends.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::step::cargo;

/// The variable by which tests find the server.
pub const URL: &str = "MOOTHALL_TEST_POSTGRES_URL";

/// A running server.
pub struct Server {
    /// How tests reach it.
    pub url: String,
    process: Child,
}

impl Server {
    /// Starts a server, or says what to install.
    pub fn start() -> Result<Self> {
        let mut process =
            cargo(["run", "--quiet", "--package", "moothall-testing", "--bin", "throwaway-postgres"])
                .command()
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()?;
        let mut url = String::new();
        BufReader::new(process.stdout.take().context("a pipe")?).read_line(&mut url)?;
        let url = url.trim().to_owned();
        if url.is_empty() {
            process.wait()?;
        }
        ensure!(!url.is_empty(), "there is no PostgreSQL: install it with `apt-get install postgresql`");
        Ok(Self { url, process })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
