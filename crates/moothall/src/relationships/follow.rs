//! What follows elsewhere from a change: what is kept in memory is forgotten, and watches and sessions see it.

use std::fmt;
use std::sync::Arc;

use moothall_protocol::accounts::UserSummary;
use moothall_protocol::relationships::Related;
use moothall_protocol::{Event, UserId};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

use super::side::Side;
use super::{Error, store};
use crate::cx::Tx;
use crate::jobs::{self, NewJob, Step};
use crate::operation::BoxFuture;
use crate::{Cx, Hall, Topic, accounts, connections};

/// With whom something changed.
pub(super) type News = Vec<UserId>;

type Follower = dyn Fn(Hall, UserId, UserId) -> BoxFuture<'static, ()> + Send + Sync;

/// Contexts that must know when something changed between two users. They are added when the hall opens and stay.
#[derive(Default)]
pub(super) struct Followers(RwLock<Vec<Arc<Follower>>>);

impl fmt::Debug for Followers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} followers", self.0.read().len())
    }
}

/// Runs this after every change between two users, before whoever made it is answered; also when one of them alone lets others do something
/// else: then both are that one.
pub(crate) fn on_changed<F>(hall: &Hall, follower: impl Fn(Hall, UserId, UserId) -> F + Send + Sync + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    let follower = move |hall, one, other| -> BoxFuture<'static, ()> { Box::pin(follower(hall, one, other)) };
    hall.relationships().followers.0.write().push(Arc::new(follower));
}

/// Something between these two is different once this is committed.
pub(super) fn after_commit(tx: &mut Tx<'_, '_>, user: UserId, other: UserId) {
    let hall = tx.cx().hall().clone();
    tx.after_commit(move || {
        hall.relationships().circles.forget(&[user, other]);
        begin(&hall, user, other);
    });
}

fn begin(hall: &Hall, user: UserId, other: UserId) {
    hall.relationships().following.begin(hall, user, vec![other], step);
}

/// Returns once everything has followed from what this user did until now.
pub(crate) async fn settled(hall: &Hall, user: UserId) {
    hall.relationships().following.settled(user).await;
}

async fn step(hall: Hall, user: UserId, others: News) {
    for other in others {
        if user == other
            && let Err(error) = connections::revise_viewers(&Cx::server(&hall), user).await
        {
            tracing::warn!(user.id = %user, "What others see of {user} is behind: {error}");
        }
        for (one, another) in [(user, other), (other, user)] {
            if one == another {
                continue;
            }
            if let Err(error) = connections::revise(&Cx::server(&hall), one, another).await {
                tracing::warn!(user.id = %one, "What {one} hears and sees is behind: {error}");
            }
        }
        let followers = hall.relationships().followers.0.read().clone();
        for follower in followers {
            follower(hall.clone(), user, other).await;
        }
    }
}

/// A user lets others do something else with them than before: what those see of them follows, and what they see.
pub(super) fn privacy_changed(hall: &Hall, user: UserId) {
    begin(hall, user, user);
}

/// Ties that are forgotten in one transaction.
const PORTION: usize = 500;

/// Forgets what is left of a user whose account is erased and who had to do with many.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Forget {
    user: UserId,
    portion: usize,
}

impl jobs::Kind for Forget {
    const NAME: &'static str = "relationships.forget";

    fn step(&mut self, tx: &mut Tx<'_, '_>) -> Result<Step, crate::Error> {
        let is_all = forget_some(tx, self.user, self.portion).map_err(Error::into_common)?;
        Ok(if is_all { Step::Done } else { Step::Again })
    }
}

/// Keeps nothing of a user whose account is erased; to friends they are no friend any more. Where many had to do with them, the rest
/// follows in portions.
pub(crate) fn forget(tx: &mut Tx<'_, '_>, user: UserId) -> Result<(), crate::Error> {
    forget_by(tx, user, PORTION)
}

pub(super) fn forget_by(tx: &mut Tx<'_, '_>, user: UserId, portion: usize) -> Result<(), crate::Error> {
    if !forget_some(tx, user, portion).map_err(Error::into_common)? {
        let job = Forget { user, portion };
        jobs::enqueue(tx, &NewJob::new(job).key(user.to_string()))?;
    }
    Ok(())
}

/// Forgets a portion. Returns whether that was all.
fn forget_some(tx: &mut Tx<'_, '_>, user: UserId, portion: usize) -> Result<bool, Error> {
    let ties = store::ties(tx, user, portion)?;
    let sides = store::find_many(tx, user, &ties)?;
    store::forget(tx, user, &ties)?;
    let now = tx.now();
    let card =
        UserSummary { id: user, name: accounts::ERASED_NAME.to_owned(), is_guest: false, is_bot: false };
    for (other, [own, others]) in sides {
        after_commit(tx, other, user);
        let nothing = Side::default().shown(now, user, &Side::default());
        if others.shown(now, user, &own) != nothing {
            let related = Related { user: card.clone(), relationship: nothing };
            tx.emit(Topic::User(other), Event::RelationshipUpdated(Box::new(related)));
        }
    }
    Ok(ties.len() < portion)
}
