//! What programs nobody here wrote make of the server.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "for tests: what goes wrong here fails the test"
)]

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use moothall_testing::ServerProcess;
use serde_json::Value;

/// Messages that each of the two clients sends.
const MESSAGES: usize = 500;

/// A script of `tests/foreign`.
fn script(name: &str) -> OsString {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/foreign").join(name).into()
}

/// What `cargo xtask test` has installed under this variable; without it, and unless services are required, the test is skipped.
fn installed(variable: &str) -> Option<OsString> {
    let found = std::env::var_os(variable);
    if found.is_none() {
        assert!(std::env::var("MOOTHALL_REQUIRE_SERVICES").is_err(), "`cargo xtask test` sets {variable}");
        eprintln!("SKIPPED ({variable} is not set): run `cargo xtask test`");
    }
    found
}

/// A client that runs, and what it prints.
struct Client {
    child: Child,
    lines: std::sync::mpsc::Receiver<String>,
}

impl Client {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = std::sync::mpsc::sync_channel(1_024);
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    fn line(&self, deadline: Instant) -> String {
        let wait = deadline.saturating_duration_since(Instant::now());
        self.lines.recv_timeout(wait).expect("another line from the client in time")
    }

    fn report(&mut self, deadline: Instant) -> Value {
        loop {
            let line = self.line(deadline);
            if let Ok(report @ Value::Object(_)) = serde_json::from_str(&line) {
                assert!(self.child.wait().unwrap().success());
                return report;
            }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn two_foreign_clients_lose_nothing_though_their_sockets_break_and_the_server_is_killed() {
    let (Some(python), Some(node)) = (installed("MOOTHALL_TEST_PYTHON"), installed("MOOTHALL_TEST_NODE"))
    else {
        return;
    };
    let mut server = ServerProcess::start();
    let base = format!("http://{}", server.address);
    let count = MESSAGES.to_string();
    let mut ana =
        Client::start(Command::new(python).arg(script("chat.py")).args([&base, "Ana", "Foreign", &count]));
    let mut ben = Client::start(
        Command::new("node").arg(script("chat.mjs")).args([&base, "Ben", "Foreign", &count]).arg(node),
    );
    let deadline = Instant::now() + Duration::from_secs(180);
    let middle = format!("AT {MESSAGES}");
    while ana.line(deadline) != middle {}
    server.restart();
    let (one, two) = (ana.report(deadline), ben.report(deadline));
    assert_eq!(one["heard"], 2 * MESSAGES);
    assert_eq!(one["digest"], two["digest"], "both heard the same: {one} {two}");
    for report in [one, two] {
        assert!(report["resumed"].as_u64() >= Some(1), "its own break was resumed: {report}");
        assert!(report["stale"].as_u64() >= Some(1), "the server's death was not: {report}");
    }
}

#[test]
fn the_openapi_document_is_one() {
    let Some(python) = installed("MOOTHALL_TEST_PYTHON") else { return };
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
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../api");
    for (name, text) in moothall_api::documents(&registry) {
        let file = folder.join(Path::new(name).file_name().unwrap());
        if std::env::var("MOOTHALL_WRITE_CONTRACTS").is_ok() {
            std::fs::write(&file, &text).unwrap();
        }
        let committed = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(committed == text, "{name} differs from the code: run `cargo xtask generate`");
    }
}

/// The first block of this language in the README.
fn block(language: &str) -> String {
    let readme =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md")).unwrap();
    let (_, session) = readme.split_once("## A first session").expect("a session in the README");
    let (_, from) = session.split_once(&format!("```{language}\n")).expect("a block of this language");
    from.split_once("```").expect("its end").0.to_owned()
}

#[test]
fn the_session_in_the_readme_is_true() {
    let Some(python) = installed("MOOTHALL_TEST_PYTHON") else { return };
    let server = ServerProcess::start();
    let here = server.address.to_string();
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("session.py");
    std::fs::write(&program, block("python").replace("127.0.0.1:7350", &here)).unwrap();
    let shell = block("sh").replace("127.0.0.1:7350", &here);
    let script = format!("set -eu\n{shell}\nexport token room\nexec \"$0\" \"$1\"");
    let output = Command::new("bash").arg("-c").arg(script).arg(python).arg(&program).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    let shown = block("text");
    for line in shown.lines() {
        assert!(printed.lines().any(|printed| printed.starts_with(line)), "no {line} in {printed}");
    }
    assert_eq!(printed.lines().count(), shown.lines().count(), "{printed}");
}
