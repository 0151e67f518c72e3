//! Against tungstenite as the client, which shares no code with us.

use std::future::poll_fn;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use moothall_socket::{Kind, Options, Received, Shared, Socket};
use proptest::prelude::*;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Error, Message};

/// A message, cut at these places, with a ping behind each cut.
#[derive(Clone, Debug)]
pub struct Sent {
    is_text: bool,
    text: String,
    cuts: Vec<usize>,
}

impl Sent {
    pub fn new(text: String) -> Self {
        Self { is_text: true, text, cuts: Vec::new() }
    }

    /// The frames it is sent in.
    fn frames(&self) -> Vec<Message> {
        let whole = Bytes::from(self.text.clone());
        let mut cuts: Vec<usize> = self.cuts.iter().map(|cut| cut % (whole.len() + 1)).collect();
        cuts.sort_unstable();
        cuts.push(whole.len());
        let last = cuts.len() - 1;
        let (mut frames, mut start) = (Vec::new(), 0);
        for (index, end) in cuts.into_iter().enumerate() {
            let data = match (index, self.is_text) {
                (0, true) => Data::Text,
                (0, false) => Data::Binary,
                _ => Data::Continue,
            };
            let piece = whole.slice(start..end);
            frames.push(Message::Frame(Frame::message(piece, OpCode::Data(data), index == last)));
            if index != last {
                frames.push(Message::Ping(vec![index as u8; index].into()));
            }
            start = end;
        }
        frames
    }
}

/// Sends back what comes, cut into a head and a tail, until the client says goodbye. Returns what came beside messages.
pub async fn echo<S: AsyncRead + AsyncWrite + Unpin>(mut socket: Socket<S>) -> Vec<Received> {
    let mut others = Vec::new();
    let end = loop {
        match poll_fn(|cx| socket.poll_receive(cx)).await {
            Received::Message { kind, bytes } => {
                let at = (0..=bytes.len().min(30))
                    .rev()
                    .find(|at| kind == Kind::Binary || is_boundary(&bytes, *at));
                let (head, tail) = (bytes.slice(..at.unwrap()), bytes.slice(at.unwrap()..));
                socket.send_shared(kind, &head, &Shared::new(tail));
            }
            other @ (Received::Ping | Received::Pong | Received::EmptyFragment) => others.push(other),
            end => break end,
        }
        poll_fn(|cx| socket.poll_flush(cx)).await.unwrap();
    };
    assert_eq!(end, Received::Closed { code: 1005, reason: String::new() });
    poll_fn(|cx| socket.poll_shutdown(cx)).await.unwrap();
    others
}

fn is_boundary(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_none_or(|byte| byte & 0xC0 != 0x80)
}

/// Sends all this to a server that echoes, and returns what it answered, and how many pongs.
pub async fn converse<S: AsyncRead + AsyncWrite + Unpin>(stream: S, sent: &[Sent]) -> (Vec<Message>, usize) {
    let client = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
    let (mut sink, mut stream) = client.split();
    let send = async {
        for frame in sent.iter().flat_map(Sent::frames) {
            sink.send(frame).await.unwrap();
        }
    };
    let hear = async {
        let (mut heard, mut pongs) = (Vec::new(), 0);
        while heard.len() < sent.len() {
            match stream.next().await.unwrap().unwrap() {
                Message::Pong(_) => pongs += 1,
                message => heard.push(message),
            }
        }
        (heard, pongs)
    };
    let ((), (heard, pongs)) = tokio::join!(send, hear);
    sink.send(Message::Close(None)).await.unwrap();
    assert!(matches!(stream.next().await, Some(Ok(Message::Close(None)))));
    assert!(matches!(stream.next().await, None | Some(Err(Error::ConnectionClosed))));
    (heard, pongs)
}

pub fn check(sent: &[Sent], heard: &[Message], pongs: usize, others: &[Received]) {
    let expected: Vec<Message> = sent
        .iter()
        .map(|sent| match sent.is_text {
            true => Message::text(sent.text.clone()),
            false => Message::binary(sent.text.clone()),
        })
        .collect();
    assert_eq!(heard, expected);
    let pings: usize = sent.iter().map(|sent| sent.cuts.len()).sum();
    assert_eq!(pongs, pings, "each was flushed before the next was received");
    assert_eq!(others.iter().filter(|other| **other == Received::Ping).count(), pings);
}

fn sent() -> impl Strategy<Value = Sent> {
    let text = prop_oneof![
        ".{0,40}",
        (0_usize..70_000, any::<char>()).prop_map(|(length, fill)| fill.to_string().repeat(length / 4)),
    ];
    (any::<bool>(), text, prop::collection::vec(any::<usize>(), 0..6))
        .prop_map(|(is_text, text, cuts)| Sent { is_text, text, cuts })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn everything_comes_back(sent in prop::collection::vec(sent(), 0..8), room in 1_usize..5_000) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (ours, theirs) = tokio::io::duplex(room);
            let options = Options { message_bytes_max: 100_000, deflate: None };
            let server = echo(Socket::new(ours, Bytes::new(), options));
            let (others, (heard, pongs)) = tokio::join!(server, converse(theirs, &sent));
            check(&sent, &heard, pongs, &others);
        });
    }
}
