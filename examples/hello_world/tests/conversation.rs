//! A conversation over a real connection.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "for tests: what goes wrong here fails the test")]

use std::net::SocketAddr;
use std::time::Duration;

use moothall::protocol::connections::DisconnectUser;
use moothall::{Cx, Hall, Settings};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

struct Client(BufReader<TcpStream>);

impl Client {
    async fn connect(address: SocketAddr) -> Self {
        Self(BufReader::new(TcpStream::connect(address).await.unwrap()))
    }

    async fn ask(&mut self, line: &str) -> String {
        self.0.write_all(format!("{line}\n").as_bytes()).await.unwrap();
        self.answer().await
    }

    async fn answer(&mut self) -> String {
        let mut answer = String::new();
        let read = tokio::time::timeout(Duration::from_secs(20), self.0.read_line(&mut answer)).await;
        read.expect("an answer in time").unwrap();
        answer.trim_end().to_owned()
    }
}

async fn start() -> (SocketAddr, Hall, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = Settings::default();
    settings.store.url = format!("sqlite:{}", folder.path().join("test.db").display());
    settings.accounts.password_memory_kib = 8_192;
    settings.accounts.password_passes = 1;
    let hall = Hall::builder(settings).open().await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(hello_world::serve(hall.clone(), listener));
    (address, hall, folder)
}

#[tokio::test]
async fn two_clients_register_sign_in_and_see_each_other() {
    let (address, _hall, _folder) = start().await;
    let (mut ana, mut ben) = (Client::connect(address).await, Client::connect(address).await);
    assert_eq!(ana.ask("ping").await, "pong");
    for asked in ["users An", "clients", "whois Ana"] {
        assert!(ana.ask(asked).await.starts_with("error not_signed_in"), "{asked}");
    }
    assert!(ana.ask("whoami").await.starts_with("error not_signed_in"));
    assert!(ana.ask("register Ana ana@example.org correct-horse").await.starts_with("registered Ana "));
    assert!(ana.ask("register ana other@example.org correct-horse").await.starts_with("error name_taken"));
    assert!(ana.ask("register Ben ben@example.org short").await.starts_with("error "));
    assert!(ben.ask("register Ben ben@example.org battery-staple").await.starts_with("registered Ben "));
    assert!(ana.ask("login Ana wrong-password").await.starts_with("error bad_credentials"));
    assert_eq!(ana.ask("login Ana correct-horse").await, "welcome Ana");
    assert_eq!(ben.ask("login ben@example.org battery-staple").await, "welcome Ben");
    assert!(ana.ask("whoami").await.starts_with("Ana "));
    let whois = ana.ask("whois ben").await;
    assert!(whois.starts_with("Ben "), "{whois}");
    assert!(ana.ask("whois nobody").await.starts_with("error not_found"));
    assert_eq!(ana.ask("users an").await, "1 Ana");
    assert!(ana.ask("users").await.starts_with("error usage: users <beginning of a name>"));
    assert_eq!(ana.ask("clients").await, "2 players, 2 sessions");
    assert!(ana.ask("dance").await.starts_with("error unknown_command"));
}

#[tokio::test]
async fn a_line_without_end_is_refused_and_the_server_lives() {
    let (address, _hall, _folder) = start().await;
    let mut endless = Client::connect(address).await;
    endless.0.write_all(&[b'x'; 2_048]).await.unwrap();
    assert_eq!(endless.answer().await, "error a line has at most 1024 bytes");
    let mut binary = Client::connect(address).await;
    binary.0.write_all(b"\xff\xfe\n").await.unwrap();
    assert_eq!(binary.answer().await, "", "what is no text ends the connection");
    assert_eq!(Client::connect(address).await.ask("ping").await, "pong");
}

#[tokio::test]
async fn b60_commands_are_lines_however_they_are_cut_into_packets() {
    let (address, _hall, _folder) = start().await;
    let mut client = Client::connect(address).await;
    client.0.write_all(b"ping\nwhoami\r\nping\n").await.unwrap();
    assert_eq!(client.answer().await, "pong");
    assert!(client.answer().await.starts_with("error not_signed_in"));
    assert_eq!(client.answer().await, "pong");
    for part in ["pi", "n", "g", "\nwho", "ami\n"] {
        client.0.write_all(part.as_bytes()).await.unwrap();
        client.0.flush().await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(client.answer().await, "pong");
    assert!(client.answer().await.starts_with("error not_signed_in"));
}

#[tokio::test]
async fn whoever_is_disconnected_from_elsewhere_is_sent_away() {
    let (address, hall, _folder) = start().await;
    let mut ana = Client::connect(address).await;
    let made = ana.ask("register Ana ana@example.org correct-horse").await;
    assert_eq!(ana.ask("login Ana correct-horse").await, "welcome Ana");
    let user_id = made.rsplit(' ').next().unwrap().parse().unwrap();
    let input = DisconnectUser { user_id, reason: "enough".to_owned() };
    moothall::connections::disconnect_user(&Cx::server(&hall), input).await.unwrap();
    assert_eq!(ana.answer().await, "error closed: enough");
    assert_eq!(ana.answer().await, "", "and the connection is over");
}
