//! What clients nobody here wrote make of a server that echoes.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "for tests: what goes wrong here fails the test"
)]

#[path = "../examples/echo/serve.rs"]
mod serve;

use std::ffi::OsString;
use std::process::Command;

use moothall_testing::foreign::{installed, script};
use tokio::net::TcpListener;

/// Runs a client against the echo server, and returns what it prints. The server ends with the runtime.
async fn run(mut client: Command, more: Option<OsString>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve::serve(stream));
        }
    });
    client.arg(format!("ws://{address}")).args(more);
    let output = tokio::task::spawn_blocking(move || client.output()).await.unwrap().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    printed.trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cases_of_autobahn_all_end_well() {
    let Some(python) = installed("MOOTHALL_TEST_PYTHON") else { return };
    let mut client = Command::new(python);
    client.arg(script("autobahn.py"));
    let printed = run(client, None).await;
    // Informational are 7.1.6, 7.13.1 and 7.13.2, which leave open what is right.
    assert_eq!(
        printed,
        r#"{"cases": 373, "ends": {"INFORMATIONAL INFORMATIONAL": 3, "OK OK": 370}, "others": []}"#
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_of_python_hears_what_it_said_however_it_deflates() {
    let Some(python) = installed("MOOTHALL_TEST_PYTHON") else { return };
    let mut client = Command::new(python);
    client.arg(script("websockets_echo.py"));
    assert_eq!(run(client, None).await, "1764");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_of_node_hears_what_it_said_however_it_deflates() {
    let Some(folder) = installed("MOOTHALL_TEST_NODE") else { return };
    let mut client = Command::new("node");
    client.arg(script("ws_echo.mjs"));
    assert_eq!(run(client, Some(folder)).await, "240");
}
