//! A caller's closure on its way through the database's threads, with its type left behind.
//!
//! A job may be attempted several times and is answered once. It never unwinds: a panic of the closure becomes
//! [`Error::Panicked`], rolls back that job alone, and is what every further attempt comes to.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;

use crate::{Error, Tx};

pub(crate) trait Job: Send {
    /// Runs the closure and keeps its result. True if it asks for a commit.
    fn attempt(&mut self, tx: &mut Tx<'_>) -> bool;

    /// Answers with the result of the last attempt.
    fn answer(self: Box<Self>);

    /// Answers with a failure of the store instead.
    fn fail(self: Box<Self>, error: Error);
}

pub(crate) struct Closure<T, E, F> {
    work: F,
    result: Option<Result<T, E>>,
    has_panicked: bool,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<T, E, F> Closure<T, E, F> {
    pub(crate) fn new(work: F) -> (Self, oneshot::Receiver<Result<T, E>>) {
        let (reply, answer) = oneshot::channel();
        (Self { work, result: None, has_panicked: false, reply }, answer)
    }
}

impl<T, E, F> Job for Closure<T, E, F>
where
    F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<Error> + Send,
{
    fn attempt(&mut self, tx: &mut Tx<'_>) -> bool {
        // Whatever the closure left half done dies with the rollback; it is not run again after a panic.
        if self.has_panicked {
            return false;
        }
        let result = catch_unwind(AssertUnwindSafe(|| (self.work)(tx))).unwrap_or_else(|panic| {
            self.has_panicked = true;
            let text = text_of(panic.as_ref());
            tracing::error!(panic = %text, "A transaction panicked and was rolled back");
            Err(E::from(Error::Panicked(text.into())))
        });
        let result = match (result, tx.failure()) {
            // The closure swallowed the failure of a statement. PostgreSQL could not commit this, so SQLite does not.
            (Ok(_), Some(failure)) => Err(E::from(failure.clone())),
            (result, _) => result,
        };
        self.result.insert(result).is_ok()
    }

    fn answer(self: Box<Self>) {
        let result = self.result.unwrap_or_else(|| Err(E::from(Error::closed())));
        // The caller may have gone; its write stands.
        let _ = self.reply.send(result);
    }

    fn fail(self: Box<Self>, error: Error) {
        let _ = self.reply.send(Err(E::from(error)));
    }
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
