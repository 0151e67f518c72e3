//! A frame: one event, encoded once per encoding, shared by all who receive it.
//!
//! Only the sequence number differs from receiver to receiver. It comes first, so everything behind it is the same bytes.

use std::sync::OnceLock;

use bytes::Bytes;
use moothall_protocol::{Class, Event};

use super::Topic;

/// How a socket wants its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// JSON in text messages.
    Json,
    /// MessagePack in binary messages.
    MessagePack,
}

/// The number of an event in its session, from 1.
pub type Seq = u64;

/// One event on its way to many.
#[derive(Debug)]
pub struct Frame {
    topic: Option<String>,
    event: Event,
    class: Class,
    json: OnceLock<Bytes>,
    msgpack: OnceLock<Bytes>,
}

impl Frame {
    /// An event of a topic, or of the session itself.
    pub fn new(topic: Option<&Topic>, event: Event) -> Self {
        let class = event.class();
        Self {
            topic: topic.map(Topic::to_string),
            event,
            class,
            json: OnceLock::new(),
            msgpack: OnceLock::new(),
        }
    }

    /// The event.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// What may become of it when a client reads too slowly.
    pub fn class(&self) -> &Class {
        &self.class
    }

    /// What comes before the shared part: the opening and the sequence number.
    pub fn head(&self, encoding: Encoding, seq: Seq) -> Vec<u8> {
        match encoding {
            Encoding::Json => format!(r#"{{"seq":{seq},"#).into_bytes(),
            Encoding::MessagePack => {
                // A map of four entries, or of three without a topic; then "seq" and a 64-bit number.
                let entries = if self.topic.is_some() { 0x84 } else { 0x83 };
                let mut head = vec![entries, 0xa3, b's', b'e', b'q', 0xcf];
                head.extend_from_slice(&seq.to_be_bytes());
                head
            }
        }
    }

    /// The part that all receivers share.
    pub fn tail(&self, encoding: Encoding) -> Bytes {
        match encoding {
            Encoding::Json => self.json.get_or_init(|| self.json_tail()).clone(),
            Encoding::MessagePack => self.msgpack.get_or_init(|| self.msgpack_tail()).clone(),
        }
    }

    /// The bytes this counts for in an outbox or a ring.
    pub fn weight(&self) -> usize {
        self.tail(Encoding::Json).len()
    }

    fn json_tail(&self) -> Bytes {
        let mut tail = String::new();
        if let Some(topic) = &self.topic {
            tail.push_str(&format!(r#""topic":"{topic}","#));
        }
        // Events are plain data with string keys, which always serialize.
        let event = serde_json::to_string(&self.event).unwrap_or_default();
        tail.push_str(event.strip_prefix('{').unwrap_or_default());
        Bytes::from(tail)
    }

    fn msgpack_tail(&self) -> Bytes {
        let mut tail = Vec::new();
        if let Some(topic) = &self.topic {
            for text in ["topic", topic.as_str()] {
                tail.extend(rmp_serde::to_vec(text).unwrap_or_default());
            }
        }
        let event = rmp_serde::to_vec_named(&self.event).unwrap_or_default();
        // Without the byte that opens the event's own map: its entries are entries of ours.
        tail.extend_from_slice(event.get(1..).unwrap_or_default());
        Bytes::from(tail)
    }
}
