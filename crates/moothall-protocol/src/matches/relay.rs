//! Data relayed between the players of a match.

use std::fmt;

use data_encoding::BASE64;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::limits;
use crate::{MatchId, Timestamp, UserId};

/// Bytes that the server passes on and does not look into: base64 (RFC 4648, padded) in JSON, binary in MessagePack.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Opaque(pub Vec<u8>);

impl fmt::Debug for Opaque {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Serialize for Opaque {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(&BASE64.encode_display(&self.0))
        } else {
            serializer.serialize_bytes(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Opaque {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OpaqueVisitor)
    }
}

struct OpaqueVisitor;

impl Visitor<'_> for OpaqueVisitor {
    type Value = Opaque;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("base64, or bytes")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Opaque, E> {
        BASE64.decode(text.as_bytes()).map(Opaque).map_err(|_| E::custom("this is not base64 with padding"))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Opaque, E> {
        Ok(Opaque(bytes.to_vec()))
    }
}

impl JsonSchema for Opaque {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Opaque".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "contentEncoding": "base64",
            "description": "Base64 with padding; in MessagePack, bytes.",
            "pattern": "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
            "maxLength": limits::RELAY_BYTES_MAX.div_ceil(3) * 4,
        })
    }
}

/// Opens a relay between players, for a match that a host runs. Each of them hears `matches.relay_opened` and may then send with
/// `matches.relay`. It is not stored: after a restart of the server the host opens another.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenRelay {
    /// Those who hear each other. Somebody twice is as once.
    #[schemars(length(min = 1, max = limits::RELAY_PLAYERS_MAX))]
    pub user_ids: Vec<UserId>,
}

/// Closes a relay. The players hear `matches.relay_closed`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CloseRelay {
    /// The match.
    pub match_id: MatchId,
}

/// Lists the relays the caller may send through.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MyRelays {}

/// Sends data to the other players of a match: to all, or to those named. Who is connected gets it once and in order, who is not
/// gets it never; nothing is stored. It leaves together with what else is relayed within 15 milliseconds.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Relay {
    /// The match.
    pub match_id: MatchId,
    /// What to send.
    pub data: Opaque,
    /// To whom, if not to all others. Those who are not in the match are left out.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::RELAY_PLAYERS_MAX))]
    pub to: Option<Vec<UserId>>,
}

/// A relay between the players of a match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OpenedRelay {
    /// The match.
    pub match_id: MatchId,
    /// Those who hear each other.
    pub user_ids: Vec<UserId>,
    /// Since when.
    pub opened_at: Timestamp,
}

/// The relays of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Relays {
    /// The oldest first.
    pub items: Vec<OpenedRelay>,
}

/// A relay is closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClosedRelay {
    /// The match.
    pub match_id: MatchId,
}

/// What a player of a match sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Relayed {
    /// Who sent it.
    pub from: UserId,
    /// What.
    pub data: Opaque,
}
