//! What ends with users who are gone: after so many days without a sign of life nobody follows a user any more, and friend requests from
//! and to them are withdrawn.
//!
//! Off unless the operator sets `relationships.inactive_days`. Only that ends which costs nobody anything if they come back: friends stay
//! friends, notes stay, and whoever is ignored, avoided or blocked stays so, since it is for their return that one does it.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use moothall_protocol::accounts::UserSummary;
use moothall_protocol::limits::PURGE_PREVIEW_TIES_MAX;
use moothall_protocol::relationships::{PreviewPurge, PurgePreview};
use moothall_protocol::{Timestamp, UserId};
use serde::Serialize;
use uuid::Uuid;

use super::side::Side;
use super::{Error, PREVIEW, store, tell, write};
use crate::cx::Tx;
use crate::{Cx, accounts, audit};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long lies between two purges: each looks at every relationship.
pub(super) const EVERY: Duration = DAY;
/// Relationships looked at, and changed, in one go.
pub(super) const PORTION: usize = 200;

/// Two users, the first of whom made something of the second.
pub(super) type Pair = (UserId, UserId);

/// What of a relationship ends.
#[derive(Clone, Copy, Debug)]
struct Ending {
    pair: Pair,
    follow: bool,
    request: bool,
}

/// How much ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Ended {
    pub follows: u64,
    pub requests: u64,
}

impl Ended {
    fn add(&mut self, more: Self) {
        self.follows += more.follows;
        self.requests += more.requests;
    }
}

impl FromIterator<Ending> for Ended {
    fn from_iter<I: IntoIterator<Item = Ending>>(endings: I) -> Self {
        endings.into_iter().fold(Self::default(), |ended, ending| Self {
            follows: ended.follows + u64::from(ending.follow),
            requests: ended.requests + u64::from(ending.request),
        })
    }
}

/// Says how much would end if `relationships.inactive_days` were this.
pub async fn preview_purge(cx: &Cx, input: PreviewPurge) -> Result<PurgePreview, Error> {
    cx.require(PREVIEW)?;
    preview_by(cx, input.days, PURGE_PREVIEW_TIES_MAX).await
}

pub(super) async fn preview_by(cx: &Cx, days: u32, most: usize) -> Result<PurgePreview, Error> {
    let mut walk = Walk::new(cx.now() - DAY * days);
    let mut ended = Ended::default();
    while walk.looked_at < most {
        let Some(endings) = walk.next(cx, PORTION.min(most - walk.looked_at)).await? else {
            return Ok(PurgePreview { follows: ended.follows, requests: ended.requests, is_complete: true });
        };
        ended.add(endings.into_iter().collect());
    }
    Ok(PurgePreview { follows: ended.follows, requests: ended.requests, is_complete: false })
}

/// Ends what is to end after so many days, portion by portion.
pub(super) async fn purge(cx: &Cx, days: u32, portion: usize) -> Result<Ended, Error> {
    let since = cx.now() - DAY * days;
    let mut walk = Walk::new(since);
    let mut ended = Ended::default();
    while let Some(endings) = walk.next(cx, portion).await? {
        if endings.is_empty() {
            continue;
        }
        let mut users: Vec<UserId> =
            endings.iter().flat_map(|ending| [ending.pair.0, ending.pair.1]).collect();
        users.sort_unstable();
        users.dedup();
        let cards = accounts::summaries(cx, &users).await?;
        let cards: HashMap<UserId, UserSummary> = cards.into_iter().map(|card| (card.id, card)).collect();
        ended.add(cx.write(move |tx| end(tx, &endings, since, &cards)).await?);
    }
    if ended != Ended::default() {
        tracing::info!(
            "Ended {} follows and {} friend requests of users inactive for {days} days",
            ended.follows,
            ended.requests
        );
        let entry = move || audit::Entry::new("relationships.purge").after(&ended);
        cx.write(move |tx| audit::record(tx, entry())).await?;
    }
    Ok(ended)
}

/// All relationships one after the other, and what of them is to end.
struct Walk {
    since: Timestamp,
    after: Pair,
    looked_at: usize,
}

impl Walk {
    fn new(since: Timestamp) -> Self {
        let first = UserId::from_uuid(Uuid::nil());
        Self { since, after: (first, first), looked_at: 0 }
    }

    /// Looks at some more; none are left without an answer.
    async fn next(&mut self, cx: &Cx, portion: usize) -> Result<Option<Vec<Ending>>, Error> {
        let (since, after) = (self.since, self.after);
        let page = cx
            .read(move |tx| {
                let old = store::old(tx, after, since, portion)?;
                let endings = endings(tx, &old, since)?;
                Ok::<_, Error>((old.last().map(|(pair, _)| *pair), old.len(), endings))
            })
            .await?;
        let (last, count, endings) = page;
        let Some(last) = last else { return Ok(None) };
        (self.after, self.looked_at) = (last, self.looked_at + count);
        Ok(Some(endings))
    }
}

/// What of these ends: what is old itself, with somebody of whom nothing was heard since then.
fn endings(tx: &mut Tx<'_, '_>, old: &[(Pair, Side)], since: Timestamp) -> Result<Vec<Ending>, Error> {
    let mut users: Vec<UserId> = old.iter().flat_map(|((user, other), _)| [*user, *other]).collect();
    users.sort_unstable();
    users.dedup();
    let gone: HashSet<UserId> = accounts::silent(tx, &users, since)?.into_iter().collect();
    let is_old = |at: Option<Timestamp>| at.is_some_and(|at| at <= since);
    let endings = old.iter().map(|(pair, side)| Ending {
        pair: *pair,
        follow: is_old(side.follows_at) && gone.contains(&pair.1),
        request: is_old(side.asked_at) && (gone.contains(&pair.0) || gone.contains(&pair.1)),
    });
    Ok(endings.filter(|ending| ending.follow || ending.request).collect())
}

fn end(
    tx: &mut Tx<'_, '_>,
    found: &[Ending],
    since: Timestamp,
    cards: &HashMap<UserId, UserSummary>,
) -> Result<Ended, Error> {
    // Somebody may have come back meanwhile, or something be new.
    let mut old = Vec::with_capacity(found.len());
    for Ending { pair, .. } in found {
        let [own, _] = store::find(tx, pair.0, pair.1)?;
        old.push((*pair, own));
    }
    let endings = endings(tx, &old, since)?;
    for Ending { pair: (user, other), follow, request } in &endings {
        let before = store::find(tx, *user, *other)?;
        let [mut own, others] = before.clone();
        if *follow {
            own.follows_at = None;
        }
        if *request {
            (own.asked_at, own.message) = (None, None);
        }
        write(tx, [*user, *other], &before, [&own, &others])?;
        if let (Some(card), Some(other_card)) = (cards.get(user), cards.get(other)) {
            tell(tx, [card, other_card], &before, [&own, &others]);
        }
    }
    Ok(endings.into_iter().collect())
}
