//! Programs nobody here wrote, against which the servers are tried.

use std::ffi::OsString;
use std::path::Path;

/// A script of `tests/foreign`.
pub fn script(name: &str) -> OsString {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/foreign").join(name).into()
}

/// What `cargo xtask test` has installed under this variable; without it, and unless services are required, the test is skipped.
pub fn installed(variable: &str) -> Option<OsString> {
    let found = std::env::var_os(variable);
    if found.is_none() {
        assert!(std::env::var("MOOTHALL_REQUIRE_SERVICES").is_err(), "`cargo xtask test` sets {variable}");
        eprintln!("SKIPPED ({variable} is not set): run `cargo xtask test`");
    }
    found
}
