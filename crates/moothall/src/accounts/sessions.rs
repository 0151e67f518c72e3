//! Sessions: where a user is signed in, and the refresh tokens that keep it so.
//!
//! Start at [`Opening`], then [`refresh`]. A refresh token has three parts: the session's id, a part all tokens of the session
//! share (the *family*), and a part of its own (its *turn*). The row keeps a hash of the family, of the newest turn and of the
//! one before. So one row tells, however long the session lives, the newest token from an old one (right family, another turn:
//! somebody has a copy, and the session ends) and from a made-up one (wrong family: nothing happens).
//!
//! The newest turn is derived from the one before and a random salt in the row. If an answer gets lost, or two tabs refresh
//! at once, the same token sent again within 30 seconds gets the same successor. A thief gains no more by that than by using the
//! stolen token first, and as before loses it all with the next turn that only one of the two knows of.

mod store;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use moothall_protocol::accounts::{
    ListSessions, Refresh, RevokeSession, RevokeSessions, RevokeUserSessions, SessionKind, Sessions,
    SessionsRevoked, SignOut, SignedIn,
};
use moothall_protocol::{CloseCode, RestrictionId, SessionId, Timestamp, UserId, limits};

pub(super) use store::{STATEMENTS, list as all_of};

use super::credentials::{self, Account};
use super::identities::{forget, issue_token, require_session};
use super::secret::{Hash, hash};
use super::{Error, SESSIONS, changes, identities, sign_in, throttle, users};
use crate::cx::{Cx, Tx};
use crate::operation::Rate;
use crate::restrictions::Arrival;
use crate::restrictions::types::LOGIN;
use crate::topics::Closing;
use crate::{Random, audit, connections, restrictions};

const PREFIX: &str = "mhr_";
const RETRY: Duration = Duration::from_secs(limits::REFRESH_RETRY_SECONDS as u64);

/// A refresh token, read.
#[derive(Clone, Copy)]
struct RefreshToken {
    session: SessionId,
    family: [u8; 32],
    turn: [u8; 32],
}

impl RefreshToken {
    fn new(random: &dyn Random, session: SessionId) -> Self {
        Self { session, family: random.bytes(), turn: random.bytes() }
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64URL_NOPAD.decode(text.strip_prefix(PREFIX)?.as_bytes()).ok()?;
        let (session, rest) = bytes.split_first_chunk::<16>()?;
        let (family, turn) = rest.split_first_chunk::<32>()?;
        let session = SessionId::from_uuid(uuid::Uuid::from_bytes(*session));
        Some(Self { session, family: *family, turn: turn.try_into().ok()? })
    }

    fn text(&self) -> String {
        let bytes = [self.session.uuid().as_bytes().as_slice(), &self.family, &self.turn].concat();
        format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&bytes))
    }

    fn family_hash(&self) -> Hash {
        hash(&[b"family", &self.family])
    }

    fn turn_hash(&self) -> Hash {
        hash(&[b"turn", &self.turn])
    }

    /// The token that follows this one. Who has only the token, or only the database, cannot tell.
    fn successor(&self, salt: &[u8; 32]) -> Self {
        Self { turn: hash(&[b"successor", &self.turn, salt]), ..*self }
    }
}

/// A session about to be opened: its tokens are made before the transaction, which has others waiting.
#[derive(Clone)]
pub(super) struct Opening {
    /// When its user showed who they are, if not now.
    pub signed_in_at: Option<Timestamp>,
    /// By which the game knows the device, if it said so.
    pub device_id: Option<String>,
    id: SessionId,
    kind: SessionKind,
    access_token: String,
    expires_at: Timestamp,
    refresh: RefreshToken,
    /// For somebody who may not sign in: see [`with_limited_token`].
    is_limited: bool,
}

impl Opening {
    pub fn prepare(cx: &Cx, user: UserId, kind: SessionKind) -> Result<Self, Error> {
        let id = cx.new_id();
        let (access_token, expires_at) = issue_token(cx, user, id, kind)?;
        let refresh = RefreshToken::new(cx.random(), id);
        let (signed_in_at, device_id) = (None, None);
        Ok(Self { signed_in_at, device_id, id, kind, access_token, expires_at, refresh, is_limited: false })
    }

    /// The same, on this device.
    pub fn on_device(self, device_id: Option<String>) -> Self {
        Self { device_id, ..self }
    }

    /// Opens the session. A user who has too many loses the one not seen for longest.
    pub fn open(&self, tx: &mut Tx<'_, '_>, account: &Account) -> Result<SignedIn, Error> {
        account.standing.check(tx.cx())?;
        let user = account.user.id;
        restrictions::check_within(tx, user, LOGIN)?;
        let arrival = Arrival::new(tx.cx(), self.device_id.as_deref(), account.email.as_deref());
        admit(tx, user, &arrival)?;
        for crowded_out in store::beyond(tx, user, limits::SESSIONS_SIGNED_IN_MAX - 1)? {
            end(tx, user, crowded_out, "you signed in elsewhere too often")?;
        }
        store::insert(tx, self, user, lifetime(tx.cx()))?;
        throttle::remember(tx, user)?;
        restrictions::record(tx, user, &arrival)?;
        Ok(SignedIn {
            user: account.user.clone(),
            session_id: self.id,
            kind: self.kind,
            access_token: self.access_token.clone(),
            expires_at: self.expires_at,
            refresh_token: self.refresh.text(),
            refresh_expires_at: tx.now() + lifetime(tx.cx()),
            guest_secret: None,
            delete_after: account.delete_after,
        })
    }
}

/// Refuses a user who comes from where it is banned.
pub(super) fn admit(tx: &mut Tx<'_, '_>, user: UserId, arrival: &Arrival) -> Result<(), crate::Error> {
    restrictions::admit(tx, arrival, |tx, ban| {
        if ban.spares_older
            && users::likenesses(tx, &[user])?.iter().any(|known| known.created_at < ban.created_at)
        {
            return Ok(true);
        }
        let (permissions, _) = identities::permissions(tx, user, Timestamp::MAX)?;
        Ok(permissions.allow(restrictions::EXEMPT))
    })
}

/// The refusal of somebody who may not sign in, with a token that opens nothing but what is open to them. It is for who has shown who they
/// are.
pub(super) async fn with_limited_token(cx: &Cx, refusal: Error) -> Error {
    let Error::Common(crate::Error::Restricted(mut restricted)) = refusal else { return refusal };
    if let Some(id) = restricted.restriction_id {
        match open_limited(cx, id).await {
            Ok((token, expires_at)) => {
                restricted.limited_token = Some(token);
                restricted.limited_token_expires_at = Some(expires_at);
            }
            Err(error) => return error,
        }
    }
    crate::Error::Restricted(restricted).into()
}

async fn open_limited(cx: &Cx, restriction: RestrictionId) -> Result<(String, Timestamp), Error> {
    let find = move |tx: &mut Tx<'_, '_>| restrictions::user_of(tx, restriction);
    let user = cx.read(find).await?.ok_or(crate::Error::NotFound)?;
    let opening = Opening { is_limited: true, ..Opening::prepare(cx, user, SessionKind::default())? };
    cx.write(move |tx| {
        // One at a time: whoever tries again and again pushes out no session of theirs.
        store::delete_limited(tx, user)?;
        let life = opening.expires_at.since(tx.now());
        store::insert(tx, &opening, user, life)?;
        Ok((opening.access_token.clone(), opening.expires_at))
    })
    .await
}

fn lifetime(cx: &Cx) -> Duration {
    Duration::from_secs(u64::from(cx.hall().settings().accounts.session_days) * 24 * 3600)
}

/// The network an address is in, for its owner to recognise: never more than others may know.
fn place(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}::/48")
        }
    }
}

/// Why there are no new tokens.
enum Refusal {
    /// The token was used before, and not just now.
    Reused(UserId, SessionId),
    Other(Error),
}

impl<E: Into<Error>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

/// Takes new tokens for a session; see [`Refresh`] for what happens to those that were used.
pub async fn refresh(cx: &Cx, input: Refresh) -> Result<SignedIn, Error> {
    let Some(token) = RefreshToken::parse(&input.refresh_token) else { return Err(wrong_token(cx)) };
    restrictions::load_bans(cx).await?;
    let is_counted = Arc::new(AtomicBool::new(false));
    match cx.mutate(move |tx| take_turn(tx, &token, &is_counted)).await {
        Ok(signed_in) => Ok(signed_in),
        Err(Refusal::Other(refusal @ Error::Common(crate::Error::Restricted(_)))) => {
            Err(with_limited_token(cx, refusal).await)
        }
        Err(Refusal::Other(Error::Common(crate::Error::TokenInvalid))) => Err(wrong_token(cx)),
        Err(Refusal::Other(error)) => Err(error),
        Err(Refusal::Reused(user, session)) => {
            metrics::counter!("accounts_refresh_tokens_reused_total").increment(1);
            cx.write(move |tx| {
                let target = format!("session:{session}");
                audit::record(tx, audit::Entry::new("accounts.refresh_token_reused").target(target))?;
                end(tx, user, session, "a used refresh token came back")
            })
            .await?;
            Err(crate::Error::TokenInvalid.into())
        }
    }
}

/// Counts a wrong token as what it is: somebody of this network who could not sign in.
fn wrong_token(cx: &Cx) -> Error {
    cx.hall().rates().take(cx, Rate::SignIn).err().unwrap_or(crate::Error::TokenInvalid).into()
}

/// `is_counted` remembers over runs of this transaction that the request took its part of the rate.
fn take_turn(
    tx: &mut Tx<'_, '_>,
    token: &RefreshToken,
    is_counted: &AtomicBool,
) -> Result<SignedIn, Refusal> {
    let now = tx.now();
    let invalid = || Error::from(crate::Error::TokenInvalid);
    let held = store::find(tx, token.session)?
        .filter(|held| held.family == token.family_hash())
        .ok_or_else(invalid)?;
    if !is_counted.load(Ordering::Relaxed) {
        tx.cx().hall().rates().take_of_session(tx.cx(), token.session, Rate::SignIn)?;
        is_counted.store(true, Ordering::Relaxed);
    }
    let account = credentials::find_by_id(tx, held.user)?.ok_or_else(invalid)?;
    account.standing.check(tx.cx())?;
    restrictions::check_within(tx, held.user, LOGIN)?;
    // On which device it goes on, a session does not say.
    let arrival = Arrival::new(tx.cx(), None, account.email.as_deref());
    admit(tx, held.user, &arrival)?;
    let turn = token.turn_hash();
    let salt = if turn == held.turn {
        let salt = tx.cx().random().bytes();
        let successor = token.successor(&salt).turn_hash();
        store::turn(tx, token.session, &turn, &successor, &salt, now + lifetime(tx.cx()))?;
        throttle::remember(tx, held.user)?;
        restrictions::record(tx, held.user, &arrival)?;
        salt
    } else {
        match held.last_turn {
            Some(last) if last.before == turn && now.since(last.at) <= RETRY => last.salt,
            _ => return Err(Refusal::Reused(held.user, token.session)),
        }
    };
    let (access_token, expires_at) = issue_token(tx.cx(), held.user, token.session, held.kind)?;
    Ok(SignedIn {
        user: account.user,
        session_id: token.session,
        kind: held.kind,
        access_token,
        expires_at,
        refresh_token: token.successor(&salt).text(),
        refresh_expires_at: now + lifetime(tx.cx()),
        guest_secret: None,
        delete_after: account.delete_after,
    })
}

/// Ends a session: its tokens are void and its socket closes. Returns whether it was there.
pub(super) fn end(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    session: SessionId,
    reason: &str,
) -> Result<bool, crate::Error> {
    let is_ended = store::delete(tx, user, session)?;
    if is_ended {
        after_end(tx, user, vec![session], reason)?;
    }
    Ok(is_ended)
}

/// Ends all sessions of a user, but one if `except` names it. Codes that wait to become a session are void too.
pub(crate) fn end_all(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    except: Option<SessionId>,
    reason: &str,
) -> Result<u64, crate::Error> {
    let ended = store::delete_all(tx, user, except)?;
    let count = ended.len() as u64;
    sign_in::void_codes(tx, user)?;
    after_end(tx, user, ended, reason)?;
    Ok(count)
}

/// Forgets sessions that are over: see `changes.rs` for their sockets.
pub(super) fn sweep(tx: &mut Tx<'_, '_>) -> Result<u64, crate::Error> {
    let before = tx.now() - changes::LINGER;
    store::delete_expired(tx, before)
}

/// First nobody is let in with the session any more, then who is in is put out.
pub(super) fn after_end(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    sessions: Vec<SessionId>,
    reason: &str,
) -> Result<(), crate::Error> {
    forget(tx, user)?;
    let hall = tx.cx().hall().clone();
    let closing = Closing::new(CloseCode::SignedOut, reason);
    tx.after_commit(move || {
        for session in sessions {
            connections::end_session(&hall, session, closing.clone());
        }
    });
    Ok(())
}

/// Ends the caller's session.
pub async fn sign_out(cx: &Cx, _: SignOut) -> Result<(), Error> {
    let identity = require_session(cx)?;
    let (user, session) = (identity.user_id, identity.session_id);
    cx.mutate(move |tx| {
        end(tx, user, session, "you signed out")?;
        Ok(())
    })
    .await
}

/// Where a user is signed in, the one seen last first.
pub async fn list_sessions(cx: &Cx, input: ListSessions) -> Result<Sessions, Error> {
    let user = match input.user_id {
        Some(user) if cx.user() != Some(user) => {
            cx.require(SESSIONS)?;
            user
        }
        _ => require_session(cx)?.user_id,
    };
    let current = cx.identity().map(|identity| identity.session_id);
    cx.read(move |tx| Ok(Sessions { items: store::list(tx, user, current)? })).await
}

/// Ends one session of the caller.
pub async fn revoke_session(cx: &Cx, input: RevokeSession) -> Result<(), Error> {
    let user = require_session(cx)?.user_id;
    cx.mutate(move |tx| {
        if end(tx, user, input.session_id, "this session was ended")? {
            Ok(())
        } else {
            Err(crate::Error::NotFound.into())
        }
    })
    .await
}

/// Ends the caller's other sessions, or all.
pub async fn revoke_sessions(cx: &Cx, input: RevokeSessions) -> Result<SessionsRevoked, Error> {
    let identity = require_session(cx)?;
    let (user, current) = (identity.user_id, identity.session_id);
    let except = (!input.including_current.unwrap_or_default()).then_some(current);
    cx.mutate(move |tx| Ok(SessionsRevoked { count: end_all(tx, user, except, "this session was ended")? }))
        .await
}

/// Ends all sessions of a user, in the name of staff. Even of one who may do more than they: whoever is on duty when an
/// administrator's session is stolen must be able to end it.
pub async fn revoke_user_sessions(cx: &Cx, input: RevokeUserSessions) -> Result<SessionsRevoked, Error> {
    cx.require(SESSIONS)?;
    cx.mutate(move |tx| {
        credentials::find_by_id(tx, input.user_id)?.ok_or(crate::Error::NotFound)?;
        let count = end_all(tx, input.user_id, None, "this session was ended by staff")?;
        let entry =
            audit::Entry::new("accounts.revoke_user_sessions").user(input.user_id).reason(&input.reason);
        audit::record(tx, entry.change(&count, &0))?;
        Ok(SessionsRevoked { count })
    })
    .await
}
