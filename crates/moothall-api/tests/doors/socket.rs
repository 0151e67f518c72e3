//! A WebSocket client for the tests, in both encodings.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::server::Server;

/// How long a test waits for what must come.
const SOON: Duration = Duration::from_secs(10);

pub struct Socket {
    pub stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    is_packed: bool,
    next_id: u64,
    /// Events that came while something else was waited for.
    events: VecDeque<Value>,
}

/// A guest who signed up.
pub struct Guest {
    pub user_id: String,
    pub session_id: String,
    pub access_token: String,
}

impl Guest {
    pub async fn sign_up(server: &Server) -> Self {
        let reply = server.post("/v1/accounts/guests", json!({})).await;
        let body = reply.json();
        assert_eq!(reply.status, 200, "{body}");
        let text =
            |path: &str| body.pointer(path).unwrap_or_else(|| panic!("{body}")).as_str().unwrap().to_owned();
        Self {
            user_id: text("/user/id"),
            session_id: text("/session_id"),
            access_token: text("/access_token"),
        }
    }

    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.access_token)
    }
}

/// Opens a socket; an error is the status with which the handshake was refused, and the problem.
pub async fn open(
    address: SocketAddr,
    query: &str,
    headers: &[(&'static str, &str)],
) -> Result<Socket, (u16, Value)> {
    let mut request = format!("ws://{address}/v1/socket{query}").into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    let is_packed =
        headers.iter().any(|(name, value)| *name == "sec-websocket-protocol" && value.contains("msgpack"));
    match connect_async(request).await {
        Ok((stream, _)) => Ok(Socket { stream, is_packed, next_id: 0, events: VecDeque::new() }),
        Err(tungstenite::Error::Http(response)) => {
            let body = response.body().clone().unwrap_or_default();
            Err((response.status().as_u16(), serde_json::from_slice(&body).unwrap_or_default()))
        }
        Err(error) => panic!("{error}"),
    }
}

/// What a closed socket said.
#[derive(Debug)]
pub struct Closed {
    pub code: u16,
    pub reason: Value,
}

impl Socket {
    pub async fn signed_in(server: &Server, guest: &Guest) -> (Self, Value) {
        let mut socket = open(server.address, "", &[("authorization", &guest.bearer())]).await.unwrap();
        let ready = socket.event().await;
        assert_eq!(ready["event"], "session.ready", "{ready}");
        (socket, ready)
    }

    pub async fn resume(server: &Server, guest: &Guest, token: &str, seq: u64) -> Self {
        let query = format!("?resume={token}&seq={seq}");
        open(server.address, &query, &[("authorization", &guest.bearer())]).await.unwrap()
    }

    pub async fn send(&mut self, message: Value) {
        let message = if self.is_packed {
            Message::binary(rmp_serde::to_vec_named(&message).unwrap())
        } else {
            Message::text(message.to_string())
        };
        self.stream.send(message).await.unwrap();
    }

    pub async fn request(&mut self, operation: &str, input: Value) -> u64 {
        self.next_id += 1;
        self.send(json!({ "id": self.next_id, "op": operation, "in": input })).await;
        self.next_id
    }

    /// Calls an operation and waits for its answer.
    pub async fn call(&mut self, operation: &str, input: Value) -> Result<Value, Value> {
        let id = self.request(operation, input).await;
        self.answer(id).await
    }

    pub async fn answer(&mut self, id: u64) -> Result<Value, Value> {
        loop {
            let message = self.message().await;
            if message.get("event").is_some() {
                self.events.push_back(message);
                continue;
            }
            assert_eq!(message["id"], id, "{message}");
            return match message.get("err") {
                Some(problem) => Err(problem.clone()),
                None => Ok(message["out"].clone()),
            };
        }
    }

    /// The next event.
    pub async fn event(&mut self) -> Value {
        match self.events.pop_front() {
            Some(event) => event,
            None => self.message().await,
        }
    }

    /// The next message of any kind.
    pub async fn message(&mut self) -> Value {
        self.try_message().await.unwrap_or_else(|closed| panic!("{closed:?}"))
    }

    /// The next message, or how the socket was closed.
    pub async fn try_message(&mut self) -> Result<Value, Closed> {
        loop {
            let next = tokio::time::timeout(SOON, self.stream.next()).await.expect("a message or an end");
            return match next {
                Some(Ok(Message::Text(text))) => Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Binary(bytes))) => Ok(rmp_serde::from_slice(&bytes).unwrap()),
                Some(Ok(Message::Close(Some(frame)))) => Err(Closed {
                    code: frame.code.into(),
                    reason: serde_json::from_str(&frame.reason).unwrap_or_default(),
                }),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                Some(Ok(other)) => panic!("{other:?}"),
                Some(Err(_)) | None => Err(Closed { code: 1006, reason: Value::Null }),
            };
        }
    }

    /// Waits for the end, past all that comes before it.
    pub async fn closed(&mut self) -> Closed {
        loop {
            if let Err(closed) = self.try_message().await {
                return closed;
            }
        }
    }
}
