//! First messages that wait for an answer. What becomes of a message stands in `room/contact.rs`.

use std::fmt;
use std::sync::Arc;

use moothall_protocol::communication::{AnswerContact, ContactAnswer, ContactRequest, ListContactRequests};
use moothall_protocol::limits::PAGE_ITEMS_DEFAULT;
use moothall_protocol::{Cursor, MessageId, Page, RoomId};
use parking_lot::RwLock;
use uuid::Uuid;

use super::room::Act;
use super::rooms::{all_answered, key, tell};
use super::{Error, messages, readable_inside, store};
use crate::operation::BoxFuture;
use crate::{Cx, Hall, reach};

/// By which a follower says that it knows already. It takes nothing from the answer: a crash may have come between the two, or the user
/// reported the message itself.
pub const ALREADY_REPORTED: &str = "already_reported";

/// A conversation that was reported instead of accepted.
#[derive(Clone, Debug)]
pub struct ReportedContact {
    /// The conversation.
    pub room_id: RoomId,
    /// What was said last in it by the other one.
    pub message_id: MessageId,
    /// What it is, as who reports says.
    pub category: String,
}

type Follower = dyn Fn(Cx, ReportedContact) -> BoxFuture<'static, Result<(), crate::Error>> + Send + Sync;

/// Contexts that hear of conversations that were reported. They are added when the hall opens and stay.
#[derive(Default)]
pub(super) struct Followers(RwLock<Vec<Arc<Follower>>>);

impl fmt::Debug for Followers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} followers", self.0.read().len())
    }
}

/// Runs this, in the name of who reports, when somebody reports a conversation instead of accepting it. What it refuses is refused, unless
/// it refuses it as [`ALREADY_REPORTED`].
pub fn on_reported<F>(hall: &Hall, follower: impl Fn(Cx, ReportedContact) -> F + Send + Sync + 'static)
where
    F: Future<Output = Result<(), crate::Error>> + Send + 'static,
{
    let follower =
        move |cx, room| -> BoxFuture<'static, Result<(), crate::Error>> { Box::pin(follower(cx, room)) };
    hall.communication().reported.0.write().push(Arc::new(follower));
}

/// Lists first messages that wait for the caller's answer.
pub async fn list_requests(cx: &Cx, input: ListContactRequests) -> Result<Page<ContactRequest>, Error> {
    let user = cx.require_user()?;
    let before = key(input.cursor.as_ref())?.unwrap_or(RoomId::from_uuid(Uuid::max()));
    let limit = input.limit.unwrap_or(PAGE_ITEMS_DEFAULT);
    all_answered(cx).await;
    let rows = cx.read(move |tx| store::requests(tx, user, before, limit + 1)).await?;
    let mut page = Page::cut(rows, limit, |last| Cursor::of(&last.room.id));
    // Whom the caller has blocked or ignored since asks no more.
    let silenced = reach::silenced(cx, user).await?;
    page.items.retain(|request| !silenced.contains(&request.user_id));
    Ok(page)
}

/// Accepts the first message of somebody, or does not.
pub async fn answer_request(cx: &Cx, input: AnswerContact) -> Result<(), Error> {
    let AnswerContact { room_id, answer, category } = input;
    if answer == ContactAnswer::Report {
        report(cx, room_id, category).await?;
    }
    tell(cx, room_id, None, Act::Answer { is_accepted: answer == ContactAnswer::Accept }).await.map(drop)
}

async fn report(cx: &Cx, room_id: RoomId, category: Option<String>) -> Result<(), Error> {
    let user = cx.require_user()?;
    let missing = || crate::Error::field("/category", "required", "say what it is");
    let category = category.ok_or_else(missing)?;
    let said = cx.read(move |tx| {
        readable_inside(tx, room_id)?;
        messages::said_last_to(tx, room_id, user)
    });
    let message_id = said.await?.ok_or(Error::NoRequest)?;
    // The answer is what the request's idempotency key is for.
    let own = Cx::new(cx.hall(), cx.caller().clone(), cx.shared_origin());
    let reported = ReportedContact { room_id, message_id, category };
    let followers = cx.hall().communication().reported.0.read().clone();
    for follower in followers {
        match follower(own.clone(), reported.clone()).await {
            // They have said so before, by this way or another: the request is answered all the same, and what they said before stands.
            Err(crate::Error::Refused { code: ALREADY_REPORTED, .. }) => {}
            outcome => outcome?,
        }
    }
    Ok(())
}
