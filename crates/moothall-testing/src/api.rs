//! A plain HTTP client for tests: one request, one reply, nothing remembered.

use std::net::SocketAddr;
use std::time::Duration;

use moothall_protocol::UserId;
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The password of everybody who signs up here.
pub const PASSWORD: &str = "correct horse battery";

/// The HTTP side of a server under test.
#[derive(Clone, Debug)]
pub struct Api {
    base: String,
    http: reqwest::Client,
}

/// Somebody who has signed up.
#[derive(Clone, Debug)]
pub struct Player {
    /// Who.
    pub id: UserId,
    /// The name.
    pub name: String,
    /// What to show with each request.
    pub token: String,
    /// What gets the next token.
    pub refresh_token: String,
}

/// What a request showed to say who calls.
#[derive(Clone, Copy, Debug)]
pub enum Shows<'a> {
    /// Nothing.
    Nothing,
    /// An access token.
    Token(&'a str),
    /// An API key.
    Key(&'a str),
}

impl<'a> From<&'a Player> for Shows<'a> {
    fn from(player: &'a Player) -> Self {
        Self::Token(&player.token)
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Reply {
    /// The body; null if there is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        if self.text.is_empty() {
            return Value::Null;
        }
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The body of a success, as its type.
    #[track_caller]
    pub fn ok<T: DeserializeOwned>(&self) -> T {
        assert!((200..300).contains(&self.status), "{} {}", self.status, self.text);
        serde_json::from_value(self.json()).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The code of a refusal; empty for a success.
    pub fn code(&self) -> String {
        let problem: Value = serde_json::from_str(&self.text).unwrap_or_default();
        problem["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Checks that this is a refusal with this status and code.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.code().as_str()), (status, code), "{}", self.text);
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

impl Api {
    /// The server at this address.
    pub fn new(address: SocketAddr) -> Self {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(60))
            // A connection kept over a restart of the server would fail the first request after it.
            .pool_max_idle_per_host(0)
            .no_proxy()
            .build()
            .unwrap();
        Self { base: format!("http://{address}"), http }
    }

    /// The address of a page or path.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Sends a request with headers of its own.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        shows: Shows<'_>,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Reply {
        self.try_send(method, path, shows, headers, body).await.unwrap()
    }

    /// The same, if the server is there to answer.
    pub async fn try_send(
        &self,
        method: &str,
        path: &str,
        shows: Shows<'_>,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Reply, reqwest::Error> {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.http.request(method, self.url(path));
        request = match shows {
            Shows::Nothing => request,
            Shows::Token(token) => request.bearer_auth(token),
            Shows::Key(key) => request.header("x-api-key", key),
        };
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Reply { status, headers, text: response.text().await? })
    }

    /// Reads.
    pub async fn get(&self, path: &str, shows: impl Into<Shows<'_>>) -> Reply {
        self.send("GET", path, shows.into(), &[], None).await
    }

    /// Makes or does something.
    pub async fn post(&self, path: &str, shows: impl Into<Shows<'_>>, body: Value) -> Reply {
        self.send("POST", path, shows.into(), &[], Some(&body)).await
    }

    /// Signs somebody up, with the address `name@example.org` and the [`PASSWORD`] of all.
    pub async fn sign_up(&self, name: &str) -> Player {
        let email = format!("{name}@example.org");
        let body = json!({ "name": name, "email": email, "password": PASSWORD });
        let signed_up: Value = self.post("/v1/accounts", Shows::Nothing, body).await.ok();
        Player::of(&signed_up["session"])
    }

    /// Signs in by name.
    pub async fn sign_in(&self, name: &str) -> Player {
        let body = json!({ "login": name, "password": PASSWORD });
        Player::of(&self.post("/v1/accounts/sign_in", Shows::Nothing, body).await.ok())
    }

    /// Signs several up.
    pub async fn players<const N: usize>(&self, names: [&str; N]) -> [Player; N] {
        let mut players = Vec::with_capacity(N);
        for name in names {
            players.push(self.sign_up(name).await);
        }
        players.try_into().unwrap()
    }
}

impl Player {
    /// Out of the answer of a sign-in.
    #[track_caller]
    pub fn of(session: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{session}")).to_owned();
        Self {
            id: text(&session["user"]["id"]).parse().unwrap(),
            name: text(&session["user"]["name"]),
            token: text(&session["access_token"]),
            refresh_token: text(&session["refresh_token"]),
        }
    }
}
