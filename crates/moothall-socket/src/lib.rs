//! The server half of WebSocket ([RFC 6455]) with deflate ([RFC 7692]), over any stream of bytes.
//!
//! Start at [`Socket`]: it is made of a stream whose handshake is over, polled by the one task that owns it, and knows nothing of
//! HTTP. The two things of the handshake that are not plain headers are [`accept_key`] and [`negotiate_deflate`]. What many sockets
//! are to hear is a [`Shared`]: its bytes are made once, deflated at most once, and never copied for a receiver.
//!
//! Promises, and their bounds:
//!
//! * An idle socket holds no buffer. What is read goes through a buffer of the thread's; what is kept of it is a message that is not
//!   whole yet, in room for twice what came of it at most, and, if the owner stops asking, what was read with the last message.
//! * A message has at most [`Options::message_bytes_max`], and one that announces more is refused at its head.
//! * The limit also holds for what a deflated message inflates to, and is checked while it inflates.
//! * No state of deflate is kept for a socket, in either direction: see [`Deflate`].
//! * A ping is answered by the socket itself, and at most one pong waits. The rest of what waits to be written is what the owner
//!   sent: [`Socket::waiting`] and [`Socket::waiting_bytes`] say how much, and it is the owner who stops in time.
//! * A client pays for what it sends without saying anything: pings, pongs and empty fragments are all [`Received`], one by one.
//! * Everything that waits leaves in as few writes as the stream allows.
//! * A client that breaks the protocol is [`Received::Broken`], as early as its bytes show it. Nothing a client sends panics.
//!
//! Modules, from the outside in: `socket.rs` joins the two directions; `decode.rs` makes messages of bytes, with `frame.rs` for the
//! head of a frame, `message.rs` for a message that arrives in pieces and `close.rs` for the goodbye; `outgoing.rs` is what waits
//! to be written; `deflate.rs` compresses both ways.
//!
//! [RFC 6455]: https://www.rfc-editor.org/rfc/rfc6455
//! [RFC 7692]: https://www.rfc-editor.org/rfc/rfc7692

mod close;
mod decode;
mod deflate;
mod frame;
mod handshake;
mod message;
mod outgoing;
mod scratch;
mod shared;
mod socket;

pub use deflate::DEFLATE_BYTES_MIN;
pub use frame::Kind;
pub use handshake::{Deflate, accept_key, negotiate_deflate};
pub use outgoing::HEAD_BYTES_MAX;
pub use shared::Shared;
pub use socket::{Options, Received, Socket};
