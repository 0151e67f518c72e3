//! A request's body: read within its bounds, or thrown away so that the client gets to see the answer.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, EXPECT, HeaderMap, HeaderValue};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use moothall::Error;
use moothall_protocol::limits::{HTTP_BODY_BYTES_MAX, HTTP_BODY_DISCARDED_BYTES_MAX};
use serde_json::Value;

/// The body of one request.
#[derive(Debug)]
pub(crate) struct Body {
    incoming: Incoming,
    /// Nothing is left to be read.
    is_whole: bool,
    /// The client sends it only when it is told to go on, or has not sent it in time.
    is_held_back: bool,
}

impl Body {
    pub fn new(incoming: Incoming, headers: &HeaderMap) -> Self {
        Self { is_whole: incoming.is_end_stream(), is_held_back: headers.contains_key(EXPECT), incoming }
    }

    /// The body as JSON; nothing, if it is empty.
    pub async fn read(&mut self, headers: &HeaderMap, within: Duration) -> Result<Option<Value>, Error> {
        if self.is_whole {
            return Ok(None);
        }
        if is_encoded(headers) {
            return Err(Error::UnsupportedEncoding);
        }
        let Ok(bytes) = tokio::time::timeout(within, self.collect()).await else {
            self.is_held_back = true;
            return Err(Error::TooSlow);
        };
        let bytes = bytes?;
        if bytes.is_empty() {
            return Ok(None);
        }
        if !is_json(headers) {
            return Err(Error::UnsupportedMediaType);
        }
        crate::read::json(&bytes).map(Some)
    }

    async fn collect(&mut self) -> Result<Vec<u8>, Error> {
        let too_large = || Error::TooLarge { max: HTTP_BODY_BYTES_MAX };
        if self.incoming.size_hint().lower() > HTTP_BODY_BYTES_MAX as u64 {
            return Err(too_large());
        }
        self.is_held_back = false;
        let mut bytes = Vec::new();
        while let Some(frame) = self.incoming.frame().await {
            let frame = frame.map_err(|_| Error::Malformed("the body ended too soon".to_owned()))?;
            let Ok(data) = frame.into_data() else { continue };
            if bytes.len() + data.len() > HTTP_BODY_BYTES_MAX {
                return Err(too_large());
            }
            bytes.extend_from_slice(&data);
        }
        self.is_whole = true;
        Ok(bytes)
    }

    /// What is left to be thrown away, now that the answer is ready. Where the next request cannot be found behind it, the answer
    /// says that the connection ends.
    pub fn left(self, answer: &mut HeaderMap) -> Option<Incoming> {
        if self.is_whole {
            return None;
        }
        let left = self.incoming.size_hint().exact();
        let is_short = left.is_some_and(|left| left <= HTTP_BODY_DISCARDED_BYTES_MAX as u64);
        if self.is_held_back || !is_short {
            answer.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        (!self.is_held_back).then_some(self.incoming)
    }
}

/// Takes what a client still sends, within bounds, and throws it away: a client that is cut off in the middle of sending would
/// never see why it was refused.
pub(crate) async fn discard(mut left: Incoming, within: Duration) {
    let all = async {
        let mut length = 0;
        while let Some(Ok(frame)) = left.frame().await
            && length <= HTTP_BODY_DISCARDED_BYTES_MAX
        {
            length += frame.data_ref().map_or(0, Bytes::len);
        }
    };
    let _ = tokio::time::timeout(within, all).await;
}

/// Whether the body is compressed, or what else there is to make of it before it is read.
fn is_encoded(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONTENT_ENCODING).iter();
    values.any(|value| !value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity"))
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = value.split(';').next().unwrap_or_default().trim();
    media.eq_ignore_ascii_case("application/json")
}
