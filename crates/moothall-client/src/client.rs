//! Calls over HTTP, and the tokens that both doors need.

use std::sync::Arc;
use std::time::Duration;

use moothall_protocol::accounts::{Refresh, SignedIn};
use moothall_protocol::{Problem, SessionId, UserId};
use parking_lot::Mutex;
use serde_json::Value;

use crate::{Call, Error, Socket, SocketOptions};

/// How long an HTTP call may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// Who the client is signed in as.
#[derive(Clone)]
pub struct Tokens {
    /// The user.
    pub user_id: UserId,
    /// The session.
    pub session_id: SessionId,
    /// Good for some minutes.
    pub access: String,
    /// Good for one renewal.
    pub refresh: String,
}

moothall_protocol::hide! {
    Tokens { user_id, session_id; access, refresh }
}

impl From<SignedIn> for Tokens {
    fn from(signed_in: SignedIn) -> Self {
        Self {
            user_id: signed_in.user.id,
            session_id: signed_in.session_id,
            access: signed_in.access_token,
            refresh: signed_in.refresh_token,
        }
    }
}

/// A client of one server. Cheap to clone; all clones are signed in as the same user.
#[derive(Clone, Debug)]
pub struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Without a slash at the end.
    base: String,
    http: reqwest::Client,
    tokens: Mutex<Option<Tokens>>,
    /// Held while tokens are renewed: a refresh token is good once.
    renewing: tokio::sync::Mutex<()>,
}

impl Client {
    /// A client of the server at this address, such as `http://127.0.0.1:7350`.
    pub fn new(base: &str) -> Result<Self, Error> {
        let is_address = base.starts_with("http://") || base.starts_with("https://");
        if !is_address {
            return Err(Error::Address(base.to_owned()));
        }
        let http = reqwest::Client::builder().timeout(DEADLINE).build()?;
        Ok(Self(Arc::new(Inner {
            base: base.trim_end_matches('/').to_owned(),
            http,
            tokens: Mutex::default(),
            renewing: tokio::sync::Mutex::default(),
        })))
    }

    /// The server's address.
    pub fn base(&self) -> &str {
        &self.0.base
    }

    /// Who the client is signed in as.
    pub fn tokens(&self) -> Option<Tokens> {
        self.0.tokens.lock().clone()
    }

    /// From now on the client is this user.
    pub fn set_tokens(&self, tokens: Tokens) {
        *self.0.tokens.lock() = Some(tokens);
    }

    /// Calls an operation that signs somebody in, and from now on is that user.
    pub async fn sign_in<C: Call<Output = SignedIn>>(&self, call: &C) -> Result<SignedIn, Error> {
        let signed_in = self.send(call, None, None).await?;
        self.set_tokens(signed_in.clone().into());
        Ok(signed_in)
    }

    /// Calls an operation over HTTP. An access token that has ended is renewed once.
    pub async fn call<C: Call>(&self, call: &C) -> Result<C::Output, Error> {
        self.call_with_key(call, None).await
    }

    /// Calls an operation with an idempotency key, so that it can be asked again without being done again.
    pub async fn call_with_key<C: Call>(&self, call: &C, key: Option<&str>) -> Result<C::Output, Error> {
        let access = self.tokens().map(|tokens| tokens.access);
        let answer = self.send(call, access.as_deref(), key).await;
        match (answer, access) {
            (Err(error), Some(access)) if error.code() == Some("token_invalid") => {
                let access = self.renew(&access).await?;
                self.send(call, Some(&access), key).await
            }
            (answer, _) => answer,
        }
    }

    /// Opens a socket that reconnects and resumes by itself until it is dropped.
    pub async fn connect(&self, options: SocketOptions) -> Result<Socket, Error> {
        Socket::open(self.clone(), options).await
    }

    /// Takes new tokens, unless another task already replaced `stale`.
    pub(crate) async fn renew(&self, stale: &str) -> Result<String, Error> {
        let _renewing = self.0.renewing.lock().await;
        let tokens = self.tokens().ok_or(Error::NotSignedIn)?;
        if tokens.access != stale {
            return Ok(tokens.access);
        }
        let signed_in = self.send(&Refresh { refresh_token: tokens.refresh }, None, None).await?;
        let access = signed_in.access_token.clone();
        self.set_tokens(signed_in.into());
        Ok(access)
    }

    async fn send<C: Call>(
        &self,
        call: &C,
        access: Option<&str>,
        key: Option<&str>,
    ) -> Result<C::Output, Error> {
        let (path, rest) = address(C::PATH, serde_json::to_value(call)?);
        let method: reqwest::Method = C::METHOD.parse().map_err(|_| Error::Unreadable(C::METHOD.into()))?;
        let has_body = method != reqwest::Method::GET && method != reqwest::Method::DELETE;
        let query = if has_body { String::new() } else { query(&rest) };
        let mut request = self.0.http.request(method, format!("{}/v1{path}{query}", self.0.base));
        if has_body {
            request = request.json(&rest);
        }
        if let Some(access) = access {
            request = request.bearer_auth(access);
        }
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        let response = request.send().await?;
        let is_success = response.status().is_success();
        let body = response.bytes().await?;
        if is_success {
            return Ok(serde_json::from_slice(if body.is_empty() { b"null" } else { &body })?);
        }
        let problem: Problem = serde_json::from_slice(&body)?;
        Err(Error::Refused(Box::new(problem)))
    }
}

/// Puts fields of the input into the path, and gives back what is left of it without what is absent.
fn address(path: &str, input: Value) -> (String, Value) {
    let Value::Object(mut fields) = input else { return (path.to_owned(), input) };
    let parts: Vec<String> = path
        .split('/')
        .map(|part| match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(name) => fields.shift_remove(name).map(|value| escape(&text(&value))).unwrap_or_default(),
            None => part.to_owned(),
        })
        .collect();
    fields.retain(|_, value| !value.is_null());
    (parts.join("/"), Value::Object(fields))
}

fn query(fields: &Value) -> String {
    let mut pairs = Vec::new();
    for (name, value) in fields.as_object().into_iter().flatten() {
        match value {
            Value::Array(items) => {
                pairs.extend(items.iter().map(|item| format!("{name}={}", escape(&text(item)))));
            }
            value => pairs.push(format!("{name}={}", escape(&text(value)))),
        }
    }
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Percent-encodes all but the unreserved characters of RFC 3986.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte.into()),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_go_into_the_path_and_the_rest_stays() {
        let (path, rest) =
            address("/rooms/{room_id}/messages", json!({"room_id": "a/b", "limit": 2, "before": null}));
        assert_eq!(path, "/rooms/a%2Fb/messages");
        assert_eq!(rest, json!({"limit": 2}));
        assert_eq!(query(&json!({"ids": ["x", "y z"], "limit": 2})), "?ids=x&ids=y%20z&limit=2");
    }
}
