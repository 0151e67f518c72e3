//! What many sockets are to hear.

use std::sync::OnceLock;

use bytes::Bytes;

use crate::deflate;

/// The part of a message that is the same for all who receive it.
///
/// Keep it in an `Arc` and give it to each [`Socket`](crate::Socket) with [`send_shared`](crate::Socket::send_shared): what waits in
/// their queues are references to these bytes. It is deflated when the first receiver wants it so, once, on that receiver's thread.
#[derive(Debug)]
pub struct Shared {
    plain: Bytes,
    /// `None` if deflating would not make it smaller. A second thread that wants it meanwhile waits for the first.
    deflated: OnceLock<Option<Bytes>>,
}

impl Shared {
    /// Shares these bytes. If they are the end of a text, they must be whole characters of UTF-8.
    pub fn new(plain: impl Into<Bytes>) -> Self {
        Self { plain: plain.into(), deflated: OnceLock::new() }
    }

    /// The bytes as they are.
    pub fn plain(&self) -> &Bytes {
        &self.plain
    }

    /// The bytes deflated; `None` if that would not make them smaller.
    pub(crate) fn deflated(&self) -> Option<&Bytes> {
        self.deflated.get_or_init(|| deflate::deflate(&self.plain)).as_ref()
    }
}

impl From<Vec<u8>> for Shared {
    fn from(plain: Vec<u8>) -> Self {
        Self::new(plain)
    }
}

impl From<String> for Shared {
    fn from(plain: String) -> Self {
        Self::new(plain)
    }
}
