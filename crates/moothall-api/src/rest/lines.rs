//! A list as lines of JSON (NDJSON): for every operation that answers in pages, to whoever asks for it with `Accept`.
//!
//! The pages are read one after the other, each as a request of its own that counts for the rate, until the list ends or the bound is
//! reached. The last line says where to go on: `{"next":"…"}`, or `{"next":null}` if nothing is left. So a client knows that it has
//! read all there was to read, whatever became of the connection.

use bytes::Bytes;
use http::StatusCode;
use http::header::{self, HeaderMap};
use moothall::{Answer, Cx, Error, Fault as _};
use moothall_protocol::{Problem, limits};
use serde::Serialize;
use serde_json::{Value, json};

use super::fields::Shape;
use super::reply::{self, Response};
use crate::Doors;
use crate::dispatch::Request;

/// What such an answer is called.
pub(crate) const MEDIA: &str = "application/x-ndjson";

/// Whether the client wants the items of a list as lines.
pub(super) fn wants(headers: &HeaderMap, shape: &Shape) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut media = accepted.flat_map(|value| value.split(',')).filter_map(|media| media.split(';').next());
    shape.is_paged && media.any(|media| media.trim().eq_ignore_ascii_case(MEDIA))
}

/// All items from the request's cursor on, up to the bound.
pub(super) async fn answer(
    doors: &Doors,
    cx: &Cx,
    shape: &Shape,
    request: Result<Request, Error>,
) -> Result<Response, Box<Problem>> {
    let name = shape.operation.name;
    let mut input = match request {
        Ok(Request { input: Value::Object(input), .. }) => input,
        other => return doors.dispatch_admitted(name, cx.clone(), other).await.and_then(|_| unexpected(cx)),
    };
    let mut lines = Lines::default();
    loop {
        let input_of_page = Value::Object(input.clone());
        let request = Ok(Request { input: input_of_page, key: None });
        match doors.dispatch_admitted(name, cx.clone(), request).await {
            Ok(page) => lines.add(&*page).map_err(|error| Box::new(error.problem(cx.request_id())))?,
            Err(problem) if lines.pages == 0 => return Err(problem),
            // What is there already is worth having: the client goes on from here.
            Err(_) => break,
        }
        if lines.next.is_null() || lines.items >= limits::LINES_MAX {
            break;
        }
        input.insert("cursor".to_owned(), lines.next.clone());
        if doors.admit(&shape.operation, cx).is_err() {
            break;
        }
    }
    let body = lines.ended().map_err(|error| Box::new(error.problem(cx.request_id())))?;
    Ok(reply::bytes(StatusCode::OK, MEDIA, body))
}

fn unexpected(cx: &Cx) -> Result<Response, Box<Problem>> {
    Err(Box::new(Error::internal("an input that is no object").problem(cx.request_id())))
}

#[derive(Default)]
struct Lines {
    text: Vec<u8>,
    pages: usize,
    items: usize,
    /// Where the next page begins.
    next: Value,
}

impl Lines {
    fn add(&mut self, page: &dyn Answer) -> Result<(), Error> {
        let mut page = page.value()?;
        if let Some(Value::Array(items)) = page.get("items") {
            self.items += items.len();
            items.iter().try_for_each(|item| self.write(item))?;
        }
        self.next = page.get_mut("next").map_or(Value::Null, Value::take);
        self.pages += 1;
        Ok(())
    }

    fn write(&mut self, line: &impl Serialize) -> Result<(), Error> {
        serde_json::to_writer(&mut self.text, line).map_err(Error::internal)?;
        self.text.push(b'\n');
        Ok(())
    }

    fn ended(mut self) -> Result<Bytes, Error> {
        let next = json!({ "next": self.next });
        self.write(&next)?;
        Ok(self.text.into())
    }
}
