//! What follows from a lobby elsewhere, and what lobbies hear of those who are gone.
//!
//! Where a user is, their presence says, which lives in another partition: [`begin`] is called after the commit and has it follow beside
//! the calls, for each user one thing after the other and always by what the database says then, so that nothing old overtakes
//! something new. [`settled`] waits for it. Who is away for longer than the grace period has left their lobby: `connections` tells so of
//! those who were there; of those who never came, or did not come back after a restart, a look after the grace period does.

use std::time::Duration;

use moothall_protocol::{LobbyId, MatchId, UserId};
use uuid::Uuid;

use super::lobby::{Act, Command, Heirs, Lobby, Power, State};
use super::{Error, keeper, list, places, rooms, store};
use crate::connections::{self, Placed};
use crate::cx::Tx;
use crate::following::persistently;
use crate::matches::{self, Over};
use crate::restrictions::Scope;
use crate::restrictions::types::{LOBBY_HOST, LOBBY_JOIN, LOGIN};
use crate::{Cx, Hall, WeakHall, restrictions};

/// Lobbies read together when the server starts.
const BATCH: usize = 200;

/// Has the presence of a user follow where they are. `left` is a lobby they are no longer in.
pub(super) fn begin(hall: &Hall, user: UserId, left: Option<LobbyId>) {
    hall.lobbies().following.begin(hall, user, left.into_iter().collect(), follow);
}

/// Returns once the presence of a user has followed where they are by now.
pub(super) async fn settled(hall: &Hall, user: UserId) {
    hall.lobbies().following.settled(user).await;
}

async fn follow(hall: Hall, user: UserId, left: Vec<LobbyId>) {
    if let Err(error) = persistently(&hall, || follow_once(&hall, user, &left)).await {
        tracing::warn!(user.id = %user, "The presence of {user} does not say where they are: {error}");
    }
}

/// Has something tried again in a while that did not come about, and that nobody else would try.
pub(super) fn try_later(hall: &Hall, again: impl FnOnce(&Hall) + Send + 'static) {
    const WAIT: Duration = Duration::from_secs(30);
    let (weak, clock) = (hall.downgrade(), hall.shared_clock());
    hall.spawn(async move {
        clock.sleep_until(clock.elapsed() + WAIT).await;
        if let Some(hall) = weak.upgrade() {
            again(&hall);
        }
    });
}

async fn follow_once(hall: &Hall, user: UserId, left: &[LobbyId]) -> Result<(), Error> {
    let cx = Cx::server(hall);
    let (lobby, hosted) =
        cx.read(move |tx| Ok::<_, Error>((store::lobby_of(tx, user)?, store::hosted_by(tx, user)?))).await?;
    for left in left.iter().filter(|left| Some(**left) != lobby) {
        connections::place_if_here(&cx, user, Placed::NotInLobby(*left)).await?;
    }
    if let Some(lobby) = lobby {
        connections::place_if_here(&cx, user, Placed::InLobby(lobby)).await?;
    }
    let is_somewhere = lobby.is_some() || !hosted.is_empty();
    if is_somewhere && connections::visit_of(hall, user).is_none() {
        let (weak, grace) = (hall.downgrade(), grace(hall));
        hall.spawn(async move { expect(weak, user, grace).await });
    }
    Ok(())
}

fn grace(hall: &Hall) -> Duration {
    Duration::from_millis(hall.settings().connections.grace_ms)
}

/// Somebody came into a lobby without being connected: after the grace period they must be.
async fn expect(hall: WeakHall, user: UserId, grace: Duration) {
    let Some(clock) = hall.upgrade().map(|hall| hall.shared_clock()) else { return };
    clock.sleep_until(clock.elapsed() + grace).await;
    if let Some(hall) = hall.upgrade() {
        look_after(&hall, user).await;
    }
}

/// Who is not connected, and was not a moment ago, has left their lobbies.
async fn look_after(hall: &Hall, user: UserId) {
    // Of whoever was connected since, `connections` tells.
    if !connections::is_known_here(&Cx::server(hall), user).await.unwrap_or(true) {
        leave_behind(hall.downgrade(), user, 0).await;
    }
}

/// A user is gone whose last attachment had this number: they leave their lobby, and those they host lose their host.
pub(super) async fn leave_behind(hall: WeakHall, user: UserId, visit: u64) {
    let Some(hall) = hall.upgrade() else { return };
    if connections::visit_of(&hall, user).is_some_and(|newest| newest > visit) {
        return;
    }
    if let Err(error) = persistently(&hall, || tell_gone(&hall, user)).await {
        tracing::warn!(user.id = %user, "The lobby of {user} does not know that they are gone: {error}");
    }
}

/// What a user may not do has changed: who may not join lobbies is in none, and who may not host them hosts none.
pub(super) async fn obey(hall: WeakHall, user: UserId) {
    let Some(hall) = hall.upgrade() else { return };
    if let Err(error) = persistently(&hall, || obey_once(&hall, user)).await {
        tracing::warn!(user.id = %user, "The lobby of {user} does not know what they may not do: {error}");
    }
}

/// Goes by what is stored, so that it is as good after a crash as before.
async fn obey_once(hall: &Hall, user: UserId) -> Result<(), Error> {
    let cx = Cx::server(hall);
    for lobby in lobbies_of(&cx, user).await? {
        let mode = super::mode_of(&cx, lobby);
        let refused = cx.read(move |tx| {
            let scope = Scope { mode: mode.as_deref(), ..Scope::ANYWHERE };
            let refusal = |what, tx: &mut Tx<'_, '_>| match restrictions::check_there(tx, user, what, scope) {
                Err(crate::Error::Restricted(_)) => Ok(true),
                other => other.map(|()| false),
            };
            let is_out = refusal(LOBBY_JOIN, tx)? || refusal(LOGIN, tx)?;
            Ok::<_, Error>((is_out, refusal(LOBBY_HOST, tx)?))
        });
        let act = match refused.await? {
            (true, _) => Act::Gone { user, heirs: heirs(&cx, lobby, user).await? },
            (false, true) => Act::Unseat { user, heirs: heirs(&cx, lobby, user).await? },
            (false, false) => continue,
        };
        tell(&cx, lobby, act).await?;
    }
    Ok(())
}

async fn tell_gone(hall: &Hall, user: UserId) -> Result<(), Error> {
    let cx = Cx::server(hall);
    for lobby in lobbies_of(&cx, user).await? {
        let heirs = heirs(&cx, lobby, user).await?;
        tell(&cx, lobby, Act::Gone { user, heirs }).await?;
    }
    Ok(())
}

/// The lobby a user is in, and those they host.
async fn lobbies_of(cx: &Cx, user: UserId) -> Result<Vec<LobbyId>, Error> {
    cx.read(move |tx| {
        let mut lobbies = store::hosted_by(tx, user)?;
        lobbies.extend(store::lobby_of(tx, user)?);
        Ok(lobbies)
    })
    .await
}

/// What matters of those in a lobby when this one goes, if they host it.
pub(super) async fn heirs(cx: &Cx, lobby: LobbyId, gone: UserId) -> Result<Heirs, Error> {
    let mut heirs = Heirs::default();
    let card = cx.hall().lobbies().index.find(lobby);
    let Some(card) = card.filter(|card| card.summary.host_id == gone) else { return Ok(heirs) };
    for user in card.insiders.iter().copied() {
        if connections::is_attached(cx.hall(), user) {
            heirs.present.push(user);
        }
        // From memory, but for those who were not asked about lately.
        match restrictions::check_user(cx, user, LOBBY_HOST, Scope::mode(&card.summary.mode)).await {
            Err(crate::Error::Restricted(_)) => heirs.barred.push(user),
            other => other?,
        }
    }
    Ok(heirs)
}

/// Tells a lobby something in the server's name. One that is closed hears nothing any more.
pub(super) async fn tell(cx: &Cx, id: LobbyId, act: Act) -> Result<(), Error> {
    let command = Command { power: Power::Member, act };
    cx.hall().directory().call_if_there::<Lobby>(cx, id, command).await.map(drop)
}

/// Has the match that a lobby plays follow who is in it by now.
pub(super) fn reseat(hall: &Hall, lobby: LobbyId, match_id: MatchId) {
    hall.lobbies().seating.begin(hall, lobby, vec![match_id], |hall, lobby, news| async move {
        if let Err(error) = persistently(&hall, || reseat_once(&hall, lobby, &news)).await {
            tracing::warn!(lobby.id = %lobby, "The match of {lobby} does not know who came: {error}");
        }
    });
}

async fn reseat_once(hall: &Hall, lobby: LobbyId, playing: &[MatchId]) -> Result<(), Error> {
    let cx = Cx::server(hall);
    let found = cx.read(move |tx| {
        let Some((state, _)) = store::find(tx, lobby)? else { return Ok(None) };
        let mut seats = state.seats();
        store::bring_parties(tx, &mut seats)?;
        Ok::<_, Error>(Some((state.lobby, seats)))
    });
    if let Some((lobby, seats)) = found.await?
        && let Some(match_id) = lobby.match_id.filter(|match_id| playing.contains(match_id))
    {
        matches::seat(hall, match_id, lobby.version, seats).await;
    }
    Ok(())
}

/// The host of the match that a lobby plays is gone for good.
pub(super) fn desert_match(hall: &Hall, match_id: MatchId) {
    let weak = hall.downgrade();
    hall.spawn(async move {
        if let Some(hall) = weak.upgrade() {
            matches::lose_host(&hall, match_id).await;
        }
    });
}

/// The match that a lobby played is over: the lobby waits again.
pub(super) async fn match_over(hall: Hall, over: Over) {
    let Over { match_id, lobby_id: Some(lobby) } = over else { return };
    let cx = Cx::server(&hall);
    if let Err(error) = persistently(&hall, || tell(&cx, lobby, Act::Over { match_id })).await {
        tracing::warn!(lobby.id = %lobby, "The lobby {lobby} does not know that its match is over: {error}");
    }
    rooms::settled(&hall, lobby).await;
    places::settled(&hall, lobby).await;
}

/// All lobbies as they are stored, some at a time.
struct Stored {
    after: LobbyId,
}

impl Stored {
    fn all() -> Self {
        Self { after: LobbyId::from_uuid(Uuid::nil()) }
    }

    /// The next ones; none once these were all.
    async fn next(&mut self, hall: &Hall) -> Result<Vec<State>, Error> {
        let after = self.after;
        let states = Cx::server(hall).read(move |tx| store::list(tx, after, BATCH)).await?;
        self.after = states.last().map_or(after, |last| last.lobby.id);
        Ok(states)
    }
}

/// Fills the index before anybody asks.
pub(super) async fn load(hall: &Hall) -> Result<(), Error> {
    let mut stored = Stored::all();
    loop {
        let states = stored.next(hall).await?;
        if states.is_empty() {
            return Ok(());
        }
        for state in &states {
            hall.lobbies().index.put(list::Card::of(state));
        }
    }
}

/// Wakes the lobbies in which something is due, has all rooms follow, and after the grace period lets go of those who did not come back.
pub(super) async fn recover(hall: WeakHall) {
    if let Err(error) = wake(&hall).await {
        tracing::warn!("Could not wake all lobbies: {error}");
    }
    let Some((clock, grace)) = hall.upgrade().map(|hall| (hall.shared_clock(), grace(&hall))) else { return };
    clock.sleep_until(clock.elapsed() + grace).await;
    if let Err(error) = look_after_all(&hall).await {
        tracing::warn!("Could not look for those who did not come back to their lobbies: {error}");
    }
}

async fn wake(hall: &WeakHall) -> Result<(), Error> {
    if let Some(hall) = hall.upgrade() {
        rooms::recover(&Cx::server(&hall)).await?;
        places::recover(&Cx::server(&hall)).await?;
    }
    let mut stored = Stored::all();
    while let Some(hall) = hall.upgrade() {
        let states = stored.next(&hall).await?;
        if states.is_empty() {
            keeper::begin(&hall);
            break;
        }
        for user in restricted_in(&hall, &states).await? {
            // What a crash may have kept their lobby from hearing.
            obey(hall.downgrade(), user).await;
        }
        for (id, at) in states.iter().filter_map(|state| Some((state.lobby.id, state.next_due()?))) {
            tell(&Cx::server(&hall), id, Act::Tick { at }).await?;
        }
        for state in &states {
            rooms::begin(&hall, state.lobby.id, Vec::new());
            rooms::settled(&hall, state.lobby.id).await;
            if state.place.is_some() {
                places::begin(&hall, state.lobby.id, Vec::new());
            }
        }
        for (lobby, match_id) in
            states.iter().filter_map(|state| Some((state.lobby.id, state.lobby.match_id?)))
        {
            meet_match(&hall, lobby, match_id).await?;
        }
    }
    Ok(())
}

/// Who is in these lobbies, or hosts them, and may not do everything.
async fn restricted_in(hall: &Hall, states: &[State]) -> Result<Vec<UserId>, Error> {
    let people = states.iter().flat_map(|state| state.lobby.members.keys().chain([&state.lobby.host_id]));
    let people: Vec<UserId> = people.copied().collect();
    Cx::server(hall).read(move |tx| Ok(restrictions::restricted_among(tx, &people)?)).await
}

/// What a crash may have kept a lobby from hearing of its match, or the match of its lobby.
async fn meet_match(hall: &Hall, lobby: LobbyId, match_id: MatchId) -> Result<(), Error> {
    let is_on = Cx::server(hall).read(move |tx| matches::is_on(tx, match_id)).await;
    if is_on.map_err(matches::Error::into_common)? {
        reseat(hall, lobby, match_id);
    } else {
        match_over(hall.clone(), Over { match_id, lobby_id: Some(lobby) }).await;
    }
    Ok(())
}

async fn look_after_all(hall: &WeakHall) -> Result<(), Error> {
    let mut stored = Stored::all();
    while let Some(hall) = hall.upgrade() {
        let states = stored.next(&hall).await?;
        if states.is_empty() {
            break;
        }
        for state in states {
            for user in state.lobby.members.keys().chain([&state.lobby.host_id]) {
                look_after(&hall, *user).await;
            }
        }
    }
    Ok(())
}
