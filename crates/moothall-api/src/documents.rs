//! The contracts of the API, written from the registry: `openapi.json`, `socket.json`, `errors.json`.
//!
//! Pure functions: the same registry gives the same bytes, so the committed copies show every change in review.

mod openapi;
mod socket;

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use bytes::Bytes;
use moothall::{Access, ErrorEntry, Registry};
use moothall_protocol::connections::Authenticated;
use moothall_protocol::{Event, Problem};
use serde_json::{Value, json};

use crate::schemas::Schemas;

/// A document as it is served.
pub(crate) struct Document {
    pub text: Bytes,
    /// The `ETag`: whoever has this text need not be sent it again.
    pub tag: String,
}

impl Document {
    pub fn new(text: String) -> Self {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        Self { tag: format!("\"{:016x}\"", hasher.finish()), text: text.into() }
    }
}

/// The documents there are.
pub(crate) const FILES: [&str; 3] = ["openapi.json", "socket.json", "errors.json"];

/// All documents: the name of the file, and the text.
pub fn documents(registry: &Registry) -> Vec<(&'static str, String)> {
    let schemas = Schemas::new(
        registry,
        &[
            |generator| generator.subschema_for::<Problem>(),
            |generator| generator.subschema_for::<Event>(),
            |generator| generator.subschema_for::<Authenticated>(),
        ],
    );
    let texts =
        [openapi::document(registry, &schemas), socket::document(registry, &schemas), errors(registry)];
    FILES.into_iter().zip(texts.map(|document| format!("{document:#}\n"))).collect()
}

fn errors(registry: &Registry) -> Value {
    let errors = registry.errors().iter().map(|entry| {
        json!({
            "code": entry.code,
            "status": entry.kind.status(),
            "kind": entry.kind,
            "title": entry.title,
            "about": entry.about.trim(),
        })
    });
    json!({ "errors": errors.collect::<Vec<_>>() })
}

/// The page that a problem's `type` points to.
pub(crate) fn errors_page(registry: &Registry) -> String {
    let mut entries: Vec<&ErrorEntry> = registry.errors().iter().collect();
    entries.sort_by_key(|entry| entry.code);
    let mut rows = String::new();
    for entry in entries {
        let (code, title, about) = (escaped(entry.code), escaped(entry.title), prose(entry.about.trim()));
        // Writing to a string cannot fail.
        let _ = writeln!(
            rows,
            "<section id=\"{code}\"><h2><code>{code}</code> <small>{}</small></h2><p><q>{title}</q></p><p>{about}</p></section>",
            entry.kind.status(),
        );
    }
    include_str!("../pages/errors.html").replace("{errors}", &rows)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Text for a page: what stands between backticks is code.
fn prose(text: &str) -> String {
    let parts = escaped(text).split('`').map(str::to_owned).collect::<Vec<_>>();
    let marked = parts
        .into_iter()
        .enumerate()
        .map(|(index, part)| if index % 2 == 1 { format!("<code>{part}</code>") } else { part });
    marked.collect()
}

/// Who may call, in words.
fn who(access: Access) -> String {
    match access {
        Access::Public => "anybody".to_owned(),
        Access::Player => "whoever is signed in".to_owned(),
        Access::Host => "hosts and tools: whoever has the permission `host`".to_owned(),
        Access::Permission(permission) => format!("whoever has the permission `{permission}`"),
    }
}

/// The doc comment of a type: its first paragraph, and the rest.
fn about(schema: &Value) -> (String, String) {
    let text = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    let (first, rest) = text.split_once("\n\n").unwrap_or((text, ""));
    (first.replace('\n', " "), rest.to_owned())
}
