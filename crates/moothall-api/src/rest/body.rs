//! Reading a body: bounded in bytes and in time.

use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderMap};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use moothall::Error;
use moothall_protocol::limits::HTTP_BODY_BYTES_MAX;
use serde_json::Value;

/// So much of a body that is too large is still taken and thrown away: a client that is cut off in the middle of sending
/// would never see why.
const DISCARDED_MAX: usize = 4 * HTTP_BODY_BYTES_MAX;

/// The body as JSON; nothing, if it is empty.
pub(crate) async fn read(
    headers: &HeaderMap,
    body: Incoming,
    within: Duration,
) -> Result<Option<Value>, Error> {
    if body.is_end_stream() {
        return Ok(None);
    }
    let bytes = tokio::time::timeout(within, collect(body)).await.map_err(|_| Error::TooSlow)??;
    if bytes.is_empty() {
        return Ok(None);
    }
    if !is_json(headers) {
        return Err(Error::UnsupportedMediaType);
    }
    crate::read::json(&bytes).map(Some)
}

async fn collect(mut body: Incoming) -> Result<Vec<u8>, Error> {
    let too_large = || Error::TooLarge { max: HTTP_BODY_BYTES_MAX };
    if body.size_hint().lower() > DISCARDED_MAX as u64 {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Error::Malformed("the body ended too soon".to_owned()))?;
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length > DISCARDED_MAX {
            break;
        }
        if length <= HTTP_BODY_BYTES_MAX {
            bytes.extend_from_slice(&data);
        }
    }
    if length > HTTP_BODY_BYTES_MAX { Err(too_large()) } else { Ok(bytes) }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = value.split(';').next().unwrap_or_default().trim();
    media.eq_ignore_ascii_case("application/json")
}
