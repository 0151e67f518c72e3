//! What follows from a match elsewhere, and what matches hear of their hosts and players.
//!
//! Other contexts say what they make of a match with [`on_over`] and [`on_confirmed`]: the one is called after the commit, once for every
//! match that ends or is aborted (and by whoever recovers from a crash in between), the other in the transaction of the result, so that what
//! is counted is counted once. Who is gone beyond the grace period is told to their matches; a host that comes back finds them.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use moothall_protocol::matches::Match as Shown;
use moothall_protocol::{LobbyId, MatchId, UserId};
use parking_lot::Mutex;
use uuid::Uuid;

use super::game::{Act, Command, Match, State};
use super::{Error, rooms, store};
use crate::cx::Tx;
use crate::following::{Following, persistently};
use crate::operation::BoxFuture;
use crate::{Clock, Cx, Hall, WeakHall, connections};

/// Matches read together.
const BATCH: usize = 200;

/// A match has ended or was aborted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Over {
    pub match_id: MatchId,
    /// The lobby it came from, which goes back to waiting.
    pub lobby_id: Option<LobbyId>,
}

/// How the lobby of a match came to its end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LobbyEnd {
    /// Nobody is left in it.
    Left,
    /// Its host closed it, who need not be the host of the match.
    ClosedBy(UserId),
    /// Staff or the server closed it.
    Closed,
}

type OverFollower = Arc<dyn Fn(Hall, Over) -> BoxFuture<'static, ()> + Send + Sync>;
type ConfirmedFollower = Arc<dyn Fn(&mut Tx<'_, '_>, &Shown) -> Result<(), crate::Error> + Send + Sync>;

/// Who follows matches.
#[derive(Default)]
pub(super) struct Followers {
    over: Mutex<Vec<OverFollower>>,
    confirmed: Mutex<Vec<ConfirmedFollower>>,
    following: Following<MatchId, Vec<Over>>,
}

impl fmt::Debug for Followers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Followers").finish_non_exhaustive()
    }
}

/// Runs this for every match that has ended or was aborted, after the commit.
pub(crate) fn on_over<F>(hall: &Hall, follower: impl Fn(Hall, Over) -> F + Send + Sync + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    let follower: OverFollower = Arc::new(move |hall, over| Box::pin(follower(hall, over)));
    hall.matches().followers.over.lock().push(follower);
}

/// Runs this in the transaction of every result that is confirmed, and of every correction: `result.version` tells which. It may be run
/// again, of which only one run counts. An error refuses the result. For the contexts that rate and count, and for embedding programs.
pub fn on_confirmed(
    hall: &Hall,
    follower: impl Fn(&mut Tx<'_, '_>, &Shown) -> Result<(), crate::Error> + Send + Sync + 'static,
) {
    hall.matches().followers.confirmed.lock().push(Arc::new(follower));
}

/// The result of this match is confirmed or corrected, in this transaction.
pub(super) fn confirmed(tx: &mut Tx<'_, '_>, game: &Shown) -> Result<(), crate::Error> {
    let followers = tx.cx().hall().matches().followers.confirmed.lock().clone();
    followers.iter().try_for_each(|follower| follower(tx, game))
}

/// Has all who follow a match do what they do when it is over.
pub(super) fn begin(hall: &Hall, over: Over) {
    hall.matches().followers.following.begin(hall, over.match_id, vec![over], |hall, _, news| async move {
        let followers = hall.matches().followers.over.lock().clone();
        for over in news {
            for follower in &followers {
                follower(hall.clone(), over).await;
            }
        }
    });
}

/// Returns once all have followed what happened to a match until now.
pub(super) async fn settled(hall: &Hall, id: MatchId) {
    hall.matches().followers.following.settled(id).await;
}

/// The lobby of a match has come to its end in this transaction: the match hears of it after the commit, or when the server is there again.
pub(super) fn lobby_ended(tx: &mut Tx<'_, '_>, id: MatchId, end: LobbyEnd) -> Result<(), Error> {
    let by = match end {
        LobbyEnd::Left => None,
        LobbyEnd::ClosedBy(user) => Some(Some(user)),
        LobbyEnd::Closed => Some(None),
    };
    if let Some(by) = by {
        store::mark_closed(tx, id, by)?;
    }
    let weak = tx.cx().hall().downgrade();
    tx.after_commit(move || {
        let Some(hall) = weak.upgrade() else { return };
        hall.clone().spawn(async move {
            match by {
                Some(by) => {
                    tell_persistently(&hall, id, &Act::LobbyClosed { by }).await;
                    settled(&hall, id).await;
                }
                None => look_after(&hall, id).await,
            }
        });
    });
    Ok(())
}

/// Has a match that was just made wait for its host.
pub(super) fn wake(hall: &Hall, id: MatchId) {
    let weak = hall.downgrade();
    hall.spawn(async move {
        let Some(hall) = weak.upgrade() else { return };
        let at = hall.clock().now();
        tell_persistently(&hall, id, &Act::Tick { at }).await;
    });
}

/// Tells a match something in the server's name, and again while a partition is too busy.
pub(super) async fn tell_persistently(hall: &Hall, id: MatchId, act: &Act) {
    let cx = Cx::server(hall);
    if let Err(error) = persistently(hall, || tell(&cx, id, act.clone())).await {
        tracing::warn!(match.id = %id, "The match {id} did not hear something: {error}");
    }
}

async fn tell(cx: &Cx, id: MatchId, act: Act) -> Result<(), Error> {
    cx.hall().directory().call_if_there::<Match>(cx, id, Command::of_server(act)).await.map(drop)
}

/// A user is gone whose last attachment had this number: the matches they host wait for them for a while.
pub(super) async fn leave_behind(hall: WeakHall, user: UserId, visit: u64) {
    let Some(hall) = hall.upgrade() else { return };
    if connections::visit_of(&hall, user).is_some_and(|newest| newest > visit) {
        return;
    }
    tell_of(&hall, user, false).await;
}

/// A user is connected: the matches that waited for them go on.
pub(super) async fn arrive(hall: &Hall, user: UserId) {
    tell_of(hall, user, true).await;
}

/// Tells the matches that a user hosts or plays that they are back, or gone.
async fn tell_of(hall: &Hall, user: UserId, is_back: bool) {
    let mut after = MatchId::from_uuid(Uuid::nil());
    loop {
        match Cx::server(hall).read(move |tx| store::live_of(tx, user, after, BATCH)).await {
            Ok(states) => {
                let Some(last) = states.last() else { return };
                after = last.game.id;
                for state in &states {
                    tell_one_of(hall, state, user, is_back).await;
                }
            }
            Err(error) => {
                return tracing::warn!(user.id = %user, "The matches of {user} could not be told: {error}");
            }
        }
    }
}

async fn tell_one_of(hall: &Hall, state: &State, user: UserId, is_back: bool) {
    if state.is_host(user) && state.game.host_lost_until.is_some() == is_back {
        let act = if is_back { Act::HostBack } else { Act::HostGone };
        tell_persistently(hall, state.game.id, &act).await;
    }
    if state.is_player(user) && state.away.contains(&user) == is_back {
        let act = if is_back { Act::PlayerBack { user } } else { Act::PlayerGone { user } };
        tell_persistently(hall, state.game.id, &act).await;
    }
}

/// Sets the timers of all matches again when the server starts, and when the grace period is over, by this clock, lets go of hosts that did
/// not come back.
pub(super) async fn recover(hall: WeakHall, clock: Arc<dyn Clock>, grace_ends: Duration) {
    if let Some(hall) = hall.upgrade()
        && let Err(error) = rooms::recover(&hall).await
    {
        tracing::warn!("Could not tell all rooms of matches how these stand: {error}");
    }
    if let Some(hall) = hall.upgrade() {
        match Cx::server(&hall).read(store::live_without_lobby).await {
            Ok(closed) => {
                for (id, by) in closed {
                    tell_persistently(&hall, id, &Act::LobbyClosed { by }).await;
                }
            }
            Err(error) => tracing::warn!("Could not tell matches that their lobbies are closed: {error}"),
        }
    }
    for_all(&hall, async |hall, state| {
        if let Some(at) = state.next_due(&hall.settings().matches) {
            tell_persistently(hall, state.game.id, &Act::Tick { at }).await;
        }
    })
    .await;
    clock.sleep_until(grace_ends).await;
    for_all(&hall, async |hall, state| {
        look_after_users(hall, state).await;
    })
    .await;
}

/// A match whose host is not here waits for it for a while, and does without players who are not.
async fn look_after(hall: &Hall, id: MatchId) {
    match Cx::server(hall).read(move |tx| store::find(tx, id)).await {
        Ok(Some(state)) => look_after_users(hall, &state).await,
        Ok(None) => {}
        Err(error) => tracing::warn!(match.id = %id, "Could not look after the match {id}: {error}"),
    }
}

async fn look_after_users(hall: &Hall, state: &State) {
    let players = state.game.players().map(|(user, _)| user);
    let users: BTreeSet<UserId> = players.chain(state.game.host_id).collect();
    for user in users {
        // Of whoever was connected since, `connections` tells.
        if !connections::is_known_here(&Cx::server(hall), user).await.unwrap_or(true) {
            tell_one_of(hall, state, user, false).await;
        }
    }
}

/// Does this with every match of which something may come.
async fn for_all(weak: &WeakHall, step: impl AsyncFn(&Hall, &State)) {
    let mut after = MatchId::from_uuid(Uuid::nil());
    while let Some(hall) = weak.upgrade() {
        match Cx::server(&hall).read(move |tx| store::live(tx, after, BATCH)).await {
            Ok(states) => {
                let Some(last) = states.last() else { return };
                after = last.game.id;
                for state in &states {
                    step(&hall, state).await;
                }
            }
            Err(error) => return tracing::warn!("Could not wake all matches: {error}"),
        }
    }
}
