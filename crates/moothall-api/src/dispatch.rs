//! The one way of every request to its operation, whatever the door.
//!
//! Start at [`Doors::dispatch`]. Its order is a promise: the rate is taken first, then the caller must have access, and only
//! then the input is looked at, so nobody learns the rules of what they may not call.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use metrics::{Counter, Histogram, counter, histogram};
use moothall::broken::nearest;
use moothall::idempotency::Claim;
use moothall::operation::{Outcome, log_fault};
use moothall::{Answer, Cx, Error, Fault, FieldError, Operation, Rate};
use moothall_protocol::{Problem, limits};
use serde_json::Value;

use crate::Doors;
use crate::input::Check;

/// What a caller sent, as it was read.
#[derive(Debug)]
pub(crate) struct Request {
    pub input: Value,
    pub key: Option<String>,
}

/// What is made ready once for all calls of an operation. Looking up a metric by its labels costs more than counting.
pub(crate) struct Ready {
    check: Check,
    succeeded: Counter,
    seconds: Histogram,
}

impl Ready {
    pub fn new(operation: &Operation, check: Check) -> Self {
        Self {
            check,
            succeeded: requests(operation.name, "ok"),
            seconds: histogram!("operation_seconds", "operation" => operation.name),
        }
    }
}

fn requests(operation: &'static str, outcome: &'static str) -> Counter {
    counter!("operation_requests_total", "operation" => operation, "outcome" => outcome)
}

impl Doors {
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
            let refusal = self.hall().rates().take(&cx, Rate::Read).err().unwrap_or_else(|| {
                let names = self.hall().registry().operations().iter().map(|operation| operation.name);
                Error::UnknownOperation { nearest: nearest(name, names) }
            });
            return Err(Box::new(refusal.problem(cx.request_id())));
        };
        let request = self.admit(operation, &cx).map(|()| Request { input, key: key.map(str::to_owned) });
        self.dispatch_admitted(operation.name, cx, request).await
    }

    /// Whether this caller may call now, by rate and access. What they send is looked at only after this.
    pub(crate) fn admit(&self, operation: &Operation, cx: &Cx) -> Result<(), Error> {
        self.hall().rates().take(cx, operation.rate)?;
        operation.admit(cx)
    }

    /// The way from there on; also of a refusal to admit or to read, so that it is counted like every other.
    pub(crate) async fn dispatch_admitted(
        &self,
        name: &str,
        cx: Cx,
        request: Result<Request, Error>,
    ) -> Result<Box<dyn Answer>, Box<Problem>> {
        let Some((operation, ready)) = self.hall().registry().find(name).zip(self.ready(name)) else {
            return Err(Box::new(Error::UnknownOperation { nearest: None }.problem(cx.request_id())));
        };
        let started = cx.elapsed();
        let deadline = self.options().timeouts.operation;
        let call =
            AssertUnwindSafe(tokio::time::timeout(deadline, self.call((operation, ready), &cx, request)));
        let outcome = match call.catch_unwind().await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => refuse(Error::Timeout),
            Err(panic) => {
                counter!("operation_panics_total", "operation" => operation.name).increment(1);
                refuse(Error::internal(format!("panic: {}", message_of(&*panic))))
            }
        };
        match &outcome {
            Ok(_) => ready.succeeded.increment(1),
            Err(fault) => requests(operation.name, fault.code()).increment(1),
        }
        ready.seconds.record(cx.elapsed().saturating_sub(started));
        outcome.map_err(|fault| {
            log_fault(&*fault, operation.name, cx.request_id());
            Box::new(fault.problem(cx.request_id()))
        })
    }

    async fn call(
        &self,
        (operation, ready): (&Operation, &Ready),
        cx: &Cx,
        request: Result<Request, Error>,
    ) -> Outcome {
        match request.and_then(|request| make_ready(operation, &ready.check, cx, request)) {
            Ok((cx, input)) => {
                let turn = match self.admission_of(operation.rate) {
                    Some(admission) => admission.enter(cx.random()).await.map(Some),
                    None => Ok(None),
                };
                match turn {
                    Ok(_turn) => operation.call(cx, input).await,
                    Err(crowded) => refuse(crowded),
                }
            }
            Err(error) => refuse(error),
        }
    }
}

/// What comes between reading a request and the operation, none of which waits.
fn make_ready(
    operation: &Operation,
    check: &Check,
    cx: &Cx,
    Request { input, key }: Request,
) -> Result<(Cx, Value), Error> {
    let input = check.apply(input)?;
    let cx = match key {
        Some(key) if operation.is_mutation() => {
            check_key(&key)?;
            if operation.is_guarded {
                cx.claiming(Claim::new(cx.user(), &key, operation.name, &input))
            } else {
                cx.clone()
            }
        }
        _ => cx.clone(),
    };
    Ok((cx, input))
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
        MIN..=MAX if key.chars().all(|char| char.is_ascii_graphic()) => return Ok(()),
        MIN..=MAX => "invalid",
        _ => "too_long",
    };
    Err(Error::Invalid {
        fields: vec![FieldError {
            path: String::new(),
            code: code.to_owned(),
            message: format!("the idempotency key must have {MIN} to {MAX} characters of ASCII that show"),
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use moothall::{Hall, Settings};
    use serde_json::json;
    use tokio::time::timeout;

    use super::*;
    use crate::Options;

    #[tokio::test]
    async fn refreshes_wait_for_their_turn_and_hold_up_no_sign_in() {
        let data = tempfile::tempdir().unwrap();
        let mut settings = Settings::default();
        settings.store.url = format!("sqlite:{}", data.path().join("hall.db").display());
        let hall = Hall::builder(settings).open().await.unwrap();
        let doors = Doors::open(&hall, Options::default()).unwrap();
        let cx = Cx::server(&hall);
        let admission = doors.admission_of(Rate::Refresh).unwrap();
        let mut turns = Vec::new();
        for _ in 0..limits::ADMISSIONS_AT_ONCE {
            turns.push(admission.enter(cx.random()).await.unwrap());
        }
        let input = json!({ "refresh_token": "mhr_wrong" });
        let mut refresh = Box::pin(doors.dispatch("accounts.refresh", cx.clone(), input, None));
        assert!(timeout(Duration::from_millis(100), &mut refresh).await.is_err(), "all turns are taken");
        let guest = doors.dispatch("accounts.sign_up_guest", cx.clone(), json!({}), None).await;
        assert!(guest.is_ok(), "{:?}", guest.err());
        turns.pop();
        assert_eq!(refresh.await.err().unwrap().code, "token_invalid");
    }
}
