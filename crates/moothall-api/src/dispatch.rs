//! The one way of every request to its operation, whatever the door.
//!
//! Start at [`Doors::dispatch`]. Its order is a promise: the rate is taken first, then the caller must have access, and only
//! then the input is looked at, so nobody learns the rules of what they may not call.

use std::any::Any;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use metrics::{counter, histogram};
use moothall::idempotency::Claim;
use moothall::operation::{Outcome, log_fault};
use moothall::{Answer, Cx, Error, Fault, FieldError, Hall, Operation, Rate};
use moothall_protocol::{Problem, limits};
use serde_json::Value;

use crate::input::Check;
use crate::schemas::Schemas;

const DEADLINE: Duration = Duration::from_millis(limits::OPERATION_MS_MAX as u64);

/// The doors of a hall. Cheap to clone; all clones are the same doors.
#[derive(Clone)]
pub struct Doors(Arc<Inner>);

struct Inner {
    hall: Hall,
    checks: HashMap<&'static str, Check>,
}

/// Why doors cannot be made for a hall.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The schema of an operation's input is of no use.
    #[error("the input of {operation} cannot be checked: {message}")]
    Schema {
        /// Which operation.
        operation: &'static str,
        /// What is wrong.
        message: String,
    },
}

impl Doors {
    /// The doors of this hall, with the check of every operation's input made ready.
    pub fn open(hall: &Hall) -> Result<Self, OpenError> {
        let schemas = Schemas::new(hall.registry(), &[]);
        let mut checks = HashMap::new();
        for operation in hall.registry().operations() {
            let check = Check::new(&schemas, operation.name)
                .map_err(|message| OpenError::Schema { operation: operation.name, message })?;
            checks.insert(operation.name, check);
        }
        Ok(Self(Arc::new(Inner { hall: hall.clone(), checks })))
    }

    /// The hall behind the doors.
    pub fn hall(&self) -> &Hall {
        &self.0.hall
    }

    /// Calls the operation of this name: rate, access, validity, idempotency, deadline, and what the metrics tell.
    ///
    /// A panic of the operation is answered as `internal` and harms nobody else. A door that polls several of these once, in
    /// order, starts their operations in that order: nothing is awaited before the operation itself.
    pub async fn dispatch(
        &self,
        name: &str,
        cx: Cx,
        input: Value,
        key: Option<&str>,
    ) -> Result<Box<dyn Answer>, Box<Problem>> {
        let Some(operation) = self.hall().registry().find(name) else {
            let refusal = self.hall().rates().take(&cx, Rate::Read).err().unwrap_or(Error::UnknownOperation);
            return Err(Box::new(refusal.problem(cx.request_id())));
        };
        let started = cx.elapsed();
        let call = AssertUnwindSafe(tokio::time::timeout(DEADLINE, self.call(operation, &cx, input, key)));
        let outcome = match call.catch_unwind().await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => refuse(Error::Timeout),
            Err(panic) => {
                counter!("operation_panics_total", "operation" => operation.name).increment(1);
                refuse(Error::internal(format!("panic: {}", message_of(&*panic))))
            }
        };
        let code = outcome.as_ref().err().map_or("ok", |fault| fault.code());
        counter!("operation_requests_total", "operation" => operation.name, "outcome" => code).increment(1);
        histogram!("operation_seconds", "operation" => operation.name)
            .record(cx.elapsed().saturating_sub(started));
        outcome.map_err(|fault| {
            log_fault(&*fault, operation.name, cx.request_id());
            Box::new(fault.problem(cx.request_id()))
        })
    }

    async fn call(&self, operation: &Operation, cx: &Cx, input: Value, key: Option<&str>) -> Outcome {
        match self.admit(operation, cx, input, key) {
            Ok((cx, input)) => operation.call(cx, input).await,
            Err(error) => refuse(error),
        }
    }

    /// What comes before the operation, none of which waits.
    fn admit(
        &self,
        operation: &Operation,
        cx: &Cx,
        input: Value,
        key: Option<&str>,
    ) -> Result<(Cx, Value), Error> {
        self.hall().rates().take(cx, operation.rate)?;
        operation.access.check(cx)?;
        let check = self.0.checks.get(operation.name).ok_or(Error::UnknownOperation)?;
        let input = check.apply(input)?;
        let cx = match key {
            Some(key) if operation.is_mutation() => {
                check_key(key)?;
                if operation.is_guarded {
                    cx.claiming(Claim::new(cx.user(), key, operation.name, &input))
                } else {
                    cx.clone()
                }
            }
            _ => cx.clone(),
        };
        Ok((cx, input))
    }
}

fn refuse(error: Error) -> Outcome {
    Err(Box::new(error))
}

/// A key must be long enough that nobody guesses another's, and short enough to keep.
fn check_key(key: &str) -> Result<(), Error> {
    const MIN: usize = limits::IDEMPOTENCY_KEY_LENGTH_MIN;
    const MAX: usize = limits::IDEMPOTENCY_KEY_LENGTH_MAX;
    let code = match key.chars().count() {
        ..MIN => "too_short",
        MIN..=MAX => return Ok(()),
        _ => "too_long",
    };
    Err(Error::Invalid {
        fields: vec![FieldError {
            path: String::new(),
            code: code.to_owned(),
            message: format!("the idempotency key must have {MIN} to {MAX} characters"),
            min: Some(MIN as f64),
            max: Some(MAX as f64),
            nearest: None,
        }],
    })
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
