//! Who hears what is said in a lobby.

use std::collections::BTreeSet;

use moothall_protocol::UserId;
use moothall_protocol::lobbies::LobbyStatus;

use super::State;

/// Who is in which of a lobby's rooms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::lobbies) struct Audiences {
    /// All who are here, and a host who is none of them.
    pub all: Vec<UserId>,
    /// Those who watch.
    pub spectators: Vec<UserId>,
}

impl State {
    pub(in crate::lobbies) fn audiences(&self) -> Audiences {
        let members = self.lobby.members.keys().copied();
        let host = self.outside_host();
        let players: BTreeSet<UserId> = self.lobby.players().collect();
        let watches = |user: &UserId| !players.contains(user) && !self.playing.contains(user);
        Audiences {
            all: members.clone().chain(host).collect(),
            spectators: members.filter(watches).collect(),
        }
    }

    /// Remembers who plays the game that runs. Whoever did and stands up does not read what spectators say of it: they might sit down
    /// again.
    pub(super) fn note_playing(&mut self) {
        if self.lobby.status == LobbyStatus::Running {
            let players: Vec<UserId> = self.lobby.players().collect();
            self.playing.extend(players);
        } else {
            self.playing.clear();
        }
    }
}
