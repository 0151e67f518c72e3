//! Reading what a client sent, JSON or MessagePack, into a [`Value`].
//!
//! Promises: nesting is bounded while reading, so no input can exhaust the stack, and a field that stands twice is refused
//! instead of silently replaced.

use std::fmt;

use data_encoding::BASE64;
use moothall::Error;
use moothall_protocol::limits;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// What came as binary is a text of this and its base64, until the check of the input has seen whether its field takes bytes. No
/// text that is accepted holds the character it begins with.
pub(crate) const BINARY: &str = "\0binary:";

/// One JSON text.
pub fn json(bytes: &[u8]) -> Result<Value, Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    Within::LIMIT
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| Error::Malformed(error.to_string()))
}

/// One MessagePack value. Binary is marked with [`BINARY`]; extension types have no place in an input.
pub fn msgpack(bytes: &[u8]) -> Result<Value, Error> {
    let mut deserializer = rmp_serde::Deserializer::new(bytes);
    let value =
        Within::LIMIT.deserialize(&mut deserializer).map_err(|error| Error::Malformed(error.to_string()))?;
    if deserializer.get_ref().is_empty() {
        Ok(value)
    } else {
        Err(Error::Malformed("there are bytes after the message".to_owned()))
    }
}

/// Reads a value with so many levels of nesting at most.
#[derive(Clone, Copy)]
struct Within(usize);

impl Within {
    const LIMIT: Self = Self(limits::NESTING_MAX);

    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        self.0
            .checked_sub(1)
            .map(Self)
            .ok_or_else(|| E::custom(format_args!("more than {} levels of nesting", limits::NESTING_MAX)))
    }
}

impl<'de> DeserializeSeed<'de> for Within {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Within {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object, an array, a string, a number, a boolean or null")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number must be finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Value, E> {
        let mut text = BINARY.to_owned();
        BASE64.encode_append(bytes, &mut text);
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut fields = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value_seed(inner)?;
            if fields.contains_key(&name) {
                return Err(A::Error::custom("a field stands twice"));
            }
            fields.insert(name, value);
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn nested(levels: usize) -> String {
        format!("{}{}", "[".repeat(levels), "]".repeat(levels))
    }

    #[test]
    fn nesting_is_bounded_in_every_encoding() {
        let deepest = json(nested(limits::NESTING_MAX).as_bytes()).unwrap();
        assert!(matches!(
            json(nested(limits::NESTING_MAX + 1).as_bytes()),
            Err(Error::Malformed(why)) if why.contains("32 levels of nesting")
        ));
        assert!(json(nested(1_000_000).as_bytes()).is_err());
        assert_eq!(msgpack(&rmp_serde::to_vec(&deepest).unwrap()).unwrap(), deepest);
        // 0x91 opens an array of one item.
        assert!(msgpack(&vec![0x91; 1_000_000]).is_err());
    }

    #[test]
    fn both_encodings_read_the_same() {
        let value =
            json!({ "text": "ü", "whole": -3, "big": u64::MAX, "part": 0.5, "list": [true, null, {}] });
        assert_eq!(json(value.to_string().as_bytes()).unwrap(), value);
        assert_eq!(msgpack(&rmp_serde::to_vec_named(&value).unwrap()).unwrap(), value);
    }

    #[test]
    fn binary_is_marked_so_that_it_passes_for_no_text() {
        assert_eq!(msgpack(&[0xc4, 2, 0xff, 0]).unwrap(), json!("\0binary:/wA="));
    }

    #[test]
    fn what_is_ambiguous_or_goes_on_is_refused() {
        assert!(json(br#"{"a":1,"a":2}"#).is_err());
        assert!(json(b"{} {}").is_err());
        assert!(json(b"").is_err());
        assert!(json(b"\"\xff\"").is_err());
        assert!(msgpack(&[0xc0, 0xc0]).is_err());
        assert!(msgpack(&[0xc7, 1, 5, 0]).is_err(), "an extension type");
        assert!(msgpack(&rmp_serde::to_vec(&f64::NAN).unwrap()).is_err());
    }
}
