//! A frame: one event, encoded once per encoding, shared by all who receive it.
//!
//! Only the sequence number differs from receiver to receiver. It comes first, so everything behind it is the same bytes.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use moothall_protocol::limits::OUTBOX_BYTES_MAX;
use moothall_protocol::{Class, Event, UserId};
use moothall_socket::Shared;

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

/// For whom of those on its topic a frame is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Audience {
    /// Everybody.
    #[default]
    All,
    /// Everybody but this user.
    Except(UserId),
    /// Everybody but these users.
    ExceptThese(Box<[UserId]>),
    /// These users.
    Only(Box<[UserId]>),
    /// Those who are on this topic as well when it is published, but for this user.
    Within(Topic, UserId),
}

/// One event on its way to many.
#[derive(Debug)]
pub struct Frame {
    topic: Option<String>,
    event: Event,
    class: Class,
    audience: Audience,
    /// Who says it, where it is something that somebody says.
    author: Option<UserId>,
    /// Made at once, because its length is what the frame counts for.
    json: Arc<Shared>,
    msgpack: OnceLock<Arc<Shared>>,
    /// For one that says what is different: how the whole is.
    whole: Option<Box<Whole>>,
}

/// What takes the place of several differences. It is put together for the first who needs it.
struct Whole {
    topic: Topic,
    make: Box<dyn Fn() -> Event + Send + Sync>,
    frame: OnceLock<Arc<Frame>>,
}

impl fmt::Debug for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Whole").field("topic", &self.topic).finish_non_exhaustive()
    }
}

impl Frame {
    /// An event of a topic, or of the session itself.
    pub fn new(topic: Option<&Topic>, event: Event) -> Self {
        Self::to(topic, event, Audience::All)
    }

    /// The same, for some of those on the topic.
    pub fn to(topic: Option<&Topic>, event: Event, mut audience: Audience) -> Self {
        if let Audience::ExceptThese(users) | Audience::Only(users) = &mut audience {
            // Each receiver looks for their place: they may be as many as the receivers.
            users.sort_unstable();
        }
        let class = event.class();
        let topic = topic.map(Topic::to_string);
        let json = Arc::new(Shared::new(json_tail(topic.as_deref(), &event)));
        let author = author(&event);
        Self { topic, event, class, audience, author, json, msgpack: OnceLock::new(), whole: None }
    }

    /// What is different from before, and how the whole is after it.
    pub fn difference(
        topic: &Topic,
        event: Event,
        whole: impl Fn() -> Event + Send + Sync + 'static,
    ) -> Self {
        let whole = Whole { topic: topic.clone(), make: Box::new(whole), frame: OnceLock::new() };
        Self { whole: Some(Box::new(whole)), ..Self::new(Some(topic), event) }
    }

    /// What takes the place of this one and of those of its class before it; none if that is too heavy to be worth it.
    pub(super) fn instead(self: &Arc<Self>) -> Option<Arc<Self>> {
        let Some(whole) = &self.whole else { return Some(Arc::clone(self)) };
        let Whole { topic, make, frame } = &**whole;
        let whole = frame.get_or_init(|| Arc::new(Self::new(Some(topic), make())));
        (whole.weight() <= OUTBOX_BYTES_MAX / 2).then(|| Arc::clone(whole))
    }

    /// The topic on which it is told.
    #[cfg(test)]
    pub(crate) fn topic(&self) -> Option<&str> {
        self.topic.as_deref()
    }

    /// The event.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// What may become of it when a client reads too slowly.
    pub fn class(&self) -> &Class {
        &self.class
    }

    /// Whether it is for the sessions of this user.
    pub fn is_for(&self, user: Option<UserId>) -> bool {
        match &self.audience {
            Audience::All => true,
            Audience::Except(other) => user != Some(*other),
            Audience::ExceptThese(users) => user.is_none_or(|user| users.binary_search(&user).is_err()),
            Audience::Only(users) => user.is_some_and(|user| users.binary_search(&user).is_ok()),
            // Who that is, is known once it is published: until then nobody.
            Audience::Within(..) => false,
        }
    }

    /// Who says it, where it is something that somebody says.
    pub fn author(&self) -> Option<UserId> {
        self.author
    }

    /// What comes before the shared part: the opening and the sequence number.
    pub fn head(&self, encoding: Encoding, seq: Seq) -> Head {
        let mut head = Head { bytes: [0; HEAD_BYTES_MAX], length: 0 };
        match encoding {
            Encoding::Json => {
                head.push(br#"{"seq":"#);
                head.push_decimal(seq);
                head.push(b",");
            }
            Encoding::MessagePack => {
                // A map of four entries, or of three without a topic; then "seq" and a 64-bit number.
                let entries = if self.topic.is_some() { 0x84 } else { 0x83 };
                head.push(&[entries, 0xa3, b's', b'e', b'q', 0xcf]);
                head.push(&seq.to_be_bytes());
            }
        }
        head
    }

    /// The part that all receivers share.
    pub fn tail(&self, encoding: Encoding) -> &Arc<Shared> {
        match encoding {
            Encoding::Json => &self.json,
            Encoding::MessagePack => self.msgpack.get_or_init(|| Arc::new(Shared::new(self.msgpack_tail()))),
        }
    }

    /// The bytes this counts for in an outbox or a ring.
    pub fn weight(&self) -> usize {
        self.json.plain().len()
    }

    fn msgpack_tail(&self) -> Vec<u8> {
        let mut tail = Vec::new();
        if let Some(topic) = &self.topic {
            for text in ["topic", topic.as_str()] {
                tail.extend(rmp_serde::to_vec(text).unwrap_or_default());
            }
        }
        let event = rmp_serde::to_vec_named(&self.event).unwrap_or_default();
        // Without the byte that opens the event's own map: its entries are entries of ours.
        tail.extend_from_slice(event.get(1..).unwrap_or_default());
        tail
    }
}

/// Whose words an event brings.
fn author(event: &Event) -> Option<UserId> {
    match event {
        Event::MessageSent(message) | Event::MessageEdited(message) => Some(message.sender_id),
        Event::Typing(typing) => Some(typing.user_id),
        _ => None,
    }
}

fn json_tail(topic: Option<&str>, event: &Event) -> Vec<u8> {
    let mut tail = String::new();
    if let Some(topic) = topic {
        tail.push_str(&format!(r#""topic":"{topic}","#));
    }
    // Events are plain data with string keys, which always serialize.
    let event = serde_json::to_string(event).unwrap_or_default();
    tail.push_str(event.strip_prefix('{').unwrap_or_default());
    tail.into_bytes()
}

/// Bytes of the longest head: `{"seq":18446744073709551615,`.
const HEAD_BYTES_MAX: usize = 28;

/// The part of a message that is each receiver's own.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    bytes: [u8; HEAD_BYTES_MAX],
    length: usize,
}

impl Head {
    fn push(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        if let Some(room) = self.bytes.get_mut(self.length..end) {
            room.copy_from_slice(bytes);
            self.length = end;
        }
    }

    /// By hand, because this is done for every receiver: formatting costs a tenth of a delivery.
    fn push_decimal(&mut self, mut number: u64) {
        let mut digits = [b'0'; 20];
        let mut count = 0;
        for digit in digits.iter_mut().rev() {
            *digit += (number % 10) as u8;
            number /= 10;
            count += 1;
            if number == 0 {
                break;
            }
        }
        self.push(digits.get(20 - count..).unwrap_or_default());
    }
}

impl Deref for Head {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use moothall_protocol::RoomId;
    use moothall_protocol::communication::Typing;
    use serde_json::Value;

    use super::*;

    #[test]
    fn head_and_tail_are_one_message_in_both_encodings() {
        let room_id: RoomId = "01934b6c-0000-7000-8000-000000000000".parse().unwrap();
        let user_id = "01934b6c-0000-7000-8000-000000000001".parse().unwrap();
        for topic in [None, Some(Topic::Room(room_id))] {
            let frame = Frame::new(topic.as_ref(), Event::Typing(Typing { room_id, user_id }));
            for seq in [0, 1, 9, 10, 128, 1_000_000, u64::MAX] {
                let whole = |encoding| {
                    let mut bytes = frame.head(encoding, seq).to_vec();
                    bytes.extend_from_slice(frame.tail(encoding).plain());
                    bytes
                };
                let json: Value = serde_json::from_slice(&whole(Encoding::Json)).unwrap();
                let msgpack: Value = rmp_serde::from_slice(&whole(Encoding::MessagePack)).unwrap();
                assert_eq!(json, msgpack);
                assert_eq!((&json["seq"], &json["event"]), (&seq.into(), &"communication.typing".into()));
                assert_eq!(json["topic"].as_str().map(str::to_owned), topic.as_ref().map(Topic::to_string));
            }
        }
    }
}
