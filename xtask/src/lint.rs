//! `cargo xtask lint`: format, lints, documentation, and the rules that `tidy` checks.

use anyhow::Result;

use crate::step::cargo;

/// Runs all checks; the first that fails ends it.
pub fn run() -> Result<()> {
    cargo(["fmt", "--all", "--check"]).run()?;
    cargo(["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]).run()?;
    cargo(["doc", "--workspace", "--no-deps", "--document-private-items", "--quiet"])
        .env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private-intra-doc-links")
        .run()?;
    cargo(["test", "--quiet", "--package", "moothall-server", "--test", "tidy"]).run()
}
