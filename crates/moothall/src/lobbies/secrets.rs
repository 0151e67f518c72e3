//! What is kept of a lobby's password.

use data_encoding::HEXLOWER;
use moothall_protocol::LobbyId;
use ring::digest::{Context, SHA256};

/// What is kept of a password: its hash together with the lobby's id, so that the same password looks different in another lobby.
///
/// A fast hash, because a lobby's password is known to all who are in it, lives as long as the lobby, and is guessed only as often as
/// `codes.rs` lets.
pub(super) fn password_hash(lobby: LobbyId, password: &str) -> String {
    let mut context = Context::new(&SHA256);
    context.update(lobby.uuid().as_bytes());
    context.update(password.as_bytes());
    HEXLOWER.encode(context.finish().as_ref())
}
