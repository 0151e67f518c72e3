//! The registry: an operation is registered once, and every door and document is derived from that.
//!
//! A context offers its operations with [`Operations`]; [`Registry`] holds them all. An operation's input is one struct:
//! the parameters of path, query and body are its fields, and its doc comment is the documentation everywhere.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use moothall_protocol::RequestId;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;

use crate::cx::{Caller, Cx};
use crate::error::{Error, ErrorEntry, Fault};
use crate::{Permission, accounts, idempotency};

/// Who may call an operation. The operation itself may ask for more, such as owning what it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// Whoever is signed in.
    Player,
    /// Game hosts and tools: whoever has the permission `host`, by a key or a role.
    Host,
    /// Whoever has this permission.
    Permission(Permission),
}

impl Access {
    /// Refuses a caller who may not call.
    pub fn check(self, cx: &Cx) -> Result<(), Error> {
        match (self, cx.caller()) {
            (Self::Public, _) | (_, Caller::Server) => Ok(()),
            (_, Caller::Nobody) => Err(Error::NotSignedIn),
            (Self::Player, Caller::Member(_)) => Ok(()),
            (Self::Host, Caller::Member(_)) => cx.require(accounts::HOST),
            (Self::Permission(permission), Caller::Member(_)) => cx.require(permission),
        }
    }
}

/// The HTTP method of an operation. Everything but `Get` changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Reads.
    Get,
    /// Makes something, or does something.
    Post,
    /// Sets something whole.
    Put,
    /// Changes part of something.
    Patch,
    /// Takes something away.
    Delete,
}

impl Method {
    /// As HTTP writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// The rate class of an operation: each caller has one token bucket per class, whatever the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rate {
    /// Sign-up, sign-in, resets: counted per network too.
    SignIn,
    /// New tokens: each session may have them as often as somebody may sign in, and a wrong token counts as a sign-in.
    Refresh,
    /// Messages.
    Chat,
    /// Data relayed in a match.
    Relay,
    /// Typing, watching, status.
    Social,
    /// Reading.
    Read,
    /// Changing.
    Write,
    /// Staff.
    Admin,
}

impl Rate {
    /// All classes.
    pub const ALL: [Self; 8] = [
        Self::SignIn,
        Self::Refresh,
        Self::Chat,
        Self::Relay,
        Self::Social,
        Self::Read,
        Self::Write,
        Self::Admin,
    ];

    /// As `session.ready` and `GET /v1/limits` name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::Refresh => "refresh",
            Self::Chat => "chat",
            Self::Relay => "relay",
            Self::Social => "social",
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

/// A future that a door can hold.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// An operation's answer, not yet encoded.
pub trait Answer: Send {
    /// As JSON.
    fn json(&self) -> Result<Vec<u8>, Error>;
    /// As MessagePack, with the names of fields.
    fn msgpack(&self) -> Result<Vec<u8>, Error>;
    /// As a value, for a door that must look into it.
    fn value(&self) -> Result<Value, Error>;
}

impl<T: Serialize + Send> Answer for T {
    fn json(&self) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(self).map_err(Error::internal)
    }

    fn msgpack(&self) -> Result<Vec<u8>, Error> {
        rmp_serde::to_vec_named(self).map_err(Error::internal)
    }

    fn value(&self) -> Result<Value, Error> {
        serde_json::to_value(self).map_err(Error::internal)
    }
}

/// What a call ends with: an answer to encode, or the fault to show.
pub type Outcome = Result<Box<dyn Answer>, Box<dyn Fault>>;

/// An asynchronous function of `Cx` and an input, with a future that can move between threads.
///
/// Implemented for every `async fn(&Cx, I) -> Result<O, E>`; never by hand.
pub trait Function<'a, I>: Send + Sync + 'static {
    /// What it answers.
    type Output;
    /// How it refuses.
    type Error;
    /// Its future.
    type Future: Future<Output = Result<Self::Output, Self::Error>> + Send + 'a;
    /// Calls it.
    fn call(&self, cx: &'a Cx, input: I) -> Self::Future;
}

impl<'a, I, O, E, F, R> Function<'a, I> for F
where
    F: Fn(&'a Cx, I) -> R + Send + Sync + 'static,
    R: Future<Output = Result<O, E>> + Send + 'a,
{
    type Output = O;
    type Error = E;
    type Future = R;

    fn call(&self, cx: &'a Cx, input: I) -> R {
        self(cx, input)
    }
}

type Call = dyn Fn(Cx, Value) -> BoxFuture<'static, Outcome> + Send + Sync;

/// One registered operation.
#[derive(Clone)]
pub struct Operation {
    /// `context.verb`, the same in every door.
    pub name: &'static str,
    /// The context it belongs to.
    pub context: &'static str,
    /// The HTTP method.
    pub method: Method,
    /// The path below `/v1`, with `{fields}` of the input.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    /// The rate class.
    pub rate: Rate,
    /// The HTTP status of success.
    pub status: u16,
    /// For status 201: where the new thing is, with `{fields}` of the answer.
    pub location: Option<&'static str>,
    /// Whether an idempotency key guards it.
    pub is_guarded: bool,
    /// Whether nothing of the answer changes without its `version`.
    pub is_cacheable: bool,
    /// For how many seconds anybody on the way may keep the answer.
    pub max_age: Option<u32>,
    /// Whether somebody may call it who may not sign in.
    pub is_open_to_restricted: bool,
    /// Codes this operation answers with beside those all share.
    pub errors: &'static [ErrorEntry],
    /// The Rust type of the input, for clients that are generated.
    pub input_type: fn() -> &'static str,
    /// The Rust type of the answer.
    pub output_type: fn() -> &'static str,
    /// The schema of the input.
    pub input: fn(&mut SchemaGenerator) -> Schema,
    /// The schema of the answer.
    pub output: fn(&mut SchemaGenerator) -> Schema,
    call: Arc<Call>,
}

impl Operation {
    /// Calls it with an input that the door has checked against [`Operation::input`].
    pub fn call(&self, cx: Cx, input: Value) -> BoxFuture<'static, Outcome> {
        (self.call)(cx, input)
    }

    /// Refuses a caller who may not call: by what it declares, and, if they may not sign in, unless it is for them. The one place that
    /// limits what a limited token opens.
    pub fn admit(&self, cx: &Cx) -> Result<(), Error> {
        self.access.check(cx)?;
        match cx.identity().and_then(|identity| identity.restricted.as_deref()) {
            Some(restricted) if self.access != Access::Public && !self.is_open_to_restricted => {
                Err(Error::Restricted(Box::new(restricted.clone())))
            }
            _ => Ok(()),
        }
    }

    /// Whether it changes something.
    pub fn is_mutation(&self) -> bool {
        self.method != Method::Get
    }
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.name, self.method.as_str(), self.path)
    }
}

/// The operations of one context.
#[derive(Debug)]
pub struct Operations {
    /// The context's name.
    pub context: &'static str,
    /// What it is about, in a sentence.
    pub about: &'static str,
    /// Codes its operations answer with.
    pub errors: &'static [ErrorEntry],
    permissions: Vec<Permission>,
    list: Vec<Operation>,
}

impl Operations {
    /// The operations of the context of this name.
    pub fn context(context: &'static str, about: &'static str) -> Self {
        Self { context, about, errors: &[], permissions: Vec::new(), list: Vec::new() }
    }

    /// The codes these operations answer with: the `CATALOGUE` of the context's error.
    #[must_use]
    pub fn errors(mut self, errors: &'static [ErrorEntry]) -> Self {
        self.errors = errors;
        self
    }

    /// There is this permission as well, of which no operation asks all who call it: what they do with it depends on it.
    #[must_use]
    pub fn permission(mut self, permission: Permission) -> Self {
        self.permissions.push(permission);
        self
    }

    /// Reads: `GET`.
    #[must_use]
    pub fn get<I, O, E, F>(self, path: &'static str, name: &'static str, access: Access, function: F) -> Self
    where
        I: DeserializeOwned + JsonSchema + Send + 'static,
        O: Serialize + JsonSchema + Send + 'static,
        E: Fault,
        F: for<'a> Function<'a, I, Output = O, Error = E>,
    {
        self.add::<I, O, E, F>(Method::Get, path, name, access, function)
    }

    /// Makes or does something: `POST`.
    #[must_use]
    pub fn post<I, O, E, F>(self, path: &'static str, name: &'static str, access: Access, function: F) -> Self
    where
        I: DeserializeOwned + JsonSchema + Send + 'static,
        O: Serialize + JsonSchema + Send + 'static,
        E: Fault,
        F: for<'a> Function<'a, I, Output = O, Error = E>,
    {
        self.add::<I, O, E, F>(Method::Post, path, name, access, function)
    }

    /// Sets something whole: `PUT`.
    #[must_use]
    pub fn put<I, O, E, F>(self, path: &'static str, name: &'static str, access: Access, function: F) -> Self
    where
        I: DeserializeOwned + JsonSchema + Send + 'static,
        O: Serialize + JsonSchema + Send + 'static,
        E: Fault,
        F: for<'a> Function<'a, I, Output = O, Error = E>,
    {
        self.add::<I, O, E, F>(Method::Put, path, name, access, function)
    }

    /// Changes part of something: `PATCH`.
    #[must_use]
    pub fn patch<I, O, E, F>(
        self,
        path: &'static str,
        name: &'static str,
        access: Access,
        function: F,
    ) -> Self
    where
        I: DeserializeOwned + JsonSchema + Send + 'static,
        O: Serialize + JsonSchema + Send + 'static,
        E: Fault,
        F: for<'a> Function<'a, I, Output = O, Error = E>,
    {
        self.add::<I, O, E, F>(Method::Patch, path, name, access, function)
    }

    /// Takes something away: `DELETE`.
    #[must_use]
    pub fn delete<I, O, E, F>(
        self,
        path: &'static str,
        name: &'static str,
        access: Access,
        function: F,
    ) -> Self
    where
        I: DeserializeOwned + JsonSchema + Send + 'static,
        O: Serialize + JsonSchema + Send + 'static,
        E: Fault,
        F: for<'a> Function<'a, I, Output = O, Error = E>,
    {
        self.add::<I, O, E, F>(Method::Delete, path, name, access, function)
    }

    /// The last operation makes a new thing, which is to be found at `location`: 201.
    #[must_use]
    pub fn created(self, location: &'static str) -> Self {
        self.last(|operation| {
            operation.status = 201;
            operation.location = Some(location);
        })
    }

    /// The rate class of the last operation; without it `Read` for `GET` and `Write` for the rest.
    #[must_use]
    pub fn rate(self, rate: Rate) -> Self {
        self.last(|operation| operation.rate = rate)
    }

    /// The last operation changes nothing that lasts, or may be repeated as it is: an idempotency key is taken and not stored.
    #[must_use]
    pub fn unguarded(self) -> Self {
        self.last(|operation| operation.is_guarded = false)
    }

    /// Nothing of the last operation's answer changes without its `version`, and no version comes twice, not even after the thing
    /// was taken away and made again: so whoever has this version need not be sent it again.
    #[must_use]
    pub fn cacheable(self) -> Self {
        self.last(|operation| operation.is_cacheable = true)
    }

    /// Somebody who may not sign in may still call the last operation, with a limited token.
    #[must_use]
    pub fn open_to_restricted(self) -> Self {
        self.last(|operation| operation.is_open_to_restricted = true)
    }

    /// The last operation answers everybody the same, and whoever is on the way may keep it for so many seconds.
    #[must_use]
    pub fn max_age(self, seconds: u32) -> Self {
        self.last(|operation| operation.max_age = Some(seconds))
    }

    fn last(mut self, change: impl FnOnce(&mut Operation)) -> Self {
        if let Some(operation) = self.list.last_mut() {
            change(operation);
        }
        self
    }

    fn add<I, O, E, F>(
        mut self,
        method: Method,
        path: &'static str,
        name: &'static str,
        access: Access,
        function: F,
    ) -> Self
    where
        I: DeserializeOwned + JsonSchema + Send + 'static,
        O: Serialize + JsonSchema + Send + 'static,
        E: Fault,
        F: for<'a> Function<'a, I, Output = O, Error = E>,
    {
        let function = Arc::new(function);
        let call: Arc<Call> = Arc::new(move |cx: Cx, input: Value| {
            let function = Arc::clone(&function);
            Box::pin(async move {
                access.check(&cx).map_err(boxed)?;
                // The door has checked the input; what is left are rules that no schema can say.
                let input: I =
                    serde_path_to_error::deserialize(input).map_err(|error| boxed(broken(&error)))?;
                match function.call(&cx, input).await {
                    Ok(answer) => Ok(Box::new(answer) as Box<dyn Answer>),
                    // It may have been done before, by a request whose answer got lost: what it needed is used up by now.
                    Err(fault) => match idempotency::answer_before(&cx).await {
                        Ok(Some(answer)) => Ok(Box::new(answer) as Box<dyn Answer>),
                        Err(mismatch @ Error::IdempotencyMismatch) => Err(boxed(mismatch)),
                        Ok(None) | Err(_) => Err(boxed(fault)),
                    },
                }
            })
        });
        let is_nothing = O::schema_name() == <()>::schema_name();
        self.list.push(Operation {
            name,
            context: self.context,
            method,
            path,
            access,
            rate: if method == Method::Get { Rate::Read } else { Rate::Write },
            status: if is_nothing { 204 } else { 200 },
            location: None,
            is_guarded: method != Method::Get,
            is_cacheable: false,
            max_age: None,
            is_open_to_restricted: false,
            errors: self.errors,
            input_type: std::any::type_name::<I>,
            output_type: std::any::type_name::<O>,
            input: |generator| generator.subschema_for::<I>(),
            output: |generator| generator.subschema_for::<O>(),
            call,
        });
        self
    }
}

/// What is wrong with an input that its schema let pass: where, and what is asked for there. The value itself may be a secret.
fn broken(error: &serde_path_to_error::Error<serde_json::Error>) -> Error {
    let mut path = String::new();
    for segment in error.path() {
        match segment {
            Segment::Seq { index } => path.push_str(&format!("/{index}")),
            Segment::Map { key } => path.push_str(&format!("/{}", key.replace('~', "~0").replace('/', "~1"))),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    let said = error.inner().to_string();
    // As serde says it: "invalid value: integer `7`, expected u8".
    let message = match said.rsplit_once(", expected ") {
        Some((_, "i64")) => format!("must be an integer from {} to {}", i64::MIN, i64::MAX),
        Some((_, "u64")) => format!("must be an integer from 0 to {}", u64::MAX),
        Some((_, wanted)) => format!("must be {wanted}"),
        None => said,
    };
    Error::field(&path, "invalid", message)
}

fn boxed(fault: impl Fault) -> Box<dyn Fault> {
    Box::new(fault)
}

/// All operations of a server: those of Moothall's contexts, and those of the program that embeds it.
#[derive(Debug)]
pub struct Registry {
    contexts: Vec<(&'static str, &'static str)>,
    operations: Vec<Operation>,
    by_name: HashMap<&'static str, usize>,
    permissions: Vec<Permission>,
    errors: Vec<ErrorEntry>,
}

/// Why operations cannot stand in one registry.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// Two operations of one name.
    #[error("there are two operations named {0}")]
    NameTwice(&'static str),
    /// Two operations of one method and path.
    #[error("{0} and {1} have the same method and path")]
    RouteTwice(&'static str, &'static str),
    /// A name that does not begin with its context.
    #[error("the operation {0} must be named after its context {1}")]
    NotOfContext(&'static str, &'static str),
    /// Two errors of one code that differ.
    #[error("there are two errors with the code {0}")]
    CodeTwice(&'static str),
}

impl Registry {
    /// Puts the operations of several contexts together.
    pub fn new(contexts: Vec<Operations>) -> Result<Self, RegistryError> {
        let mut registry = Self {
            contexts: Vec::new(),
            operations: Vec::new(),
            by_name: HashMap::new(),
            permissions: Vec::new(),
            errors: crate::error::CATALOGUE.to_vec(),
        };
        let mut routes: HashMap<(Method, String), &'static str> = HashMap::new();
        for context in contexts {
            registry.contexts.push((context.context, context.about));
            registry.permissions.extend(context.permissions);
            for entry in context.errors {
                if registry.errors.iter().any(|known| known.code == entry.code && known != entry) {
                    return Err(RegistryError::CodeTwice(entry.code));
                }
                if !registry.errors.contains(entry) {
                    registry.errors.push(*entry);
                }
            }
            for operation in context.list {
                if !operation.name.strip_prefix(context.context).is_some_and(|rest| rest.starts_with('.')) {
                    return Err(RegistryError::NotOfContext(operation.name, context.context));
                }
                // `/users/{id}` and `/users/{name}` are one route.
                let shape: Vec<&str> = operation
                    .path
                    .split('/')
                    .map(|part| if part.starts_with('{') { "{}" } else { part })
                    .collect();
                if let Some(other) = routes.insert((operation.method, shape.join("/")), operation.name) {
                    return Err(RegistryError::RouteTwice(other, operation.name));
                }
                if registry.by_name.insert(operation.name, registry.operations.len()).is_some() {
                    return Err(RegistryError::NameTwice(operation.name));
                }
                registry.operations.push(Operation { errors: context.errors, ..operation });
            }
        }
        Ok(registry)
    }

    /// The operation of this name.
    pub fn find(&self, name: &str) -> Option<&Operation> {
        self.by_name.get(name).and_then(|index| self.operations.get(*index))
    }

    /// All operations, in the order they were registered.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The permissions there are: those that operations ask for, and those that contexts name beside them.
    pub fn permissions(&self) -> impl Iterator<Item = &'static str> {
        let asked = self.operations.iter().filter_map(|operation| match operation.access {
            Access::Permission(permission) => Some(permission),
            Access::Public | Access::Player | Access::Host => None,
        });
        asked.chain(self.permissions.iter().copied()).map(|permission| permission.0)
    }

    /// Names and descriptions of the contexts.
    pub fn contexts(&self) -> &[(&'static str, &'static str)] {
        &self.contexts
    }

    /// All codes.
    pub fn errors(&self) -> &[ErrorEntry] {
        &self.errors
    }
}

/// Logs a refusal once: a fault of the server with its chain of sources, and what it could not do in time as a warning; what the client
/// could have done better only for who looks closely. Doors call this where they answer.
pub fn log_fault(fault: &dyn Fault, operation: &str, request_id: RequestId) {
    match fault.kind() {
        crate::Kind::Internal => {
            let mut chain = String::new();
            let mut source = fault.source();
            while let Some(error) = source {
                chain.push_str(": ");
                chain.push_str(&error.to_string());
                source = error.source();
            }
            tracing::error!(request.id = %request_id, operation, "{operation} failed{chain}");
        }
        kind if kind.status() >= 500 => {
            tracing::warn!(request.id = %request_id, operation, code = fault.code(), "{operation} could not be done");
        }
        _ => {
            tracing::debug!(request.id = %request_id, operation, code = fault.code(), "{operation} was refused");
        }
    }
}
