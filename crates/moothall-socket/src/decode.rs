//! From bytes to messages: frames in any cut, fragments, and control frames between them (RFC 6455, sections 5.4 to 5.6).
//!
//! Start at [`Decoder::next`]. Whole frames leave nothing behind: the decoder of an idle socket is one empty pointer.

use bytes::Bytes;

use crate::close::{self, PROTOCOL_ERROR, Violation};
use crate::frame::{CONTROL_BYTES_MAX, HEAD_BYTES_MAX, Head, Kind, Mask, Opcode};
use crate::message::Message;

/// What the bytes of a client amount to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Message(Kind, Bytes),
    Ping(Bytes),
    Pong,
    /// A frame that neither says anything nor ends anything.
    EmptyFragment,
    Close(u16, String),
}

/// What one client sends. After a violation it is to be thrown away.
#[derive(Debug)]
pub(crate) struct Decoder {
    bytes_max: usize,
    is_deflating: bool,
    /// What has begun and is not whole. Boxed: most of the time there is nothing.
    progress: Option<Box<Progress>>,
}

/// A head, a frame and a message, each as far as it is here.
#[derive(Debug, Default)]
struct Progress {
    head: [u8; HEAD_BYTES_MAX],
    head_length: usize,
    frame: Option<Frame>,
    message: Option<Message>,
    control: Vec<u8>,
}

/// A frame whose payload is being read.
#[derive(Debug)]
struct Frame {
    opcode: Opcode,
    is_final: bool,
    is_empty: bool,
    to_come: usize,
    mask: Mask,
}

impl Decoder {
    pub fn new(bytes_max: usize, is_deflating: bool) -> Self {
        Self { bytes_max, is_deflating, progress: None }
    }

    /// Lets go of what has begun.
    pub fn forget(&mut self) {
        self.progress = None;
    }

    /// Takes bytes from the front up to the first event; `None` if all were taken and there is no event yet.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Event>, Violation> {
        let Some(mut progress) = self.progress.take() else {
            let mut progress = Progress::default();
            let event = self.advance(&mut progress, input)?;
            self.progress = (!progress.is_idle()).then(|| Box::new(progress));
            return Ok(event);
        };
        let event = self.advance(&mut progress, input)?;
        self.progress = (!progress.is_idle()).then_some(progress);
        Ok(event)
    }

    fn advance(&self, progress: &mut Progress, input: &mut &[u8]) -> Result<Option<Event>, Violation> {
        loop {
            let frame = match progress.frame.take() {
                Some(frame) => frame,
                None => match progress.take_head(input)? {
                    Some(head) => self.begin(progress, head)?,
                    None => return Ok(None),
                },
            };
            let Some(frame) = progress.take_payload(frame, input)? else { return Ok(None) };
            if let Some(event) = self.end(progress, &frame)? {
                return Ok(Some(event));
            }
        }
    }

    /// Checks that this frame may come now.
    fn begin(&self, progress: &mut Progress, head: Head) -> Result<Frame, Violation> {
        let broken = |what| Err(Violation::new(PROTOCOL_ERROR, what));
        if head.is_compressed && !self.is_deflating {
            return broken("the bit for compression is set, and none was agreed on");
        }
        let to_come = match (head.opcode, &mut progress.message) {
            (Opcode::Continuation, None) => return broken("a fragment of no message"),
            (Opcode::Continuation, Some(message)) => message.expect(head.length, self.bytes_max)?,
            (Opcode::Message(_), Some(_)) => return broken("a message begins inside another"),
            (Opcode::Message(kind), none) => {
                none.insert(Message::new(kind, head.is_compressed)).expect(head.length, self.bytes_max)?
            }
            // Checked with the head: it fits.
            (Opcode::Close | Opcode::Ping | Opcode::Pong, _) => {
                usize::try_from(head.length).unwrap_or(CONTROL_BYTES_MAX)
            }
        };
        let Head { is_final, opcode, mask, .. } = head;
        Ok(Frame { opcode, is_final, is_empty: to_come == 0, to_come, mask })
    }

    /// What a frame that is whole amounts to.
    fn end(&self, progress: &mut Progress, frame: &Frame) -> Result<Option<Event>, Violation> {
        Ok(Some(match frame.opcode {
            Opcode::Ping => Event::Ping(std::mem::take(&mut progress.control).into()),
            Opcode::Pong => {
                progress.control = Vec::new();
                Event::Pong
            }
            Opcode::Close => {
                let (code, reason) = close::parse(&std::mem::take(&mut progress.control))?;
                Event::Close(code, reason)
            }
            Opcode::Continuation | Opcode::Message(_) if frame.is_final => match progress.message.take() {
                Some(message) => {
                    let (kind, bytes) = message.finish(self.bytes_max)?;
                    Event::Message(kind, bytes)
                }
                None => return Ok(None),
            },
            Opcode::Continuation | Opcode::Message(_) if frame.is_empty => Event::EmptyFragment,
            Opcode::Continuation | Opcode::Message(_) => return Ok(None),
        }))
    }
}

impl Progress {
    fn is_idle(&self) -> bool {
        self.head_length == 0 && self.frame.is_none() && self.message.is_none()
    }

    fn take_head(&mut self, input: &mut &[u8]) -> Result<Option<Head>, Violation> {
        if self.head_length == 0
            && let Some((head, length)) = Head::parse(input)?
        {
            *input = input.get(length..).unwrap_or_default();
            return Ok(Some(head));
        }
        // Byte by byte, as the rest of the input is no more of this head than it needs.
        while let Some((byte, rest)) = input.split_first()
            && let Some(place) = self.head.get_mut(self.head_length)
        {
            *place = *byte;
            *input = rest;
            self.head_length += 1;
            if let Some((head, _)) = Head::parse(self.head.get(..self.head_length).unwrap_or_default())? {
                self.head_length = 0;
                return Ok(Some(head));
            }
        }
        Ok(None)
    }

    /// Takes the payload, as far as it is here; the frame comes back when it is whole.
    fn take_payload(&mut self, mut frame: Frame, input: &mut &[u8]) -> Result<Option<Frame>, Violation> {
        let (piece, rest) = input.split_at(frame.to_come.min(input.len()));
        *input = rest;
        if frame.opcode.is_control() {
            let start = self.control.len();
            self.control.extend_from_slice(piece);
            frame.mask.remove(self.control.get_mut(start..).unwrap_or_default());
        } else if let Some(message) = &mut self.message {
            message.push(piece, frame.is_final.then_some(frame.to_come), &mut frame.mask)?;
        }
        frame.to_come -= piece.len();
        if frame.to_come == 0 {
            return Ok(Some(frame));
        }
        self.frame = Some(frame);
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
