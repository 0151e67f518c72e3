//! What programs nobody here wrote make of the server.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "for tests: what goes wrong here fails the test"
)]

use std::process::Command;

#[test]
fn the_openapi_document_is_one() {
    let Ok(python) = std::env::var("MOOTHALL_TEST_PYTHON") else {
        assert!(
            std::env::var("MOOTHALL_REQUIRE_SERVICES").is_err(),
            "`cargo xtask test` installs the validator"
        );
        eprintln!("SKIPPED (no openapi-spec-validator): run `cargo xtask test`");
        return;
    };
    let registry = moothall::Registry::new(moothall::contexts()).unwrap();
    let documents = moothall_api::documents(&registry);
    let (_, text) =
        documents.iter().find(|(name, _)| name.ends_with("openapi.json")).expect("an OpenAPI document");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("openapi.json");
    std::fs::write(&file, text).unwrap();
    let output = Command::new(python).args(["-m", "openapi_spec_validator"]).arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn the_committed_contracts_are_those_of_the_code() {
    let registry = moothall::Registry::new(moothall::contexts()).unwrap();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../api");
    for (name, text) in moothall_api::documents(&registry) {
        let file = folder.join(std::path::Path::new(name).file_name().unwrap());
        if std::env::var("MOOTHALL_WRITE_CONTRACTS").is_ok() {
            std::fs::write(&file, &text).unwrap();
        }
        let committed = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(committed == text, "{name} differs from the code: run `cargo xtask generate`");
    }
}
