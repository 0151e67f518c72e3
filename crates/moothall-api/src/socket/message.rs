//! What crosses the wire around inputs and answers: requests in, answers and refusals out, and the reason of a close.

use moothall::broken::{child, unknown_field};
use moothall::topics::{Closing, Encoding};
use moothall::{Answer, Error};
use moothall_protocol::Problem;
use moothall_protocol::limits::SOCKET_REQUEST_ID_MAX;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::read;

/// A request as it came.
#[derive(Debug)]
pub(super) struct Request {
    pub id: u64,
    pub operation: String,
    pub input: Value,
    pub key: Option<String>,
}

/// Why a message is no request, with its id if that could be read.
#[derive(Debug)]
pub(super) struct Unreadable {
    pub id: Option<u64>,
    pub error: Error,
}

/// Reads one message of a client.
pub(super) fn request(encoding: Encoding, bytes: &[u8]) -> Result<Request, Unreadable> {
    let value = match encoding {
        Encoding::Json => read::json(bytes),
        Encoding::MessagePack => read::msgpack(bytes),
    };
    let mut fields = match value {
        Ok(Value::Object(fields)) => fields,
        Ok(_) => {
            let error = Error::Malformed("a message must be an object with `id` and `op`".to_owned());
            return Err(Unreadable { id: None, error });
        }
        Err(error) => return Err(Unreadable { id: None, error }),
    };
    let id = fields.remove("id").and_then(|id| id.as_u64()).filter(|id| *id <= SOCKET_REQUEST_ID_MAX as u64);
    let request = parts(id, fields);
    request.map_err(|error| Unreadable { id, error })
}

fn parts(id: Option<u64>, mut fields: Map<String, Value>) -> Result<Request, Error> {
    let wrong = |name, what: &str| Err(Error::field(&child("", name), "wrong_type", what));
    let Some(id) = id else {
        return wrong("id", "every request needs an `id`: a whole number from 0 to 2^53 - 1");
    };
    let operation = match fields.remove("op") {
        Some(Value::String(operation)) => operation,
        _ => return wrong("op", "every request needs an `op`: the name of an operation"),
    };
    let input = match fields.remove("in") {
        Some(input @ Value::Object(_)) => input,
        None | Some(Value::Null) => Value::Object(Map::new()),
        Some(_) => return wrong("in", "the input must be an object"),
    };
    let key = match fields.remove("key") {
        Some(Value::String(key)) => Some(key),
        None | Some(Value::Null) => None,
        Some(_) => return wrong("key", "an idempotency key must be a text"),
    };
    match fields.keys().next() {
        Some(name) => {
            Err(Error::Invalid { fields: vec![unknown_field("", name, &["id", "op", "in", "key"])] })
        }
        None => Ok(Request { id, operation, input, key }),
    }
}

/// The message that answers a request.
pub(super) fn answer(encoding: Encoding, id: u64, answer: &dyn Answer) -> Result<Vec<u8>, Error> {
    Ok(match encoding {
        Encoding::Json => json(Some(id), "out", &answer.json()?),
        Encoding::MessagePack => msgpack(Some(id), "out", &answer.msgpack()?),
    })
}

/// The message that refuses a request; without an id, one that could not be read.
pub(super) fn refusal(encoding: Encoding, id: Option<u64>, problem: &Problem) -> Vec<u8> {
    // A problem is plain data with string keys, which always serializes.
    match encoding {
        Encoding::Json => json(id, "err", &serde_json::to_vec(problem).unwrap_or_default()),
        Encoding::MessagePack => msgpack(id, "err", &rmp_serde::to_vec_named(problem).unwrap_or_default()),
    }
}

fn json(id: Option<u64>, name: &str, value: &[u8]) -> Vec<u8> {
    let id = id.map_or_else(|| "null".to_owned(), |id| id.to_string());
    let mut message = Vec::with_capacity(value.len() + id.len() + name.len() + 12);
    message.extend_from_slice(format!(r#"{{"id":{id},"{name}":"#).as_bytes());
    message.extend_from_slice(value);
    message.push(b'}');
    message
}

fn msgpack(id: Option<u64>, name: &str, value: &[u8]) -> Vec<u8> {
    // A map of two entries: "id" with a 64-bit number or nil, and the other name.
    let mut message = vec![0x82, 0xa2, b'i', b'd'];
    match id {
        Some(id) => {
            message.push(0xcf);
            message.extend_from_slice(&id.to_be_bytes());
        }
        None => message.push(0xc0),
    }
    message.push(0xa0 | name.len() as u8);
    message.extend_from_slice(name.as_bytes());
    message.extend_from_slice(value);
    message
}

/// Bytes the reason of a close frame may have, by RFC 6455.
const REASON_BYTES_MAX: usize = 123;

#[derive(Serialize)]
struct Reason<'a> {
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    reason: &'a str,
}

/// The reason of a close frame, as JSON; its words are cut to what fits.
pub(super) fn reason(closing: &Closing) -> String {
    let mut words = closing.reason.as_str();
    loop {
        let reason =
            Reason { code: closing.code.as_str(), retry_after_ms: closing.retry_after_ms, reason: words };
        let text = serde_json::to_string(&reason).unwrap_or_default();
        if text.len() <= REASON_BYTES_MAX || words.is_empty() {
            return text;
        }
        let mut characters = words.chars();
        characters.next_back();
        words = characters.as_str();
    }
}

#[cfg(test)]
mod tests {
    use moothall::Fault as _;
    use moothall_protocol::CloseCode;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_reads_the_same_in_both_encodings() {
        let message = json!({ "id": 7, "op": "system.ping", "in": { "a": [1] }, "key": "k" });
        for request in [
            request(Encoding::Json, message.to_string().as_bytes()),
            request(Encoding::MessagePack, &rmp_serde::to_vec_named(&message).unwrap()),
        ] {
            let request = request.unwrap();
            assert_eq!((request.id, request.operation.as_str()), (7, "system.ping"));
            assert_eq!((request.input, request.key.as_deref()), (json!({ "a": [1] }), Some("k")));
        }
    }

    #[test]
    fn what_is_wrong_with_an_envelope_is_said_with_its_id() {
        for (text, id, path) in [
            (r#"{"op":"system.ping"}"#, None, "/id"),
            (r#"{"id":-1,"op":"system.ping"}"#, None, "/id"),
            (r#"{"id":9007199254740992,"op":"system.ping"}"#, None, "/id"),
            (r#"{"id":1}"#, Some(1), "/op"),
            (r#"{"id":1,"op":"system.ping","in":[]}"#, Some(1), "/in"),
            (r#"{"id":1,"op":"system.ping","key":1}"#, Some(1), "/key"),
            (r#"{"id":1,"op":"system.ping","input":{}}"#, Some(1), "/input"),
        ] {
            let unreadable = request(Encoding::Json, text.as_bytes()).unwrap_err();
            assert_eq!(unreadable.id, id, "{text}");
            let Error::Invalid { fields } = unreadable.error else { panic!("{text}") };
            assert_eq!(fields[0].path, path, "{text}");
        }
        let unreadable = request(Encoding::Json, br#"{"id":1,"op":"system.ping","kye":"k"}"#).unwrap_err();
        let Error::Invalid { fields } = unreadable.error else { panic!("{unreadable:?}") };
        assert_eq!(fields[0].nearest.as_deref(), Some("key"));
        for text in ["", "7", "[]", r#"{"id":1,"#] {
            let unreadable = request(Encoding::Json, text.as_bytes()).unwrap_err();
            assert!(matches!(unreadable.error, Error::Malformed(_)), "{text}");
        }
    }

    #[test]
    fn answers_are_equal_in_both_encodings() {
        let out = json!({ "text": "ü", "n": 3 });
        let expected = json!({ "id": 7, "out": out });
        let json_bytes = answer(Encoding::Json, 7, &out).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&json_bytes).unwrap(), expected);
        let packed = answer(Encoding::MessagePack, 7, &out).unwrap();
        assert_eq!(rmp_serde::from_slice::<Value>(&packed).unwrap(), expected);
        let problem = Error::NotSignedIn.problem("01934b6c-0000-7000-8000-000000000000".parse().unwrap());
        let refused = refusal(Encoding::MessagePack, None, &problem);
        let value = rmp_serde::from_slice::<Value>(&refused).unwrap();
        assert_eq!((&value["id"], &value["err"]["code"]), (&Value::Null, &json!("not_signed_in")));
    }

    #[test]
    fn the_reason_of_a_close_fits_and_stays_json() {
        let mut closing = Closing::new(CloseCode::Draining, "ü\"".repeat(200));
        closing.retry_after_ms = Some(10_000);
        let text = reason(&closing);
        assert!(text.len() <= REASON_BYTES_MAX, "{} bytes", text.len());
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["retry_after_ms"], 10_000);
        assert_eq!(value["code"], "draining");
    }
}
