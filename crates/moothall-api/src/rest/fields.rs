//! What HTTP needs to know of an operation's input and answer, read from their schemas once; and the making of one input
//! out of path, query, body and `If-Match`.

use std::collections::HashMap;

use moothall::broken::child;
use moothall::{Error, Operation};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::schemas::Schemas;

/// The input's field that `If-Match` stands for.
pub(crate) const IF_VERSION: &str = "if_version";
/// The answer's field that is its `ETag`.
pub(crate) const VERSION: &str = "version";

/// How the text of a path or query becomes the value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Integer,
    Number,
    Boolean,
    /// Anything else is written as JSON.
    Json,
}

/// One field, as path and query write it.
#[derive(Clone, Copy, Debug)]
struct Field {
    kind: Kind,
    /// A list is written by repeating its name.
    is_list: bool,
}

/// An operation as HTTP sees it.
#[derive(Debug)]
pub(crate) struct Shape {
    /// The operation.
    pub operation: Operation,
    /// Whether the answer has a version: a number, not the name of a release.
    pub has_version: bool,
    /// Whether it answers in pages, which a cursor leads through.
    pub is_paged: bool,
    fields: HashMap<String, Field>,
}

impl Shape {
    /// The shape of this operation.
    pub fn new(schemas: &Schemas, operation: &Operation) -> Self {
        let properties = |schema: &Value| {
            schemas.resolve(schema).get("properties").and_then(Value::as_object).cloned().unwrap_or_default()
        };
        let inputs = properties(schemas.input(operation.name));
        let output = properties(schemas.output(operation.name));
        let is_paged = operation.method == moothall::Method::Get
            && inputs.contains_key("cursor")
            && ["items", "next"].into_iter().all(|field| output.contains_key(field));
        let fields = inputs.into_iter().map(|(name, schema)| (name, field_of(schemas, &schema))).collect();
        let has_version =
            output.get(VERSION).is_some_and(|schema| is_type(past_null(schemas, schema), "integer"));
        Self { operation: operation.clone(), has_version, is_paged, fields }
    }

    /// The names of the path's fields, in their order.
    pub fn path_fields(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.operation.path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
    }

    /// Whether a path or query writes this field as JSON.
    pub fn is_json(&self, name: &str) -> bool {
        self.fields.get(name).is_some_and(|field| field.kind == Kind::Json)
    }

    /// Whether the input may say which version it changes.
    pub fn takes_version(&self) -> bool {
        self.fields.contains_key(IF_VERSION)
    }

    /// Whether a client that has the newest version need not be sent it again.
    pub fn is_cacheable(&self) -> bool {
        self.has_version && self.operation.is_cacheable && !self.operation.is_mutation()
    }

    /// Whether its input stands in the body; otherwise it stands in the query.
    pub fn has_body(&self) -> bool {
        takes_body(&self.operation)
    }

    /// One input out of all places a request has for it. What stands twice is refused, not chosen from.
    pub fn input(
        &self,
        values: &[&str],
        query: Option<&str>,
        body: Option<Value>,
        if_match: Option<&str>,
    ) -> Result<Value, Error> {
        let mut input = match (body, self.has_body()) {
            (None, _) => Map::new(),
            (Some(_), false) => {
                return Err(Error::Malformed(
                    "this operation takes its input from the query, not from a body".into(),
                ));
            }
            (Some(Value::Object(fields)), true) => fields,
            (Some(_), true) => return Err(Error::Malformed("the body must be a JSON object".into())),
        };
        for (name, value) in self.path_fields().zip(values) {
            let text = decode(value)?;
            self.put(&mut input, name, text, false)?;
        }
        for pair in pairs(query) {
            let (name, value) = pair?;
            if self.has_body() {
                // Not in the query, where every proxy would write it to its log.
                return Err(wrong(&name, "unknown_field", "this belongs into the body"));
            }
            self.put(&mut input, &name, value, true)?;
        }
        if let Some(version) = if_match {
            self.put_version(&mut input, version)?;
        }
        Ok(Value::Object(input))
    }

    fn put(
        &self,
        input: &mut Map<String, Value>,
        name: &str,
        text: String,
        may_repeat: bool,
    ) -> Result<(), Error> {
        // A field nobody knows is left to the check of the whole input, which knows the nearest name.
        let field = self.fields.get(name).copied().unwrap_or(Field { kind: Kind::Text, is_list: false });
        let value = field.kind.read(text);
        match input.get_mut(name) {
            Some(Value::Array(items)) if may_repeat && field.is_list => items.push(value),
            Some(_) => return Err(wrong(name, "not_unique", "this stands twice in the request")),
            None if field.is_list => {
                input.insert(name.to_owned(), Value::Array(vec![value]));
            }
            None => {
                input.insert(name.to_owned(), value);
            }
        }
        Ok(())
    }

    /// `If-Match: "7"` is the same as the field `if_version` with 7.
    fn put_version(&self, input: &mut Map<String, Value>, if_match: &str) -> Result<(), Error> {
        if if_match.trim() == "*" {
            return Ok(());
        }
        if !self.takes_version() {
            return Err(Error::Malformed("this operation knows no versions: leave If-Match away".into()));
        }
        let version: Option<i64> = unquote(if_match.trim()).and_then(|version| version.parse().ok());
        let Some(version) = version else {
            return Err(Error::Malformed("If-Match must be one ETag as the server gave it".into()));
        };
        match input.insert(IF_VERSION.to_owned(), Value::from(version)) {
            Some(other) if !other.is_null() && other != version => {
                Err(wrong(IF_VERSION, "not_unique", "If-Match says another version"))
            }
            _ => Ok(()),
        }
    }
}

/// The names and values of a query.
pub(crate) fn pairs(query: Option<&str>) -> impl Iterator<Item = Result<(String, String), Error>> {
    query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((decode(&name.replace('+', " "))?, decode(&value.replace('+', " "))?))
    })
}

/// Whether an operation's input stands in the body; otherwise it stands in the query.
pub(crate) fn takes_body(operation: &Operation) -> bool {
    !matches!(operation.method, moothall::Method::Get | moothall::Method::Delete)
}

/// The text between the quotes of an `ETag`.
pub(crate) fn unquote(tag: &str) -> Option<&str> {
    tag.strip_prefix('"')?.strip_suffix('"')
}

impl Kind {
    /// What cannot be read stays text, and the check of the input says that it is of the wrong type.
    fn read(self, text: String) -> Value {
        let read = match self {
            Self::Text => None,
            Self::Integer => {
                text.parse::<i64>().map(Value::from).or_else(|_| text.parse::<u64>().map(Value::from)).ok()
            }
            Self::Number => text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::from),
            Self::Boolean => text.parse::<bool>().map(Value::from).ok(),
            Self::Json => crate::read::json(text.as_bytes()).ok(),
        };
        read.unwrap_or(Value::String(text))
    }
}

fn field_of(schemas: &Schemas, schema: &Value) -> Field {
    let schema = past_null(schemas, schema);
    if is_type(schema, "array") {
        let item = schema.get("items").map_or(&Value::Null, |items| past_null(schemas, items));
        return Field { kind: kind_of(item), is_list: true };
    }
    Field { kind: kind_of(schema), is_list: false }
}

/// The schema behind references and behind "or null".
fn past_null<'a>(schemas: &'a Schemas, schema: &'a Value) -> &'a Value {
    let schema = schemas.resolve(schema);
    let branches = schema.get("anyOf").and_then(Value::as_array);
    let mut meant = branches.into_iter().flatten().filter(|branch| !is_type(branch, "null"));
    match (meant.next(), meant.next()) {
        (Some(only), None) => past_null(schemas, only),
        _ => schema,
    }
}

fn kind_of(schema: &Value) -> Kind {
    if is_type(schema, "string") || schema.get("enum").is_some() || schema.get("oneOf").is_some() {
        Kind::Text
    } else if is_type(schema, "integer") {
        Kind::Integer
    } else if is_type(schema, "number") {
        Kind::Number
    } else if is_type(schema, "boolean") {
        Kind::Boolean
    } else {
        Kind::Json
    }
}

fn is_type(schema: &Value, wanted: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(kind)) => kind == wanted,
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == wanted),
        _ => false,
    }
}

fn decode(text: &str) -> Result<String, Error> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(String::from).map_err(|_| Error::Malformed("the address is not UTF-8 text".to_owned()))
}

fn wrong(name: &str, code: &str, message: &str) -> Error {
    Error::field(&child("", name), code, message)
}
