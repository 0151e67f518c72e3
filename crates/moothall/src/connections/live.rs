//! The live sessions: which there are, whose they are, which have a socket, and when they can no longer be resumed.
//!
//! One table under one short lock; nothing is awaited and nobody is called while it is held. A session comes with
//! [`Live::admit`], is attached by one socket at a time (each attachment has a number, a later one a higher), is dropped when
//! its socket goes, and leaves with [`Live::remove`]: by sign-out, by its user's other sessions, or some time after the drop.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use moothall_protocol::accounts::SessionKind;
use moothall_protocol::connections::{Connected, ConnectedCount};
use moothall_protocol::limits::{LIVE_SESSIONS_MAX, RESUME_IN_MATCH_MS_MAX, RESUME_MS_MAX};
use moothall_protocol::{SessionId, UserId};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::Error;
use super::followers::Followers;
use super::policy::{self, Held, SessionPolicies};
use super::session::Session;
use super::texts::TextGuard;
use super::tickets::Tickets;
use super::watches::Watches;
use crate::Identity;

/// How long after the drop a session can be resumed.
const RESUME: Duration = Duration::from_millis(RESUME_MS_MAX as u64);
/// The same in a match, which is hard to come back to without what happened in it meanwhile.
const RESUME_IN_MATCH: Duration = Duration::from_millis(RESUME_IN_MATCH_MS_MAX as u64);

/// What this context keeps in memory.
#[derive(Debug)]
pub(crate) struct Live {
    pub(super) tickets: Tickets,
    pub(super) watches: Arc<Watches>,
    /// Woken when a session is dropped, for the task that ends it when nobody resumes.
    pub(super) dropped: Arc<Notify>,
    pub(super) followers: Followers,
    /// Says whether a caller may have others read what they write.
    pub(super) text_guard: TextGuard,
    sessions: Mutex<Sessions>,
}

#[derive(Debug, Default)]
struct Sessions {
    by_id: HashMap<SessionId, Entry>,
    /// Oldest first.
    by_user: HashMap<UserId, Vec<SessionId>>,
    /// Those without a socket.
    dropped: BTreeMap<Drop, SessionId>,
    drops: u64,
    attachments: u64,
}

#[derive(Debug)]
struct Entry {
    session: Arc<Session>,
    attachment: u64,
    /// Without a socket, since this.
    dropped: Option<Drop>,
}

/// When a drop is final, and the how manyth it was.
type Drop = (Duration, u64);

impl Entry {
    fn is_attached(&self) -> bool {
        self.dropped.is_none()
    }
}

/// A session that was let in.
#[derive(Debug)]
pub(super) struct Admitted {
    pub session: Arc<Session>,
    pub attachment: u64,
    /// Sessions that are live no more, because this one took their place.
    pub replaced: Vec<Gone>,
}

/// A session that is live no more.
#[derive(Debug)]
pub(super) struct Gone {
    pub session: Arc<Session>,
    /// Its last.
    pub attachment: u64,
}

impl Live {
    pub fn new() -> Self {
        Self {
            tickets: Tickets::default(),
            watches: Arc::default(),
            dropped: Arc::default(),
            followers: Followers::default(),
            text_guard: TextGuard::default(),
            sessions: Mutex::default(),
        }
    }

    /// Lets a session in, or attaches it anew.
    pub(super) fn admit(
        &self,
        identity: &Identity,
        policies: &SessionPolicies,
        make: impl FnOnce() -> Session,
    ) -> Result<Admitted, Error> {
        let mut sessions = self.sessions.lock();
        sessions.attachments += 1;
        let attachment = sessions.attachments;
        let Sessions { by_id, dropped, .. } = &mut *sessions;
        if let Some(entry) = by_id.get_mut(&identity.session_id) {
            entry.attachment = attachment;
            if let Some(drop) = entry.dropped.take() {
                dropped.remove(&drop);
            }
            return Ok(Admitted { session: Arc::clone(&entry.session), attachment, replaced: Vec::new() });
        }
        let mut replaced = sessions.make_room_for(identity, policies)?;
        if sessions.by_id.len() >= LIVE_SESSIONS_MAX {
            replaced.push(sessions.remove_oldest_drop().ok_or(crate::Error::Unavailable)?);
        }
        let session = Arc::new(make());
        let entry = Entry { session: Arc::clone(&session), attachment, dropped: None };
        sessions.by_id.insert(session.id, entry);
        sessions.by_user.entry(session.user_id).or_default().push(session.id);
        Ok(Admitted { session, attachment, replaced })
    }

    /// The socket of this attachment is gone. Returns whether it was the session's newest.
    pub(super) fn drop_attachment(&self, now: Duration, session: &Session, attachment: u64) -> bool {
        let until = now + if session.is_in_match() { RESUME_IN_MATCH } else { RESUME };
        let mut sessions = self.sessions.lock();
        let Sessions { by_id, dropped, drops, .. } = &mut *sessions;
        let Some(entry) = by_id.get_mut(&session.id).filter(|entry| entry.attachment == attachment) else {
            return false;
        };
        *drops += 1;
        entry.dropped = Some((until, *drops));
        dropped.insert((until, *drops), session.id);
        drop(sessions);
        self.dropped.notify_one();
        true
    }

    /// Takes away a session. Whoever calls this ends it.
    pub(super) fn remove(&self, session: SessionId) -> Option<Gone> {
        self.sessions.lock().remove(session)
    }

    /// Takes away the sessions that can no longer be resumed.
    pub(super) fn remove_expired(&self, now: Duration) -> Vec<Gone> {
        let mut sessions = self.sessions.lock();
        let mut expired = Vec::new();
        while let Some(first) = sessions.dropped.first_entry().filter(|first| first.key().0 <= now) {
            let session = first.remove();
            expired.extend(sessions.remove(session));
        }
        expired
    }

    /// When the next session may expire.
    pub fn next_expiry(&self) -> Option<Duration> {
        self.sessions.lock().dropped.first_key_value().map(|((until, _), _)| *until)
    }

    pub(super) fn find(&self, session: SessionId) -> Option<Arc<Session>> {
        self.sessions.lock().by_id.get(&session).map(|entry| Arc::clone(&entry.session))
    }

    /// Whether a session of the user has a socket.
    pub fn is_attached(&self, user: UserId) -> bool {
        self.sessions.lock().entries_of(user).any(|entry| entry.is_attached())
    }

    /// The latest attachment of the user's sessions.
    pub fn visit_of(&self, user: UserId) -> Option<u64> {
        self.sessions.lock().entries_of(user).map(|entry| entry.attachment).max()
    }

    /// The live sessions of a user, oldest first.
    pub(super) fn of_user(&self, user: UserId) -> Vec<Arc<Session>> {
        let sessions = self.sessions.lock();
        let ids = sessions.by_user.get(&user).map(Vec::as_slice).unwrap_or_default();
        ids.iter().filter_map(|id| sessions.by_id.get(id)).map(|entry| Arc::clone(&entry.session)).collect()
    }

    /// The live sessions after `after`, by id.
    pub fn list(&self, kind: Option<SessionKind>, after: Option<SessionId>, count: usize) -> Vec<Connected> {
        let mut chosen: Vec<(Arc<Session>, bool)> = self
            .sessions
            .lock()
            .by_id
            .values()
            .filter(|entry| kind.is_none_or(|kind| entry.session.kind == kind))
            .filter(|entry| after.is_none_or(|after| entry.session.id > after))
            .map(|entry| (Arc::clone(&entry.session), entry.is_attached()))
            .collect();
        chosen.sort_unstable_by_key(|(session, _)| session.id);
        chosen.truncate(count);
        chosen.into_iter().map(|(session, is_attached)| session.describe(is_attached)).collect()
    }

    /// Who is connected, in figures.
    pub fn count(&self) -> ConnectedCount {
        let sessions = self.sessions.lock();
        let mut count = ConnectedCount { sessions: sessions.by_id.len() as u64, ..ConnectedCount::default() };
        for ids in sessions.by_user.values() {
            let kinds: Vec<SessionKind> = ids
                .iter()
                .filter_map(|id| sessions.by_id.get(id))
                .filter(|entry| entry.is_attached())
                .map(|entry| entry.session.kind)
                .collect();
            let plays = kinds.iter().any(|kind| matches!(kind, SessionKind::Game | SessionKind::Web));
            count.players += u64::from(plays);
            count.bots += u64::from(!plays && kinds.contains(&SessionKind::Bot));
        }
        count
    }

    /// Everything this context holds, for the test that looks for leaks.
    #[cfg(test)]
    pub fn leftovers(&self) -> [usize; 6] {
        let sessions = self.sessions.lock();
        let [watched, changed, shown] = self.watches.leftovers();
        let tickets = self.tickets.count();
        [
            sessions.by_id.len() + sessions.dropped.len(),
            sessions.by_user.len(),
            tickets,
            watched,
            changed,
            shown,
        ]
    }
}

impl Sessions {
    fn entries_of(&self, user: UserId) -> impl Iterator<Item = &Entry> {
        let ids = self.by_user.get(&user).map(Vec::as_slice).unwrap_or_default();
        ids.iter().filter_map(|id| self.by_id.get(id))
    }

    fn make_room_for(&mut self, identity: &Identity, policies: &SessionPolicies) -> Result<Vec<Gone>, Error> {
        let ids = self.by_user.get(&identity.user_id).cloned().unwrap_or_default();
        let held: Vec<Held> = ids
            .iter()
            .filter_map(|id| self.by_id.get(id))
            .map(|entry| Held { kind: entry.session.kind, is_attached: entry.is_attached() })
            .collect();
        let going = policy::make_room(policies, &held, identity.kind).ok_or(Error::TooManySessions)?;
        Ok(going.into_iter().filter_map(|index| self.remove(*ids.get(index)?)).collect())
    }

    fn remove_oldest_drop(&mut self) -> Option<Gone> {
        let (_, session) = self.dropped.pop_first()?;
        self.remove(session)
    }

    fn remove(&mut self, id: SessionId) -> Option<Gone> {
        let entry = self.by_id.remove(&id)?;
        if let Some(drop) = entry.dropped {
            self.dropped.remove(&drop);
        }
        if let Some(ids) = self.by_user.get_mut(&entry.session.user_id) {
            ids.retain(|known| *known != id);
            if ids.is_empty() {
                self.by_user.remove(&entry.session.user_id);
            }
        }
        Some(Gone { session: entry.session, attachment: entry.attachment })
    }
}

#[cfg(test)]
mod tests {
    use moothall_protocol::Timestamp;

    use super::*;
    use crate::{Permissions, Random, SeededRandom};

    #[test]
    fn a_full_server_lets_in_who_is_there_in_place_of_who_left_first() {
        let random: Arc<dyn Random> = SeededRandom::from_seed(1);
        let live = Live::new();
        let now = Timestamp::from_micros(0);
        let admit = || {
            let identity = Identity {
                user_id: random.id(now),
                owner_id: None,
                session_id: random.id(now),
                kind: SessionKind::Game,
                api_key_id: None,
                permissions: Permissions::default(),
                restricted: None,
            };
            live.admit(&identity, &SessionPolicies::default(), || {
                Session::new(&identity, now, None, Arc::default())
            })
        };
        let admitted: Vec<Admitted> = (0..LIVE_SESSIONS_MAX).map(|_| admit().unwrap()).collect();
        assert!(admit().is_err(), "all are there");
        let gone = [admitted.get(7).unwrap(), admitted.get(3).unwrap()];
        for admitted in gone {
            assert!(live.drop_attachment(Duration::ZERO, &admitted.session, admitted.attachment));
        }
        for gone in gone {
            let replaced = admit().unwrap().replaced;
            assert_eq!(replaced.iter().map(|gone| gone.session.id).collect::<Vec<_>>(), [gone.session.id]);
        }
        assert!(admit().is_err());
        assert_eq!(live.count().sessions, LIVE_SESSIONS_MAX as u64);
    }
}
