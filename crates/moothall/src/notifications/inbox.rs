//! A user's inbox: what is in it, what they have seen, and what they put away.

use moothall_protocol::limits::PAGE_ITEMS_DEFAULT;
use moothall_protocol::notifications::{
    CountUnseen, DismissNotices, Inbox, ListNoticeKinds, ListNotices, MarkNoticesSeen, Notice, NoticeKinds,
    NoticesMarked,
};
use moothall_protocol::{Cursor, Event, NoticeId, Page, UserId};
use serde_json::Value;

use super::store::{self, Mark};
use crate::Topic;
use crate::cx::{Cx, Tx};
use crate::error::Error;
use crate::export::{Part, place};
use crate::settings::{self, Locale};

/// The kinds of notices there are.
pub async fn kinds(cx: &Cx, _: ListNoticeKinds) -> Result<NoticeKinds, Error> {
    Ok(NoticeKinds { items: cx.hall().notice_kinds() })
}

/// What is in the caller's inbox, newest first.
pub async fn list(cx: &Cx, input: ListNotices) -> Result<Page<Notice>, Error> {
    let user = cx.require_user()?;
    let limit = input.limit.map_or(PAGE_ITEMS_DEFAULT, |limit| limit as usize);
    let before = match &input.cursor {
        Some(cursor) => cursor.key().ok_or_else(Error::wrong_cursor)?,
        None => store::NEWEST,
    };
    let only_unseen = input.unseen.unwrap_or_default();
    let rows = cx
        .read(move |tx| {
            let language = settings::of::<Locale>(tx, user)?.language.clone();
            store::list(tx, user, before, only_unseen, language.as_deref(), limit + 1)
        })
        .await?;
    Ok(Page::cut(rows, limit, |last| Cursor::of(&(last.created_at.as_micros(), last.id))))
}

/// The inbox of a user, for themselves.
pub(crate) fn export(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    from: Option<Value>,
    limit: usize,
) -> Result<Part, Error> {
    let before = place(from, store::NEWEST)?;
    let language = settings::of::<Locale>(tx, user)?.language.clone();
    let rows = store::list(tx, user, before, false, language.as_deref(), limit + 1)?;
    Part::cut(rows, limit, |last| (last.created_at.as_micros(), last.id))
}

/// How much of the caller's inbox was not seen yet.
pub async fn unseen(cx: &Cx, _: CountUnseen) -> Result<Inbox, Error> {
    let user = cx.require_user()?;
    cx.read(move |tx| of_session(tx, user)).await
}

/// The same, for a session that begins.
pub(crate) fn of_session(tx: &mut Tx<'_, '_>, user: UserId) -> Result<Inbox, Error> {
    Ok(Inbox { unseen: store::unseen(tx, user)? })
}

/// Says which notices the caller has seen. All their sessions hear of it.
pub async fn mark_seen(cx: &Cx, input: MarkNoticesSeen) -> Result<NoticesMarked, Error> {
    mark(cx, input.ids, Mark::Seen, Event::NoticesSeen).await
}

/// Puts notices of the caller away. All their sessions hear of it.
pub async fn dismiss(cx: &Cx, input: DismissNotices) -> Result<NoticesMarked, Error> {
    mark(cx, input.ids, Mark::Dismissed, Event::NoticesDismissed).await
}

async fn mark(
    cx: &Cx,
    ids: Option<Vec<NoticeId>>,
    mark: Mark,
    told: fn(NoticesMarked) -> Event,
) -> Result<NoticesMarked, Error> {
    let user = cx.require_user()?;
    cx.write(move |tx| {
        let changed = store::mark(tx, user, ids.as_deref(), mark)?;
        let marked = NoticesMarked { ids: ids.clone(), unseen: store::unseen(tx, user)? };
        // What says nothing new is nothing to hear of.
        if changed > 0 {
            tx.emit(Topic::User(user), told(marked.clone()));
        }
        Ok(marked)
    })
    .await
}
