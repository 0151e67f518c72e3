//! Reading relationships.

use std::collections::HashMap;
use std::sync::Arc;

use moothall_protocol::accounts::UserSummary;
use moothall_protocol::limits::PAGE_ITEMS_DEFAULT;
use moothall_protocol::relationships::{
    FindByEmail, GetRelationship, ListRelationships, ReadRelationships, Related, Relationship,
    RelationshipKind, Relationships,
};
use moothall_protocol::{Cursor, Page, UserId};
use uuid::Uuid;

use super::circle::Circle;
use super::side::Side;
use super::{Error, FRIENDS_MAX, store};
use crate::cx::Tx;
use crate::reach::{self, How, Reach};
use crate::{Cx, accounts};

/// Before every user in the order of ids.
const FIRST: UserId = UserId::from_uuid(Uuid::nil());

/// Lists those with whom the caller has a relationship of one kind.
pub async fn list(cx: &Cx, input: ListRelationships) -> Result<Page<Related>, Error> {
    let user = cx.require_user()?;
    let after = match &input.cursor {
        Some(cursor) => cursor.key::<UserId>().ok_or_else(crate::Error::wrong_cursor)?,
        None => FIRST,
    };
    let limit = input.limit.unwrap_or(PAGE_ITEMS_DEFAULT);
    let rows = cx.read(move |tx| store::list(tx, user, input.kind, after, limit + 1)).await?;
    let page = Page::cut(rows, limit, |(last, _)| Cursor::of(last));
    Ok(Page { items: related(cx, page.items).await?, next: page.next })
}

/// What the caller and somebody else are to each other.
pub async fn get(cx: &Cx, input: GetRelationship) -> Result<Relationship, Error> {
    let several = read(cx, ReadRelationships { user_ids: vec![input.user_id] }).await?;
    several.items.into_iter().next().ok_or(crate::Error::NotFound.into())
}

/// What the caller and several others are to each other.
pub async fn read(cx: &Cx, input: ReadRelationships) -> Result<Relationships, Error> {
    let user = cx.require_user()?;
    let known = accounts::summaries(cx, &input.user_ids).await?;
    let others: Vec<UserId> = known.iter().map(|known| known.id).filter(|other| *other != user).collect();
    let now = cx.now();
    let asked = others.clone();
    let mut found = cx.read(move |tx| store::find_many(tx, user, &asked)).await?;
    let shown = |other: UserId| {
        let [own, others] = found.remove(&other).unwrap_or_default();
        own.shown(now, other, &others)
    };
    Ok(Relationships { items: others.into_iter().map(shown).collect() })
}

/// Finds somebody by their address. Who does not let the caller looks as if nobody had it.
pub async fn find_by_email(cx: &Cx, input: FindByEmail) -> Result<UserSummary, Error> {
    cx.require_user()?;
    let found = accounts::find_by_email(cx, &input.email).await?;
    // The same is looked up where nobody has the address: how long it takes tells nothing either.
    let asked = found.unwrap_or_else(|| cx.new_id());
    let reached = reach::may_reach_each(cx, &[asked], How::FindByEmail).await?;
    match found {
        Some(found) if reached.get(&found) == Some(&Reach::Yes) => Ok(accounts::summary(cx, found).await?),
        _ => Err(crate::Error::NotFound.into()),
    }
}

async fn related(cx: &Cx, rows: Vec<(UserId, [Side; 2])>) -> Result<Vec<Related>, crate::Error> {
    let ids: Vec<UserId> = rows.iter().map(|(id, _)| *id).collect();
    let users = accounts::summaries(cx, &ids).await?;
    let mut users: HashMap<UserId, UserSummary> = users.into_iter().map(|user| (user.id, user)).collect();
    let now = cx.now();
    let related = |(id, [own, others]): (UserId, [Side; 2])| {
        Some(Related { user: users.remove(&id)?, relationship: own.shown(now, id, &others) })
    };
    Ok(rows.into_iter().filter_map(related).collect())
}

/// The friends of a user and those who want to be, for a session that begins.
#[derive(Debug, Default)]
pub(crate) struct Own {
    friends: Vec<(UserId, [Side; 2])>,
    requests: Vec<(UserId, [Side; 2])>,
    circle: Option<(UserId, Circle)>,
}

impl Own {
    /// Keeps the circle that was read with it, after there had been so many changes.
    pub fn keep(&mut self, cx: &Cx, changes: u64) {
        if let Some((user, circle)) = self.circle.take() {
            cx.hall().relationships().circles.keep(user, Arc::new(circle), changes);
        }
    }

    /// The friends, and those who want to be.
    pub async fn told(self, cx: &Cx) -> Result<[Vec<Related>; 2], crate::Error> {
        Ok([related(cx, self.friends).await?, related(cx, self.requests).await?])
    }
}

/// The same, as it is stored: one query for all friends. With it comes the circle, unless that is in memory.
pub(crate) fn own(tx: &mut Tx<'_, '_>, user: UserId) -> Result<Own, Error> {
    // All of them, also where fewer may be made by now.
    let friends = store::list(tx, user, RelationshipKind::Friends, FIRST, FRIENDS_MAX)?;
    let requests = store::list(tx, user, RelationshipKind::RequestsReceived, FIRST, PAGE_ITEMS_DEFAULT)?;
    let is_kept = tx.cx().hall().relationships().circles.find(user).is_some();
    let circle = if is_kept { None } else { Some((user, store::circle(tx, user)?)) };
    Ok(Own { friends, requests, circle })
}
