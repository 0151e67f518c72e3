//! Who hosts a lobby after its host is gone.

use moothall_protocol::UserId;
use moothall_protocol::lobbies::{HostKind, OnHostLoss};
use serde::{Deserialize, Serialize};

use super::{Closing, Effect, State, Step};
use crate::lobbies::Error;

/// What is known of those who may host a lobby after its host.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::lobbies) struct Heirs {
    /// They are connected.
    pub present: Vec<UserId>,
    /// They may not host lobbies of this mode.
    pub barred: Vec<UserId>,
}

impl State {
    /// Somebody may not host lobbies any more: if they host this one, it goes as if they had left it, but that they stay in it.
    pub(super) fn unseat_host(
        &mut self,
        user: UserId,
        heirs: &Heirs,
        step: &mut Step<'_, '_>,
    ) -> Result<(), Error> {
        step.require_server()?;
        if self.is_host(user) {
            self.lose_host(heirs, step);
        }
        Ok(())
    }

    /// The host is gone: somebody else hosts the lobby, or it closes. Who is connected comes before who is not; of these a boss,
    /// else whoever has had a seat for longest, else whoever has been here for longest. Who may not host does not.
    pub(super) fn lose_host(&mut self, heirs: &Heirs, step: &mut Step<'_, '_>) {
        // Hosts from a pool are looked after by that.
        if self.lobby.host_kind == HostKind::Server {
            return;
        }
        let rank = |user: &UserId| self.lobby.bosses.iter().position(|boss| boss == user);
        let able = self.lobby.members.iter().filter(|(user, _)| !heirs.barred.contains(user));
        let heir = able.min_by_key(|(user, member)| {
            (
                !heirs.present.contains(user),
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
