//! Letters, through a small mail server of this test.

use std::time::Duration;

use moothall_protocol::UserId;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::*;
use crate::testing::{TestHall, on_both_engines};
use crate::{Cx, Error, OpenError};

/// Speaks just enough SMTP; hands on what it was given, and refuses recipients that say so.
async fn mail_server() -> (u16, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, receiver) = mpsc::channel(16);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(stream, sender.clone()));
        }
    });
    (port, receiver)
}

async fn converse(stream: TcpStream, sender: mpsc::Sender<String>) {
    let mut stream = BufReader::new(stream);
    let mut message = None::<String>;
    stream.write_all(b"220 test\r\n").await.unwrap();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        let answer: &str = match &mut message {
            Some(text) if line == ".\r\n" => {
                sender.send(std::mem::take(text)).await.unwrap();
                message = None;
                "250 taken\r\n"
            }
            Some(text) => {
                text.push_str(&line);
                continue;
            }
            None if line.starts_with("RCPT TO:<nobody@") => "550 no such address\r\n",
            None if line.starts_with("RCPT TO:<busy@") => "451 later\r\n",
            None if line.starts_with("DATA") => {
                message = Some(String::new());
                "354 go on\r\n"
            }
            None if line.starts_with("EHLO") => "250 test\r\n",
            None => "250 fine\r\n",
        };
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

fn smtp(port: u16) -> Settings {
    Settings {
        via: Via::Smtp,
        from: "Hall <hall@example.org>".into(),
        host: "127.0.0.1".into(),
        port: Some(port),
        security: Security::None,
        ..Settings::default()
    }
}

fn email(to: &str) -> Email {
    Email {
        to: to.into(),
        subject: "Grüße".into(),
        text: "Follow https://example.org/x#code=abc\nBye.\n".into(),
    }
}

#[tokio::test]
async fn an_email_goes_through_a_mail_server_and_its_refusals_are_told_apart() {
    let (port, mut received) = mail_server().await;
    let mailer = from_settings(&smtp(port)).unwrap();
    mailer.send(email("ana@example.org")).await.unwrap();
    let message = received.recv().await.unwrap();
    assert!(message.contains("To: ana@example.org\r\n"), "{message}");
    assert!(
        message.contains("From: \"Hall\" <hall@example.org>") || message.contains("From: Hall <"),
        "{message}"
    );
    assert!(message.contains("https://example.org/x#code"), "{message}");
    assert!(matches!(mailer.send(email("nobody@example.org")).await, Err(MailError::Never(_))));
    assert!(matches!(mailer.send(email("busy@example.org")).await, Err(MailError::Later(_))));
    assert!(matches!(mailer.send(email("a@b\r\nDATA")).await, Err(MailError::Never(_))));
    let closed = from_settings(&smtp(1)).unwrap();
    assert!(matches!(closed.send(email("ana@example.org")).await, Err(MailError::Later(_))));
}

#[tokio::test]
async fn a_letter_has_the_headers_without_which_mail_servers_distrust_it_and_its_letters_arrive() {
    let (port, mut received) = mail_server().await;
    let mailer = from_settings(&smtp(port)).unwrap();
    let letter = Email { text: "Grüße, 안녕!\n".into(), ..email("ana@example.org") };
    let mut ids = std::collections::HashSet::new();
    for _ in 0..2 {
        mailer.send(letter.clone()).await.unwrap();
        let message = received.recv().await.unwrap();
        let (head, body) = message.split_once("\r\n\r\n").unwrap();
        let header = |name: &str| {
            let found: Vec<&str> = head.lines().filter_map(|line| line.strip_prefix(name)).collect();
            assert_eq!(found.len(), 1, "{name} in {head}");
            found[0].to_owned()
        };
        assert_eq!(header("MIME-Version: "), "1.0");
        assert_eq!(header("Content-Type: "), "text/plain; charset=utf-8");
        assert_eq!(header("Auto-Submitted: "), "auto-generated");
        assert!(head.is_ascii() && body.is_ascii(), "{message}");
        let encoded =
            ["base64", "quoted-printable"].contains(&header("Content-Transfer-Encoding: ").as_str());
        assert!(encoded && !header("Date: ").is_empty(), "{message}");
        let id = header("Message-ID: ");
        assert!(id.starts_with('<') && id.ends_with("@example.org>"), "{id}");
        assert!(ids.insert(id), "every letter has its own");
    }
}

#[test]
fn settings_without_a_mail_server_or_a_sender_are_refused_by_name() {
    let refused = |settings: Settings| match from_settings(&settings) {
        Err(OpenError::Setting { key, .. }) => key,
        _ => panic!("not refused"),
    };
    assert_eq!(refused(Settings { host: String::new(), ..smtp(25) }), "mail.host");
    assert_eq!(refused(Settings { from: "not an address".into(), ..smtp(25) }), "mail.from");
    let secret = Settings { password: Secret::new("hunter2"), ..smtp(25) };
    assert!(!format!("{secret:?} {}", serde_json::to_string(&secret).unwrap()).contains("hunter2"));
}

async fn write(cx: &Cx, user_id: UserId, to: &str) {
    let letter = Letter { user_id, kind: "test", email: email(to) };
    cx.write(move |tx| send(tx, &letter)).await.unwrap();
}

#[tokio::test]
async fn a_letter_is_sent_if_and_only_if_its_transaction_is_committed() {
    on_both_engines(async |test: &mut TestHall| {
        let user_id = test.user("Ana").await;
        let undone: Result<(), Error> = test
            .server()
            .write(move |tx| {
                send(tx, &Letter { user_id, kind: "test", email: email("undone@example.org") })?;
                Err(Error::Forbidden)
            })
            .await;
        assert!(undone.is_err());
        write(&test.server(), user_id, "ana@example.org").await;
        assert_eq!(test.mailer.next().await.to, "ana@example.org");
        assert_eq!(test.mailer.count(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_letter_waits_for_a_mail_server_that_is_away_and_survives_a_restart() {
    on_both_engines(async |test: &mut TestHall| {
        let user_id = test.user("Ana").await;
        test.mailer.fail(Some(MailError::Later("away".into())));
        write(&test.server(), user_id, "ana@example.org").await;
        test.mailer.failed(1).await;
        test.restart().await;
        test.mailer.fail(None);
        test.clock.advance(Duration::from_secs(29));
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(test.mailer.count(), 0, "not before its pause is over");
        test.clock.advance(Duration::from_secs(61));
        assert_eq!(test.mailer.next().await, email("ana@example.org"));
        test.clock.advance(Duration::from_secs(7_200));
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(test.mailer.count(), 0, "sent once");
    })
    .await;
}

#[tokio::test]
async fn a_letter_that_can_never_arrive_is_given_up_and_its_text_forgotten() {
    on_both_engines(async |test: &mut TestHall| {
        let user_id = test.user("Ana").await;
        test.mailer.fail(Some(MailError::Never("no such address".into())));
        write(&test.server(), user_id, "ana@example.org").await;
        test.mailer.failed(1).await;
        let mut texts = None;
        for _ in 0..100 {
            let found = test.server().read(move |tx| store::texts(tx, user_id)).await.unwrap();
            if found.iter().all(|(text, failure)| text.is_empty() && failure.is_some()) {
                texts = Some(found);
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(texts.unwrap().len(), 1);
        test.clock.advance(Duration::from_secs(86_400));
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(test.mailer.failures(), 1, "not tried again");
    })
    .await;
}

#[tokio::test]
async fn a_command_beside_the_server_sends_no_letters_and_leaves_them_to_the_server() {
    on_both_engines(async |test: &mut TestHall| {
        let user_id = test.user("Ana").await;
        test.mailer.fail(Some(MailError::Later("away".into())));
        write(&test.server(), user_id, "ana@example.org").await;
        test.mailer.failed(1).await;
        test.hall.close().await;
        test.mailer.fail(None);
        test.clock.advance(Duration::from_secs(60));
        let beside = test.beside().await;
        write(&Cx::server(&beside), user_id, "ana@example.org").await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        let letters = Cx::server(&beside).read(move |tx| store::texts(tx, user_id)).await.unwrap();
        assert_eq!(letters.len(), 2);
        assert!(letters.iter().all(|(text, failure)| !text.is_empty() && failure.is_none()), "{letters:?}");
        assert_eq!(test.mailer.count(), 0);
        beside.close().await;
        test.restart().await;
        test.mailer.next().await;
        test.mailer.next().await;
    })
    .await;
}
