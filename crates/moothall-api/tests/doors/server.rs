//! A server on a free port, and a client that writes what it is told to, byte by byte.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use moothall::{Hall, Settings};
use moothall_api::{Doors, Options, serve};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::notes;

pub struct Server {
    pub address: SocketAddr,
    pub doors: Doors,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
    _data: TempDir,
}

impl Server {
    pub async fn start() -> Self {
        Self::with(Options::default()).await
    }

    pub async fn with(options: Options) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut settings = Settings::default();
        settings.store.url = format!("sqlite:{}", data.path().join("hall.db").display());
        let hall = Hall::builder(settings).operations(notes::operations()).open().await.unwrap();
        let doors = Doors::open(&hall, options).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async {
            let _ = stopped.await;
        };
        let serving = tokio::spawn(serve(listener, doors.clone(), shutdown, Duration::from_secs(2)));
        Self { address, doors, stop: Some(stop), serving, _data: data }
    }

    /// Asks the server to stop, and does not wait for it.
    pub fn stop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
    }

    /// Returns when the server has stopped.
    pub async fn stopped(self) {
        self.serving.await.unwrap();
    }

    pub async fn connect(&self) -> Connection {
        Connection { stream: TcpStream::connect(self.address).await.unwrap(), buffer: Vec::new() }
    }

    /// One request on a connection of its own.
    pub async fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Reply {
        let mut connection = self.connect().await;
        connection.send(&request(method, path, headers, body)).await;
        connection.reply(method).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, &[], None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.call("POST", path, &[], Some(body)).await
    }
}

/// A request as text, with a JSON body if there is one.
pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> String {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: here\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(body) = body {
        let body = body.to_string();
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            text.push_str("content-type: application/json\r\n");
        }
        text.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
    } else {
        text.push_str("\r\n");
    }
    text
}

pub struct Connection {
    pub stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    /// The next answer on this connection.
    pub async fn reply(&mut self, method: &str) -> Reply {
        self.try_reply(method).await.expect("an answer before the end of the connection")
    }

    pub async fn try_reply(&mut self, method: &str) -> Option<Reply> {
        let head_end = loop {
            if let Some(at) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            self.more().await?;
        };
        let head = String::from_utf8(self.buffer.drain(..head_end).collect()).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: HashMap<String, String> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let length = match method {
            "HEAD" => 0,
            _ => headers.get("content-length").map_or(0, |length| length.parse().unwrap()),
        };
        while self.buffer.len() < length {
            self.more().await?;
        }
        let body = self.buffer.drain(..length).collect();
        Some(Reply { status, headers, body })
    }

    async fn more(&mut self) -> Option<()> {
        let read =
            tokio::time::timeout(Duration::from_secs(20), self.stream.read_buf(&mut self.buffer)).await;
        matches!(read.expect("an answer or an end within 20 s"), Ok(1..)).then_some(())
    }

    /// Whether the server has ended the connection without another byte, within this time.
    pub async fn ends_within(&mut self, time: Duration) -> bool {
        let mut byte = [0];
        matches!(tokio::time::timeout(time, self.stream.read(&mut byte)).await, Ok(Ok(0) | Err(_)))
    }
}

#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Checks that this is a refusal of RFC 9457 with this status and code, and returns it.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) -> Value {
        let problem = self.json();
        assert_eq!((self.status, problem["code"].as_str()), (status, Some(code)), "{problem}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(problem["type"], format!("/docs/errors#{code}"));
        assert_eq!(problem["status"], status);
        assert_eq!(problem["request_id"].as_str(), self.header("x-request-id"));
        problem
    }
}
