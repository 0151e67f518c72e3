//! Hosts: machines that run games, in pools, and the places they have for matches.
//!
//! Start at [`operations`] for what hosts and staff do, and at [`reserve`] for what other contexts do. All that happens in one pool is
//! decided by the *pool*, a live entity (`hosts/pool.rs`). Pools are data: see [`put_pool`].
//!
//! Promises: a host never has more matches than it has room for; what is reserved is durable, and the host hears of it; a host that
//! restarts, and one that the restart of the server cut off, finds what it had by registering again; of one that does not come
//! back, what it had ends after a deadline, and whoever reserved it hears of that.

mod error;
mod pool;
mod pools;
mod store;

use std::fmt;
use std::sync::Arc;

use moothall_protocol::hosts::{
    BeatHost, Host, ListHosts, MyHost, RegisterHost, Reservation, ReservationEnded,
};
use moothall_protocol::limits::{HOST_POOLS_MAX, PAGE_ITEMS_DEFAULT};
use moothall_protocol::{Cursor, HostPoolId, Id, MatchId, Page, UserId};
use parking_lot::RwLock;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::hall::WeakHall;
use crate::operation::{Access, Operations, Rate};
use crate::runtime::Place;
use crate::{Cx, Hall, Permission};
pub use error::Error;
use pool::{About, Command, Pool, Reply};
pub use pools::{list_pools, put_pool, remove_pool};
pub(crate) use store::STATEMENTS;

/// Makes, changes and removes pools of hosts, and sees all hosts.
pub const MANAGE: Permission = Permission("hosts.manage");

/// Settings of hosts.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Milliseconds after which a host says again that it is there.
    #[schemars(range(min = 1_000, max = 600_000))]
    pub beat_ms: u64,
    /// Milliseconds after which a host that was not heard of is lost.
    #[schemars(range(min = 2_000, max = 3_600_000))]
    pub lost_after_ms: u64,
    /// Milliseconds for which what is reserved on a lost host is kept.
    #[schemars(range(min = 1_000, max = 86_400_000))]
    pub adopt_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { beat_ms: 10_000, lost_after_ms: 35_000, adopt_ms: 300_000 }
    }
}

/// The operations of this context.
pub fn operations() -> Operations {
    let operations =
        Operations::context("hosts", "Machines that run games, in pools").errors(Error::CATALOGUE);
    pools::offer(operations)
        .post("/hosts/register", "hosts.register", Access::Host, register)
        .post("/hosts/beat", "hosts.beat", Access::Host, beat)
        .rate(Rate::Social)
        .unguarded()
        .get("/hosts/mine", "hosts.mine", Access::Host, mine)
        .get("/hosts", "hosts.list", Access::Permission(MANAGE), list)
        .rate(Rate::Admin)
}

/// What a match needs of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// The game mode.
    pub mode: String,
    /// The version of the game; without it, any.
    pub version: Option<String>,
    /// Regions, the best first; others come after these.
    pub regions: Vec<String>,
    /// Only in this pool.
    pub pool: Option<String>,
}

type Follower = dyn Fn(WeakHall, ReservationEnded) + Send + Sync;

/// What this context keeps in memory.
#[derive(Default)]
pub(crate) struct Live {
    /// Those who hear of reservations that end by themselves. They are added when the hall opens and stay.
    followers: RwLock<Vec<Arc<Follower>>>,
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} followers", self.followers.read().len())
    }
}

/// Registers the caller as a host. The first thing it says, also after a restart.
pub async fn register(cx: &Cx, input: RegisterHost) -> Result<Host, Error> {
    let user = cx.require_user()?;
    let place = place(cx, user).await;
    let RegisterHost { pool: slug, version, region, addresses, capacity, labels, running } = input;
    let (wanted, before) = cx
        .read(move |tx| Ok::<_, Error>((store::find_by_slug(tx, &slug)?, store::pool_of(tx, user)?)))
        .await?;
    let wanted = wanted.ok_or(Error::NoSuchPool)?;
    if let Some(before) = before.filter(|before| *before != wanted) {
        // What is kept for a repeated request is what comes of it in the end.
        let leaving = Cx::new(cx.hall(), cx.caller().clone(), cx.shared_origin());
        cx.hall().directory().call_if_there::<Pool>(&leaving, before, Command::Leave).await?;
    }
    let about = About { version, region, addresses, capacity, labels };
    let command = Command::Register { about, running };
    tell_from(place, cx, wanted, command).await.map_err(no_pool)?.host()
}

/// Says that the caller is there, and how it is.
pub async fn beat(cx: &Cx, input: BeatHost) -> Result<Host, Error> {
    let user = cx.require_user()?;
    let place = place(cx, user).await;
    let pool = cx.read(move |tx| store::pool_of(tx, user)).await?.ok_or(Error::NotRegistered)?;
    let command = Command::Beat { health: input.health, load: input.load };
    tell_from(place, cx, pool, command).await.map_err(not_registered)?.host()
}

/// The caller, as a host.
pub async fn mine(cx: &Cx, _: MyHost) -> Result<Host, Error> {
    let user = cx.require_user()?;
    cx.hall().directory().answered::<Pool>(cx, queue_of(user)).await;
    let pool = cx.read(move |tx| store::pool_of(tx, user)).await?.ok_or(Error::NotRegistered)?;
    let hosts = read(cx.hall(), pool).await?;
    hosts.into_iter().find(|host| host.user_id == user).ok_or(Error::NotRegistered)
}

/// Lists hosts.
pub async fn list(cx: &Cx, input: ListHosts) -> Result<Page<Host>, Error> {
    cx.require(MANAGE)?;
    let after: Option<UserId> = input
        .cursor
        .as_ref()
        .map(|cursor| cursor.key().ok_or_else(crate::Error::wrong_cursor))
        .transpose()?;
    let mut hosts = Vec::new();
    for (pool, card) in cx.read(|tx| store::list(tx, HOST_POOLS_MAX)).await? {
        if input.pool.as_ref().is_none_or(|wanted| *wanted == card.slug) {
            hosts.extend(read(cx.hall(), pool).await?);
        }
    }
    hosts.retain(|host| after.is_none_or(|after| host.user_id > after));
    hosts.sort_unstable_by_key(|host| host.user_id);
    let limit = input.limit.unwrap_or(PAGE_ITEMS_DEFAULT);
    hosts.truncate(limit + 1);
    Ok(Page::cut(hosts, limit, |last: &Host| Cursor::of(&last.user_id)))
}

/// Takes the best place there is for a match, and keeps it until [`release`]. A match that has one keeps it, so this may be asked
/// again after a crash. For the contexts that own matches and lobbies, and for embedding programs.
pub async fn reserve(cx: &Cx, wanted: Wanted, match_id: MatchId) -> Result<Reservation, Error> {
    let hall = cx.hall();
    if let Some(found) = reservation(cx, match_id).await? {
        return Ok(found);
    }
    let mut offers = Vec::new();
    for (pool, card) in cx.read(|tx| store::list(tx, HOST_POOLS_MAX)).await? {
        if wanted.pool.as_ref().is_none_or(|slug| *slug == card.slug) {
            match tell(hall, pool, Command::Offer(wanted.clone())).await {
                Ok(offer) => offers.push((offer.rank()?, pool)),
                Err(error) if is_no_host(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }
    offers.sort_unstable();
    for (_, pool) in offers {
        match tell(hall, pool, Command::Reserve { wanted: wanted.clone(), match_id }).await {
            // Somebody else was quicker: the next best.
            Err(error) if is_no_host(&error) => {}
            outcome => return outcome?.reservation(),
        }
    }
    Err(Error::NoHost)
}

/// A pool that has no host for it, or is no more.
fn is_no_host(error: &Error) -> bool {
    matches!(error, Error::NoHost | Error::Common(crate::Error::NotFound))
}

/// What is reserved for a match.
pub async fn reservation(cx: &Cx, match_id: MatchId) -> Result<Option<Reservation>, Error> {
    let Some(pool) = cx.read(move |tx| store::pool_with(tx, match_id)).await? else { return Ok(None) };
    let server = Cx::server(cx.hall());
    let find = Command::Find { match_id };
    let found = cx.hall().directory().call_if_there::<Pool>(&server, pool, find).await?;
    found.map(Reply::reservation).transpose()
}

/// Gives back what is reserved for a match. Twice is as once.
pub async fn release(cx: &Cx, match_id: MatchId) -> Result<(), Error> {
    let Some(pool) = cx.read(move |tx| store::pool_with(tx, match_id)).await? else { return Ok(()) };
    let server = Cx::server(cx.hall());
    let release = Command::Release { match_id };
    cx.hall().directory().call_if_there::<Pool>(&server, pool, release).await.map(drop)
}

/// Has `follower` hear of each reservation that ends without [`release`]: its host was lost, or says that it does not run the match. What
/// ended while the server was stopped is told to nobody: who starts again asks for the [`reservation`] of what runs.
pub fn on_ended<F>(hall: &Hall, follower: impl Fn(WeakHall, ReservationEnded) -> F + Send + Sync + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    let follower = move |weak: WeakHall, ended| {
        if let Some(hall) = weak.upgrade() {
            hall.spawn(follower(weak, ended));
        }
    };
    hall.hosts().followers.write().push(Arc::new(follower));
}

fn tell_followers(hall: &Hall, ended: &ReservationEnded) {
    for follower in &*hall.hosts().followers.read() {
        follower(hall.downgrade(), ended.clone());
    }
}

/// A host is in one pool at a time, and it is not known which before it is looked up: what it tells any is in one order.
fn queue_of(user: UserId) -> HostPoolId {
    Id::from_uuid(user.uuid())
}

async fn place(cx: &Cx, user: UserId) -> Place<'_> {
    cx.hall().directory().place::<Pool>(cx, queue_of(user)).await
}

async fn tell_from(place: Place<'_>, cx: &Cx, pool: HostPoolId, command: Command) -> Result<Reply, Error> {
    cx.hall().directory().call_from::<Pool>(Some(place), cx, pool, command).await
}

/// Tells a pool something in the server's name.
async fn tell(hall: &Hall, pool: HostPoolId, command: Command) -> Result<Reply, Error> {
    hall.directory().call::<Pool>(&Cx::server(hall), pool, command).await
}

async fn read(hall: &Hall, pool: HostPoolId) -> Result<Vec<Host>, Error> {
    let reply = hall.directory().call_if_there::<Pool>(&Cx::server(hall), pool, Command::Read).await?;
    reply.map_or_else(|| Ok(Vec::new()), Reply::hosts)
}

fn no_pool(error: Error) -> Error {
    if matches!(error, Error::Common(crate::Error::NotFound)) { Error::NoSuchPool } else { error }
}

fn not_registered(error: Error) -> Error {
    if matches!(error, Error::Common(crate::Error::NotFound)) { Error::NotRegistered } else { error }
}

/// Wakes all pools, so that hosts that do not come back are lost in time.
pub(crate) fn start(hall: &Hall) {
    let weak = hall.downgrade();
    hall.spawn(async move {
        let Some(hall) = weak.upgrade() else { return };
        if let Err(error) = wake(&hall).await {
            tracing::warn!("Could not wake all pools of hosts: {error}");
        }
    });
}

async fn wake(hall: &Hall) -> Result<(), Error> {
    for (pool, _) in Cx::server(hall).read(|tx| store::list(tx, HOST_POOLS_MAX)).await? {
        read(hall, pool).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
