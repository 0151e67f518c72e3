//! Who hosts a lobby after its host is gone.

use moothall_protocol::UserId;
use moothall_protocol::lobbies::{HostKind, OnHostLoss};

use super::{Closing, Effect, State, Step};

impl State {
    /// The host is gone: somebody else hosts the lobby, or it closes. Who is connected comes before who is not; of these a boss,
    /// else whoever has had a seat for longest, else whoever has been here for longest.
    pub(super) fn lose_host(&mut self, present: &[UserId], step: &mut Step<'_, '_>) {
        // Hosts from a pool are looked after by that.
        if self.lobby.host_kind == HostKind::Server {
            return;
        }
        let rank = |user: &UserId| self.lobby.bosses.iter().position(|boss| boss == user);
        let heir = self.lobby.members.iter().min_by_key(|(user, member)| {
            (
                !present.contains(user),
                rank(user).unwrap_or(usize::MAX),
                member.seated_at.is_none(),
                member.seated_at.unwrap_or(member.joined_at),
                **user,
            )
        });
        match heir.filter(|_| self.lobby.on_host_loss == OnHostLoss::Migrate).map(|(user, _)| *user) {
            None => step.closing = Some(Closing::left()),
            Some(heir) => {
                if self.lobby.host_kind == HostKind::Dedicated {
                    step.turn.persist(Effect::Unhosted { host: self.lobby.host_id });
                }
                self.lobby.host_id = heir;
                self.lobby.host_kind = HostKind::Player;
            }
        }
    }
}
