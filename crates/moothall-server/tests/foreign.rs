//! What programs nobody here wrote make of the server.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "for tests: what goes wrong here fails the test"
)]

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use moothall_testing::foreign::{installed, script};
use moothall_testing::{PASSWORD, Player, ServerProcess, Shows};
use serde_json::{Value, json};

/// Messages that each of the two clients sends.
const MESSAGES: usize = 500;

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

/// Serves the page to a browser, and passes on what that sends back.
fn serve_page() -> (SocketAddr, std::sync::mpsc::Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let page = std::fs::read_to_string(script("page.html")).unwrap();
    let (sender, said) = std::sync::mpsc::sync_channel(16);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let (mut first, mut length) = (String::new(), 0);
            stream.read_line(&mut first).unwrap();
            loop {
                let mut line = String::new();
                if stream.read_line(&mut line).unwrap() <= 2 {
                    break;
                }
                if let Some(said) = line.to_lowercase().strip_prefix("content-length:") {
                    length = said.trim().parse().unwrap();
                }
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            if first.starts_with("POST") && sender.send(serde_json::from_slice(&body).unwrap()).is_err() {
                return;
            }
            let answer = if first.starts_with("GET / ") { page.as_str() } else { "" };
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n";
            let stream = stream.get_mut();
            let _ = write!(stream, "{head}content-length: {}\r\n\r\n{answer}", answer.len());
        }
    });
    (address, said)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_in_a_browser_joins_a_room_and_hears_every_message_deflated() {
    const HEARD: usize = 100;
    const PATIENCE: Duration = Duration::from_secs(90);
    let Some(browser) = installed("MOOTHALL_TEST_BROWSER") else { return };
    let server = ServerProcess::start();
    let ana = server.api.sign_up("Ana").await;
    let room: Value = server.api.post("/v1/rooms/open", &ana, json!({ "name": "Lounge" })).await.ok();
    let room = room["id"].as_str().unwrap();
    let _: Value = server.api.post(&format!("/v1/rooms/{room}/join"), &ana, json!({})).await.ok();
    let (address, said) = serve_page();
    let folder = tempfile::tempdir().unwrap();
    let _client = Client::start(
        Command::new(browser)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
            ])
            .arg(format!("--user-data-dir={}", folder.path().display()))
            .arg(format!("http://{address}/#{},{room},{HEARD}", server.address))
            // It complains of a desktop that is not there.
            .stderr(Stdio::null()),
    );
    let next = || tokio::task::block_in_place(|| said.recv_timeout(PATIENCE)).expect("word from the page");
    assert_eq!(next()["verdict"], "joined");
    for number in 0..HEARD {
        let text = format!("{number} {}", "and as long as people write when they are angry ".repeat(12));
        let path = format!("/v1/rooms/{room}/messages");
        assert!(server.api.post(&path, &ana, json!({ "text": text })).await.status < 300);
    }
    let verdict = next();
    assert_eq!((&verdict["verdict"], &verdict["heard"]), (&json!("heard"), &json!(HEARD)), "{verdict}");
    assert_eq!(verdict["protocol"], "moothall.v1.json");
    assert!(verdict["extensions"].as_str().unwrap().contains("permessage-deflate"), "{verdict}");
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

/// What ends the session under test, or the account: each is called by itself.
const ENDINGS: [&str; 7] = [
    "accounts.sign_out",
    "accounts.revoke_session",
    "accounts.revoke_sessions",
    "accounts.revoke_user_sessions",
    "accounts.change_password",
    "accounts.delete_me",
    // Ends the tokens of everybody, so it comes last.
    "accounts.rotate_signing_keys",
];

/// What is checked of every answer.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,negative_data_rejection,ignored_auth";

/// Calls operations, chosen by `which`, with what schemathesis makes of their schemas, right and wrong, and returns the number of
/// calls.
async fn call(python: &OsString, server: &ServerProcess, caller: &Player, which: &[&str]) -> u32 {
    let folder = tempfile::tempdir().unwrap();
    // One worker, as the parser of Python 3.11 is not safe to use from several threads.
    let mut command = Command::new(python);
    command
        .args(["-m", "schemathesis.cli", "run", &server.api.url("/v1/openapi.json")])
        .args(["--header", &format!("Authorization: Bearer {}", caller.token)])
        .args(["--phases", "examples,coverage,fuzzing", "--max-examples", "10", "--seed", "1"])
        .args(["--checks", CHECKS, "--continue-on-failure", "--workers", "1", "--warnings", "off"])
        .args(which);
    command.current_dir(folder.path());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    let (before, _) = printed.split_once(" generated").expect("the number of cases");
    before.rsplit(' ').next().unwrap().trim().parse().unwrap()
}

/// Calls every operation but those that end the session.
async fn call_everything(python: &OsString, server: &ServerProcess, caller: &Player) -> u32 {
    let which: Vec<&str> = ENDINGS.iter().flat_map(|name| ["--exclude-operation-id", name]).collect();
    let cases = call(python, server, caller, &which).await;
    let me: Value = server.api.get("/v1/me", caller).await.ok();
    assert_eq!(me["id"], caller.id.to_string(), "the session under test lived to the end");
    cases
}

#[tokio::test]
async fn thousands_of_generated_calls_get_no_500_and_no_answer_off_the_schema() {
    let Some(python) = installed("MOOTHALL_TEST_PYTHON") else { return };
    let server = ServerProcess::start();
    let boss = json!({
        "token": server.setup_token(),
        "name": "Boss",
        "email": "boss@example.org",
        "password": PASSWORD,
    });
    let boss: Value = server.api.post("/v1/accounts/administrator", Shows::Nothing, boss).await.ok();
    let (player, boss) = (server.api.sign_up("Ana").await, Player::of(&boss));
    let (by_player, by_boss) =
        tokio::join!(call_everything(&python, &server, &player), call_everything(&python, &server, &boss),);
    let cases = by_player + by_boss;
    assert!(cases >= 5_000, "{cases} cases");
    for (number, operation) in ENDINGS.iter().enumerate() {
        let own = server.api.sign_up(&format!("Ending{number}")).await;
        let needs_boss =
            ["accounts.revoke_user_sessions", "accounts.rotate_signing_keys"].contains(operation);
        let caller = if needs_boss { &boss } else { &own };
        let cases = call(&python, &server, caller, &["--include-operation-id", operation]).await;
        assert!(cases > 0, "{operation} was not called");
    }
    let metrics = server.api.get("/metrics", Shows::Nothing).await.text;
    assert!(metrics.lines().any(|line| line == "panics_total 0"), "{metrics}");
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
    let script = format!("set -eu\n{shell}\nexec \"$0\" \"$1\"");
    let output = Command::new("bash").arg("-c").arg(script).arg(python).arg(&program).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    let shown = block("text");
    for line in shown.lines() {
        assert!(printed.lines().any(|printed| printed.starts_with(line)), "no {line} in {printed}");
    }
    assert_eq!(printed.lines().count(), shown.lines().count(), "{printed}");
}

/// The commands of a page of `docs/` do what it says: a `sh` block goes on in the same shell, and what it and those before it have printed
/// since the last is the `text` block behind it. `known` stands for what the page cannot know.
fn follow_guide(server: &ServerProcess, page: &str, known: &[(&str, &str)]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(page);
    let mut page =
        std::fs::read_to_string(path).unwrap().replace("127.0.0.1:7350", &server.address.to_string());
    for (placeholder, value) in known {
        assert!(page.contains(placeholder), "{placeholder}");
        page = page.replace(placeholder, value);
    }
    const END: &str = "(end of block)";
    let (mut script, mut shown) = ("set -eu -o pipefail\n".to_owned(), Vec::new());
    for part in page.split("```").skip(1).step_by(2) {
        match part.split_once('\n').expect("a language") {
            ("sh", commands) => script.push_str(commands),
            ("text", text) => {
                script.push_str(&format!("echo '{END}'\n"));
                shown.push(text);
            }
            (language, _) => panic!("a block of {language}"),
        }
    }
    let output = Command::new("bash").arg("-c").arg(&script).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    let printed: Vec<&str> = printed.split(&format!("{END}\n")).collect();
    assert!(shown.len() >= 4);
    assert_eq!(printed[..shown.len()], shown);
}

#[test]
fn the_guide_to_a_first_lobby_is_true() {
    follow_guide(&ServerProcess::start(), "first-lobby.md", &[]);
}

#[test]
fn the_guide_to_a_moderators_first_evening_is_true() {
    let server = ServerProcess::start();
    let token = server.setup_token();
    follow_guide(&server, "first-evening.md", &[("THE-END-OF-THE-LINK", &token)]);
}

/// Eight players and a small dedicated host, all in Python, spend an evening on a server that is killed twice.
#[test]
fn eight_players_and_a_host_play_a_match_through_two_kills() {
    let Some(python) = installed("MOOTHALL_TEST_PYTHON") else { return };
    let mut server = ServerProcess::start();
    let key = server.command(&["keys", "create", "berlin", "--bot", "berlin"]);
    let key =
        key.split_whitespace().find(|word| word.starts_with("moothall_host_")).expect("a key").to_owned();
    let host = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/game_host/game_host.py");
    let mut host = Command::new(&python)
        .arg("-B")
        .arg(host)
        .args([&server.api.url(""), &key, "--lobby", "Evening", "--seconds", "3", "--matches", "1"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut players = Command::new(&python)
        .arg("-B")
        .arg(script("evening.py"))
        .args([&server.api.url(""), "Evening"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (said, is_well) = follow(&mut players, &mut server);
    host.kill().unwrap();
    let log = String::from_utf8_lossy(&host.wait_with_output().unwrap().stdout).into_owned();
    assert!(is_well, "{said:?}\n{log}");
    assert_eq!(said, ["KILL", "KILL", "DONE"]);
    assert!(log.contains(" won "), "{log}");
}

/// Lets a script go on to its end, and kills the server and starts it again where that says so. What it said, and whether all was well.
fn follow(script: &mut Child, server: &mut ServerProcess) -> (Vec<String>, bool) {
    let mut said = Vec::new();
    for line in BufReader::new(script.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if line == "KILL" {
            server.restart();
        }
        said.push(line);
    }
    (said, script.wait().unwrap().success())
}

/// Two players and two moderators, in Python: an insult, a report, a case, a restriction, an appeal, and everything as before; then the
/// same on a server that is killed between every two steps.
#[test]
fn an_insult_is_reported_restricted_appealed_against_and_overturned_through_kills() {
    let Some(python) = installed("MOOTHALL_TEST_PYTHON") else { return };
    for kills in [0, 8] {
        let mut server = ServerProcess::start();
        let made = server.command(&["admin", "create", "Olga"]);
        let password = made.split_whitespace().last().expect("a password").to_owned();
        let mut story = Command::new(&python);
        story.arg("-B").arg(script("story.py")).args([&server.api.url(""), "Olga", &password]);
        if kills > 0 {
            story.arg("--kills");
        }
        let mut story = story.stdout(Stdio::piped()).spawn().unwrap();
        let (said, is_well) = follow(&mut story, &mut server);
        assert!(is_well, "{said:?}");
        let mut expected = vec!["KILL"; kills];
        expected.push("DONE");
        assert_eq!(said, expected);
    }
}
