//! Who may have others read what they write about themselves. Restrictions say so, which know of connections, and not the other way round.

use std::fmt;
use std::sync::OnceLock;

use crate::operation::BoxFuture;
use crate::{Cx, Error, Hall};

type Guard = dyn Fn(Cx) -> BoxFuture<'static, Result<(), Error>> + Send + Sync;

/// Refuses callers who may not. Nobody, before it is there.
#[derive(Default)]
pub(super) struct TextGuard(OnceLock<Box<Guard>>);

impl fmt::Debug for TextGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "guarded: {}", self.0.get().is_some())
    }
}

impl TextGuard {
    pub async fn check(&self, cx: &Cx) -> Result<(), Error> {
        let Some(guard) = self.0.get() else { return Ok(()) };
        // The answer is what the request's idempotency key is for.
        guard(Cx::new(cx.hall(), cx.caller().clone(), cx.shared_origin())).await
    }
}

/// Has `guard` say whether a caller may write what others read. The first one stays.
pub(crate) fn texts_guarded_by<F>(hall: &Hall, guard: impl Fn(Cx) -> F + Send + Sync + 'static)
where
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    let guard = move |cx| -> BoxFuture<'static, Result<(), Error>> { Box::pin(guard(cx)) };
    let _ = hall.connections().text_guard.0.set(Box::new(guard));
}
